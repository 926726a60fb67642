// From the executive's thread to the lines of a file: what is lost where, and that it is said.

import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readTrace } from '../../../src/cli/check.js'
import { createRecordingMemory, EngineRecorder, RecordedEvents } from '../../../src/recorder/engine-recorder.js'
import { EngineRecording } from '../../../src/recorder/engine-recording.js'
import { hashBytes } from '../../../src/recorder/payload-hash.js'
import type { ConfigurationChange } from '../../../src/totem/types.js'

const folder = mkdtempSync(join(tmpdir(), 'corosync-recording-'))
after(() => rmSync(folder, { recursive: true, force: true }))

// Beyond 32 bits, as ring sequence numbers that follow the time of day become.
const ring = { nodeId: 7, seq: 0x1_2345_6789 }
const change: ConfigurationChange = {
  kind: 'transitional',
  members: [7],
  left: [2],
  joined: [],
  ring,
  previous: { nodeId: 2, seq: 0x10 },
}
const payload = new TextEncoder().encode('..payload')
const packet = [payload, 2, payload.length - 2] as const
const hash = hashBytes(...packet)

function drain(events: RecordedEvents) {
  const found = []
  for (let event = events.next(); event !== undefined; event = events.next()) found.push(event)
  return found
}

describe('the recorder of an engine', () => {
  it('hands over packets and configurations as they were', () => {
    const memory = createRecordingMemory()
    const recorder = new EngineRecorder(memory, () => 1500.25)
    recorder.configured(change)
    recorder.configured({ ...change, kind: 'regular', members: [7, 9, 0xffffffff], previous: { nodeId: 0, seq: 0 } })
    recorder.numbered(ring, 0xffffffff, ...packet)
    recorder.delivered(ring, 0, 9, ...packet)
    const t = 500.25
    assert.deepEqual(drain(new RecordedEvents(memory, 1000)), [
      { t, event: 'transitional', ring, previous: { nodeId: 2, seq: 0x10 }, members: [7] },
      { t, event: 'regular', ring, previous: null, members: [7, 9, 0xffffffff] },
      { t, event: 'numbered', ring, seq: 0xffffffff, hash, bytes: 7 },
      { t, event: 'delivered', ring, seq: 0, origin: 9, hash, bytes: 7 },
    ])
  })

  it('counts what finds no room, and says so before the next event', () => {
    const memory = createRecordingMemory(1024)
    const recorder = new EngineRecorder(memory, () => 0)
    const events = new RecordedEvents(memory, 0)
    const offered = 100
    for (let seq = 0; seq < offered; seq++) recorder.delivered(ring, seq, 9, ...packet)
    const kept = drain(events)
    assert.ok(kept.length > 0 && kept.length < offered)
    assert.deepEqual(
      kept.map(event => event.event === 'delivered' && event.seq),
      Array.from(kept.keys()),
    )
    recorder.delivered(ring, offered, 9, ...packet)
    const [gap, next, ...more] = drain(events)
    assert.deepEqual(gap, { t: 0, event: 'gap', lost: offered - kept.length })
    assert.deepEqual(next, { t: 0, event: 'delivered', ring, seq: offered, origin: 9, hash, bytes: 7 })
    assert.deepEqual(more, [])
  })
})

describe('the recording of an engine', () => {
  const fail = (error: Error) => assert.fail(error)

  it('goes to its file as it comes, and ends once', () => {
    const path = join(folder, 'one')
    const recording = new EngineRecording({ path, nodeId: 7, onError: fail })
    const recorder = new EngineRecorder(recording.memory, () => performance.timeOrigin + performance.now())
    recorder.numbered(ring, 1, ...packet)
    recording.write()
    assert.match(
      readFileSync(path, 'utf8'),
      /"event":"numbered","ring":"7\.123456789","seq":1,"hash":"\w{8}","bytes":7\}\n$/,
    )
    recording.end('failed', 'for a reason')
    recording.end('left')
    const [life, ...others] = readTrace(path)
    assert.equal(others.length, 0)
    assert.equal(life!.header.node, 7)
    assert.equal(life!.header.pid, process.pid)
    const [numbered, end, ...more] = life!.events
    assert.ok(numbered!.t >= 0 && numbered!.t < 60_000, `${numbered!.t} ms`)
    assert.deepEqual({ ...end, t: 0 }, { t: 0, event: 'end', how: 'failed', reason: 'for a reason' })
    assert.deepEqual(more, [])
  })

  it('follows an earlier life in its file, one that was cut off too', () => {
    const path = join(folder, 'lives')
    new EngineRecording({ path, nodeId: 7, onError: fail }).end('left')
    appendFileSync(path, readFileSync(path, 'utf8').split('\n')[0]!.concat('\n{"t":3,"ev'))
    new EngineRecording({ path, nodeId: 7, onError: fail }).end('left')
    const lives = readTrace(path)
    assert.deepEqual(
      lives.map(({ halfLine, events }) => [halfLine, events.length]),
      [
        [false, 1],
        [true, 0],
        [false, 1],
      ],
    )
  })

  it('refuses a file that cannot be opened', () => {
    const path = join(folder, 'no', 'such', 'folder')
    assert.throws(() => new EngineRecording({ path, nodeId: 7, onError: fail }), /ENOENT/)
  })

  it('says once that it cannot write, and takes what is recorded all the same', {
    skip: existsSync('/dev/full') ? false : 'needs /dev/full',
  }, () => {
    const errors: Error[] = []
    const recording = new EngineRecording({
      path: '/dev/full',
      nodeId: 7,
      onError: error => errors.push(error),
      bufferBytes: 1024,
    })
    const recorder = new EngineRecorder(recording.memory, () => 0)
    for (let seq = 0; seq < 1000; seq++) {
      recorder.numbered(ring, seq, ...packet)
      recording.write()
    }
    recording.end('left')
    assert.equal(errors.length, 1)
    assert.match(errors[0]!.message, /ENOSPC/)
  })
})
