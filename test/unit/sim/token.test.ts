import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Checker } from '../../../src/sim/checker/checker.js'
import type { Process } from '../../../src/sim/checker/model.js'
import { quietOf } from '../../../src/sim/checker/rest.js'
import { TokenChecker } from '../../../src/sim/checker/token.js'
import { QUIET_NETWORK } from '../../../src/sim/network.js'
import { SHORT_TIMERS } from '../../../src/sim/scenario.js'
import { createOrfToken, createRingId, type OrfToken } from '../../../src/wire/generation.js'

const RING = { nodeId: 1, seq: 8 }
const MEMBERS = [1, 2]

/** A ring of two, whose token's way is written by hand. */
class Rotation {
  readonly checker = new Checker()
  readonly tokens = new TokenChecker(this.checker.model, SHORT_TIMERS)
  readonly token: OrfToken = createOrfToken()
  readonly members: readonly Process[]

  constructor() {
    this.members = MEMBERS.map(nodeId => this.start(nodeId))
    this.token.ring.seq = RING.seq
    this.token.tokenSeq = 0
  }

  start(nodeId: number): Process {
    const index = this.checker.start(nodeId)
    const previous = { nodeId: 0, seq: 0 }
    const change = { left: [], joined: [], ring: RING, previous }
    this.checker.configured(index, { kind: 'transitional', members: [], ...change })
    this.checker.configured(index, { kind: 'regular', members: MEMBERS, ...change })
    return this.checker.model.processes[index]!
  }

  accept(process: Process, change: Partial<OrfToken> = {}): void {
    Object.assign(this.token, change)
    this.tokens.accepted(process, RING.nodeId, this.token)
  }

  send(process: Process, aru: number, high: number, change: Partial<OrfToken> = {}, multicasts = 0): void {
    Object.assign(this.token, { tokenSeq: this.token.tokenSeq + 1 }, change)
    this.tokens.sent(process, this.token, aru, high, multicasts)
  }

  /** A visit in which nothing is missing and nothing sent. */
  visit(process: Process, aru = this.token.seq): void {
    this.accept(process)
    this.send(process, aru, Math.max(aru, this.token.seq))
  }

  /** Numbers one message in a visit, which the sender delivers. */
  multicast(process: Process): number {
    this.accept(process)
    const seq = this.token.seq + 1
    this.checker.numbered(process.index, RING, seq, seq)
    this.tokens.numbered(process, seq)
    this.send(process, seq, seq, { seq }, 1)
    this.checker.delivered(process.index, RING, seq, process.nodeId, seq)
    return seq
  }

  request(seq: number, ringSeq = RING.seq): Partial<OrfToken> {
    const ring = createRingId()
    ring.rep = this.token.ring.rep
    ring.seq = ringSeq
    return { retransmitCount: 1, retransmitSeqs: Uint32Array.of(seq), retransmitRings: [ring] }
  }
}

/** The rules of the token that were broken; one of its rings is installed twice, which C3 would not have. */
function violated(write: (rotation: Rotation, first: Process, second: Process) => void): string[] {
  const rotation = new Rotation()
  write(rotation, rotation.members[0]!, rotation.members[1]!)
  return [...new Set(rotation.checker.violations.map(violation => violation.property))].filter(property =>
    property.startsWith('T'),
  )
}

describe('the rules of the token', () => {
  it('are kept by messages that are sent, received, asked for and let go of', () => {
    const found = violated((rotation, first, second) => {
      const seq = rotation.multicast(first)
      for (let visits = 1; visits < SHORT_TIMERS.missCountConst; visits++) {
        rotation.visit(second, 0)
        rotation.visit(first)
      }
      rotation.accept(second)
      rotation.send(second, 0, 0, rotation.request(seq))
      rotation.accept(first)
      rotation.send(first, seq, seq, { retransmitCount: 0 }, 1)
      rotation.checker.delivered(second.index, RING, seq, 1, seq)
      rotation.token.aru = seq
      for (const process of [second, first, second, first]) rotation.visit(process)
      rotation.accept(second)
      rotation.tokens.released(second, seq)
    })
    assert.deepEqual(found, [])
  })

  it('begin anew for a ring whose id is used again after everybody has left it', () => {
    const found = violated((rotation, first, second) => {
      rotation.multicast(first)
      rotation.visit(second)
      for (const process of rotation.members) rotation.checker.end(process.index)
      const again = rotation.start(1)
      rotation.token.tokenSeq = 0
      rotation.token.seq = 0
      rotation.visit(again)
    })
    assert.deepEqual(found, [])
  })
})

