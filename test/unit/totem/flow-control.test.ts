import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowControl } from '../../../src/totem/flow-control.js'
import { SORT_QUEUE_SIZE } from '../../../src/totem/sort-queue.js'
import { createOrfToken, type OrfToken } from '../../../src/wire/generation.js'

const WINDOW = 50
const MAX = 17

function token(fields: Partial<OrfToken>): OrfToken {
  return Object.assign(createOrfToken(), fields)
}

/** A member that sent `transmitted` and had `backlog` waiting at its last visit. */
function flowAfter(transmitted: number, backlog: number): FlowControl {
  const flow = new FlowControl(WINDOW, MAX)
  const last = token({})
  flow.allowance(last, backlog)
  flow.account(last, transmitted)
  return flow
}

describe('what a processor may send in a visit', () => {
  it('is max_messages on a quiet ring', () => {
    assert.equal(flowAfter(0, 0).allowance(token({}), 0), MAX)
    assert.equal(flowAfter(0, 0).allowance(token({ fcc: WINDOW - MAX }), 0), MAX)
  })

  it('is what the window leaves', () => {
    assert.equal(flowAfter(0, 0).allowance(token({ fcc: WINDOW - MAX + 1 }), 0), MAX - 1)
    assert.equal(flowAfter(0, 0).allowance(token({ fcc: WINDOW - 1 }), 0), 1)
    assert.equal(flowAfter(0, 0).allowance(token({ fcc: WINDOW }), 0), 0)
  })

  it('is not limited by a window that was overrun: the difference wraps', () => {
    assert.equal(flowAfter(0, 0).allowance(token({ fcc: WINDOW + 1 }), 0), MAX)
  })

  it('is its share of the window by backlog', () => {
    // The others have 90 waiting, this one had 10 and has 10: 50 * 10 / 100.
    assert.equal(flowAfter(0, 10).allowance(token({ backlog: 100 }), 10), 5)
    // 50 * 10 / 110, rounded down.
    assert.equal(flowAfter(0, 10).allowance(token({ backlog: 110 }), 10), 4)
  })

  it('counts its present backlog in the sum in place of its previous one', () => {
    // 100 + 60 - 10 = 150: 50 * 10 / 150.
    assert.equal(flowAfter(0, 10).allowance(token({ backlog: 100 }), 60), 3)
  })

  it('is not limited by a share of nothing', () => {
    assert.equal(flowAfter(0, 1).allowance(token({ backlog: 1000 }), 1), MAX)
    assert.equal(flowAfter(0, 0).allowance(token({ backlog: 1000 }), 500), MAX)
  })

  it('divides by an unsigned sum when others forgot what they added', () => {
    // 0 + 5 - 20 wraps to nearly 2^32: the share is 0, which does not limit.
    assert.equal(flowAfter(0, 20).allowance(token({ backlog: 0 }), 5), MAX)
    // 15 + 5 - 20 is 0: no division.
    assert.equal(flowAfter(0, 20).allowance(token({ backlog: 15 }), 5), MAX)
  })
})

describe('what a processor leaves in the token', () => {
  it('is the difference to what it left last time', () => {
    const flow = flowAfter(10, 30)
    const next = token({ fcc: 25, backlog: 40 })
    flow.allowance(next, 20)
    flow.account(next, 4)
    assert.equal(next.fcc, 25 + 4 - 10)
    assert.equal(next.backlog, 40 + 20 - 30)
    const last = token({ fcc: next.fcc, backlog: next.backlog })
    flow.allowance(last, 0)
    flow.account(last, 0)
    assert.equal(last.fcc, 15)
    assert.equal(last.backlog, 10)
  })

  it('wraps below zero', () => {
    const flow = flowAfter(10, 30)
    const next = token({ fcc: 3, backlog: 7 })
    flow.allowance(next, 0)
    flow.account(next, 0)
    assert.equal(next.fcc, 2 ** 32 - 7)
    assert.equal(next.backlog, 2 ** 32 - 23)
  })

  it('starts from nothing with a ring', () => {
    const flow = flowAfter(10, 30)
    flow.reset()
    const first = token({})
    assert.equal(flow.allowance(first, 2), MAX)
    flow.account(first, 2)
    assert.equal(first.fcc, 2)
    assert.equal(first.backlog, 2)
  })
})

describe('the end of the window', () => {
  const flow = new FlowControl(WINDOW, MAX)
  const room = SORT_QUEUE_SIZE - MAX - WINDOW

  it('lets nothing new out beyond it', () => {
    assert.equal(flow.limitToWindow(MAX, 100, token({ seq: 100 + room })), MAX)
    assert.equal(flow.limitToWindow(MAX, 100, token({ seq: 100 + room + 1 })), 0)
  })

  it('is nearer for whoever may send more', () => {
    assert.equal(flow.limitToWindow(1, 100, token({ seq: 100 + room + MAX - 1 })), 1)
    assert.equal(flow.limitToWindow(1, 100, token({ seq: 100 + room + MAX })), 0)
  })

  it('wraps with the sequence numbers', () => {
    const released = 2 ** 32 - 100
    assert.equal(flow.limitToWindow(MAX, released, token({ seq: room - 100 })), MAX)
    assert.equal(flow.limitToWindow(MAX, released, token({ seq: room - 99 })), 0)
    assert.equal(flow.limitToWindow(MAX, released, token({ seq: 2 ** 32 - 1 })), MAX)
  })
})
