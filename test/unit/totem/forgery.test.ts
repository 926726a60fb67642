// Random forgeries by somebody who knows the ring, its sequence numbers and its members: messages of every kind with
// fields between true and absurd. Afterwards the members have to find together again, in bounded time and memory.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createCommitEntry,
  createCommitToken,
  createJoin,
  createMcastHeader,
  createOrfToken,
  type RingId,
} from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { type Member, RingNetwork } from '../../support/ring-network.js'

const SEEDS = Number(process.env.FORGERY_SEEDS ?? 60)
const FIRST = Number(process.env.FORGERY_FIRST ?? 1)
/** More than 64 rounds of token and consensus timeout. */
const PATIENCE_MS = 64 * 880 + 5000
/** Of the forgers, those that may leave members waiting for each other until then. */
const IMPATIENT_MAX = 0.2
const wire = createGeneration3()

class Forger {
  #state: number
  readonly #network: RingNetwork
  readonly #members: readonly Member[]

  constructor(seed: number, network: RingNetwork, members: readonly Member[]) {
    this.#state = seed
    this.#network = network
    this.#members = members
  }

  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * n)
  }

  pick<T>(...choices: T[]): T {
    return choices[this.below(choices.length)]!
  }

  #id(): number {
    return this.pick(1, 2, 3, 1, 2, 3, 9, 1000 + this.below(500), 0xffffffff)
  }

  #ids(): number[] {
    const ids = Array.from({ length: this.pick(0, 1, 2, 3, 5, this.below(384)) }, () => this.#id())
    return this.pick(ids, [1, 2, 3], [1, 2], [...new Set(ids)])
  }

  #ring(): RingId {
    const { nodeId, seq } = this.pick(...this.#members).ring.ring
    const real = { rep: nodeId, seq }
    return this.pick(real, real, real, { rep: this.#id(), seq: seq + this.pick(-4, 0, 4, 400, 2 ** 40, 2 ** 52 - seq) })
  }

  #seq(): number {
    return this.pick(
      0,
      1,
      this.below(40),
      this.below(400),
      this.below(20000),
      0x7fffffff,
      0xffffffff,
      this.below(2 ** 32),
    )
  }

  forge(): Uint8Array {
    const bytes = new Uint8Array(12000)
    let length = 0
    const nodeId = this.#id()
    const ring = this.#ring()
    switch (this.below(6)) {
      case 0: {
        // No numbers that the ring could have given out: what nobody has sent is waited for until FAILED TO RECEIVE.
        const seq = this.pick(0, 0x7fffffff, 0xffffffff, 0x10000 + this.below(2 ** 31))
        const token = Object.assign(createOrfToken(), { nodeId, ring, seq, tokenSeq: this.#seq() })
        Object.assign(token, {
          aru: this.#seq(),
          aruAddr: this.pick(0, this.#id()),
          backlog: this.#seq(),
          fcc: this.#seq(),
        })
        Object.assign(token, { retransFlag: this.below(2), retransmitCount: this.pick(0, 0, 1, 30) })
        for (let i = 0; i < token.retransmitCount; i++) {
          token.retransmitRings[i] = this.#ring()
          token.retransmitSeqs[i] = this.#seq()
        }
        length = wire.writeToken(token, bytes, 0)
        break
      }
      case 1: {
        // Neither messages under the ring's next numbers: who takes one for the true one does not get the true one.
        const seq = this.pick(0, 0x7fffffff, 0xffffffff, 400 + this.below(20000), this.below(2 ** 32))
        const mcast = Object.assign(createMcastHeader(), { nodeId, ring, seq, systemFrom: this.#id() })
        mcast.encapsulated = this.pick(0, 1, 2, 2)
        length = wire.writeMcast(mcast, bytes, 0)
        if (mcast.encapsulated === 1) {
          const inner = Object.assign(createMcastHeader(), {
            nodeId,
            ring: this.#ring(),
            seq: this.#seq(),
            systemFrom: 1,
          })
          length += wire.writeMcast(inner, bytes, length)
        }
        length += this.pick(0, 10, 1400, 10000)
        break
      }
      case 2:
        length = wire.writeMergeDetect({ nodeId, targetNodeId: 0, systemFrom: this.#id(), ring }, bytes, 0)
        break
      case 3: {
        const join = Object.assign(createJoin(), { nodeId, systemFrom: this.#id(), leave: this.below(4) === 0 })
        Object.assign(join, { procList: this.#ids(), failedList: this.#ids(), ringSeq: ring.seq })
        length = wire.writeJoin(join, bytes, 0)
        break
      }
      case 4: {
        const token = Object.assign(createCommitToken(), { nodeId, ring, members: this.#ids() })
        token.memberIndex = this.below(token.members.length + 1)
        token.entries = token.members.map(() =>
          Object.assign(createCommitEntry(), { ring: this.#ring(), aru: this.#seq(), receivedFlag: this.below(2) }),
        )
        length = wire.writeCommitToken(token, bytes, 0)
        break
      }
      case 5:
        length = wire.writeTokenHoldCancel({ nodeId, targetNodeId: 0, ring }, bytes, 0)
        break
    }
    return bytes.slice(0, length)
  }

  run(): void {
    const end = this.#network.now + 2000
    while (this.#network.now < end) {
      for (let i = this.pick(1, 1, 1, 5); i > 0; i--) this.#network.inject(this.forge(), this.pick(0, 1, 2, 3))
      if (this.below(3) === 0) this.pick(...this.#members).send(`during ${this.#network.now}`)
      this.#network.run(this.pick(1, 1, 10, 100, 700))
    }
  }
}

describe('random forgeries', () => {
  it('leave the members able to form a ring and to talk', () => {
    let impatient = 0
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const network = new RingNetwork()
      const members = [1, 2, 3].map(id => network.start(id))
      network.run(1000)
      new Forger(seed, network, members).run()
      network.run(8000)
      // Joins that nobody sent can make members wait for each other; their patience ends.
      if (members.some(member => member.ring.members.length < 3)) {
        impatient++
        network.run(PATIENCE_MS)
      }
      for (const member of members) {
        assert.equal(member.ring.state, 'operational', `seed ${seed}, node ${member.nodeId}`)
        assert.deepEqual(member.ring.members, [1, 2, 3], `seed ${seed}, node ${member.nodeId}`)
      }
      for (const member of members) member.send('afterwards')
      network.run(1000)
      for (const member of members) {
        const heard = member.story.filter(line => line.endsWith(':afterwards'))
        assert.equal(heard.length, 3, `seed ${seed}, node ${member.nodeId}: ${heard}`)
      }
    }
    assert.ok(impatient <= IMPATIENT_MAX * SEEDS, `${impatient} of ${SEEDS}`)
  })
})