describe('the checker finds', () => {
  it('T1: a token accepted by two', () => {
    const found = violated((rotation, first, second) => {
      rotation.visit(first)
      rotation.accept(second)
      rotation.accept(first)
    })
    assert.deepEqual(found, ['T1'])
  })

  it('T1: a token that leaves with the number it came with', () => {
    const found = violated((rotation, first) => {
      rotation.accept(first)
      rotation.send(first, 0, 0, { tokenSeq: 0 })
    })
    assert.deepEqual(found, ['T1'])
  })

  it('T2: a token that comes or leaves with a lower number of messages', () => {
    const came = violated((rotation, first, second) => {
      rotation.multicast(first)
      rotation.accept(second, { seq: 0 })
    })
    assert.deepEqual(came, ['T2'])
    const left = violated((rotation, first, second) => {
      rotation.multicast(first)
      rotation.accept(second)
      rotation.send(second, 0, 0, { seq: 0 })
    })
    assert.deepEqual(left, ['T2'])
  })

  it('T3: more received than there is', () => {
    const found = violated((rotation, first) => {
      rotation.accept(first, { seq: 5 })
      rotation.send(first, 5, 4)
    })
    assert.deepEqual(found, ['T3'])
  })

  it('T4: messages let go of that the last tokens, the own programs, or another member do not have', () => {
    const early = violated((rotation, first, second) => {
      const seq = rotation.multicast(first)
      rotation.visit(second)
      rotation.accept(first, { aru: seq })
      rotation.tokens.released(first, seq)
    })
    assert.deepEqual(early, ['T4'])
    const undelivered = violated((rotation, first, second) => {
      const seq = rotation.multicast(first)
      rotation.token.aru = seq
      for (const process of [second, first, second]) rotation.visit(process)
      rotation.tokens.released(second, seq)
    })
    assert.deepEqual(undelivered, ['T4'])
    const missing = violated((rotation, first, second) => {
      const seq = rotation.multicast(first)
      rotation.visit(second, 0)
      rotation.token.aru = seq
      rotation.visit(first)
      rotation.visit(second, 0)
      rotation.accept(first)
      rotation.tokens.released(first, seq)
    })
    assert.deepEqual(missing, ['T4'])
  })

  it('T5: too many messages in a visit, or in a rotation', () => {
    const visit = violated((rotation, first) => {
      rotation.accept(first)
      rotation.send(first, 0, 0, {}, SHORT_TIMERS.maxMessages + 1)
    })
    assert.deepEqual(visit, ['T5'])
    const rotation = violated((rotation, first) => {
      rotation.accept(first)
      rotation.send(first, 0, 0, { fcc: SHORT_TIMERS.windowSize + 1 })
    })
    assert.deepEqual(rotation, ['T5'])
  })

  it('T6: more requests than there may be, and one for another ring', () => {
    const many = violated((rotation, first) => {
      rotation.accept(first)
      rotation.send(first, 0, 0, { retransmitCount: 31 })
    })
    assert.deepEqual(many, ['T6'])
    const foreign = violated((rotation, first) => {
      for (let visits = 1; visits < SHORT_TIMERS.missCountConst; visits++) {
        rotation.accept(first, { seq: 1 })
        rotation.send(first, 0, 0)
      }
      rotation.accept(first)
      rotation.send(first, 0, 0, rotation.request(1, 4))
    })
    assert.deepEqual(foreign, ['T6'])
  })

  it('T6 and T7: a request for a message that has not been numbered', () => {
    const found = violated((rotation, first) => {
      rotation.accept(first)
      rotation.send(first, 0, 0, rotation.request(1))
    })
    assert.deepEqual(found, ['T6', 'T7'])
  })

  it('T7: a request after too few visits', () => {
    const found = violated((rotation, first) => {
      for (let visits = 2; visits < SHORT_TIMERS.missCountConst; visits++) {
        rotation.accept(first, { seq: 1 })
        rotation.send(first, 0, 0)
      }
      rotation.accept(first)
      rotation.send(first, 0, 0, rotation.request(1))
    })
    assert.deepEqual(found, ['T7'])
  })
})

describe('a quiet ring', () => {
  const totem = { ...SHORT_TIMERS, holdMs: 50, mergeMs: 100, tokenRetransmitMs: 70 }
  const cluster = { hosts: 3, members: 3, fastest: 1 }

  it('may send one rotation per hold time, and merge detects', () => {
    const quiet = quietOf(totem, QUIET_NETWORK, cluster)
    assert.equal(quiet.watchMs, 500)
    assert.equal(quiet.datagramsMax, 11 * 3 + 6 * 2)
  })

  it('may send the token again where a rotation takes longer than that', () => {
    const quiet = quietOf(totem, { ...QUIET_NETWORK, delayMs: 10 }, cluster)
    assert.equal(quiet.datagramsMax, (11 + 9) * 3 + 6 * 2)
  })

  it('may call for those who are absent', () => {
    const quiet = quietOf({ ...totem, tokenTimeoutMs: 100, consensusMs: 100 }, QUIET_NETWORK, {
      ...cluster,
      members: 2,
    })
    assert.equal(quiet.datagramsMax, 11 * 2 + (6 + 2 * 11) * 2)
  })
})
