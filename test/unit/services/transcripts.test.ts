import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expectedSteps, loadTranscript, Replay } from '../../support/transcript.js'

// Handles behave as in the C engine here: see ConnectionHost.reusableHandles.
function replay(name: string): void {
  const transcript = loadTranscript(name)
  const expected = expectedSteps(transcript)
  const seen = new Replay(transcript).run()
  seen.forEach((step, index) => {
    assert.deepEqual(step.seen, expected[index]!.seen, `step ${index}: ${step.do}`)
  })
}

describe('clients of closed process groups see what clients of the C engine were recorded to see', () => {
  it('join, join again, leave, crash', () => replay('basic'))

  it('one node isolated and merged back', () => replay('partition-merge'))

  it('membership changes on both sides of a partition', () => replay('partition-join-leave'))

  it('a daemon frozen past the token timeout', () => replay('node-pause'))

  it('a daemon that crashes, starts again, and one that stops in order', () => replay('daemon-crash'))

  it('several groups across a partition', () => replay('multi-group-partition'))
})
