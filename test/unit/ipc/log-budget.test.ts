import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LINES_PER_SECOND, LogBudget } from '../../../src/ipc/log-budget.js'

describe('the log of what programs do', () => {
  it('gets so many lines a second, and how many were left out', () => {
    const lines: string[] = []
    const budget = new LogBudget((level, message) => lines.push(`${level} ${message}`))
    for (let i = 0; i < LINES_PER_SECOND + 7; i++) budget.write(1000, 'error', `${i}`)
    assert.equal(lines.length, LINES_PER_SECOND)
    budget.write(1999, 'error', 'still too soon')
    assert.equal(lines.length, LINES_PER_SECOND)
    budget.write(2000, 'error', 'again')
    assert.deepEqual(lines.slice(-2), ['warning Lines about programs were left out, suppressed=8', 'error again'])
  })
})
