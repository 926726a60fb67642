// A ring of whole nodes that somebody does something to, with programs that talk and all checkers: for tests that feed
// nodes what other engines have stumbled over.

import assert from 'node:assert/strict'
import type { CpgConnection } from '../../src/services/cpg/types.js'
import { CsError } from '../../src/services/errors.js'
import { Epoch } from '../../src/sim/fuzz/epoch.js'
import { fuzzTimers } from '../../src/sim/fuzz/plan.js'
import { FuzzRing } from '../../src/sim/fuzz/ring.js'
import { QUIET_NETWORK } from '../../src/sim/network.js'
import { createGeneration3 } from '../../src/wire/generation3.js'

const GROUP = new TextEncoder().encode('victims')
const FIRST_PID = 100
/** More than any ring here needs, less than any that loops. */
const EVENTS = 2_000_000
const SETTLED_MS = 2500

export class Victim {
  readonly epoch = new Epoch()
  readonly ring: FuzzRing
  readonly nodeIds: readonly number[]
  /** Per host: what its program heard. */
  readonly heard: string[][]
  /** Per host: pids in the group, as its program was told last. */
  readonly members: number[][]
  readonly #connections: CpgConnection[]
  #messages = 0

  /** The first node writes in the other byte order with `mixed`. */
  constructor(nodeIds: readonly number[] = [1, 2, 3], mixed = false) {
    this.nodeIds = nodeIds
    // Messages are not compared by the checkers of groups: they belong to the workload of the laboratory.
    this.epoch.packetsOnly = true
    this.ring = new FuzzRing(
      {
        seed: 1,
        nodeIds,
        bigEndian: nodeIds.map((_, index) => mixed && index === 0),
        totem: fuzzTimers(),
        firstSeq: 0,
        conditions: { ...QUIET_NETWORK },
      },
      littleEndian => createGeneration3({ littleEndian }),
      () => this.epoch,
      text => assert.fail(text),
    )
    for (const host of this.ring.hosts) host.start(0)
    this.run(SETTLED_MS)
    this.assertWhole('at first')
    this.heard = nodeIds.map(() => [])
    this.members = nodeIds.map(() => [])
    this.#connections = nodeIds.map((_, index) => this.#join(index))
    this.run(100)
  }

  run(ms: number): void {
    this.ring.runUntil(this.ring.now + ms, EVENTS)
    assert.deepEqual(this.epoch.violations, [])
  }

  /** To every node. */
  inject(bytes: Uint8Array, to?: number): void {
    for (const { index, state } of this.ring.hosts) {
      if (state === 'running' && (to === undefined || to === index)) this.ring.inject(index, bytes, bytes.length)
    }
  }

  /** A payload that one member puts into the total order, as if its process groups had packed it. */
  order(index: number, payload: Uint8Array): void {
    const host = this.ring.hosts[index]!
    const { ring: totem } = this.ring.node(index)
    const frame = totem.pool.take()
    frame.buf.set(payload, frame.off + totem.headerLength)
    frame.len = totem.headerLength + payload.length
    host.now = this.ring.now
    totem.requestToken()
    totem.queue(frame)
    host.touched()
  }

  say(index: number, text: string): void {
    const bytes = new TextEncoder().encode(text)
    this.as(index, () => assert.equal(this.#connections[index]!.mcast(bytes, 0, bytes.length), CsError.OK))
  }

  as(index: number, action: () => void): void {
    const host = this.ring.hosts[index]!
    host.now = this.ring.now
    action()
    host.touched()
  }

  dropped(index: number): number {
    return this.ring.node(index).ring.stats.rx_msg_dropped
  }

  installations(): number {
    return this.epoch.checker.model.processes.reduce((sum, process) => sum + process.installs, 0)
  }

  assertWhole(text: string): void {
    assert.ok(this.ring.isWhole(), `${text}: ${this.ring.describe()}`)
  }

  /** Everybody hears everybody; `except` need not be heard. */
  assertTalking(text: string, except?: number): void {
    this.assertWhole(text)
    const said = this.nodeIds.flatMap((_, index) => (index === except ? [] : [`${index} ${text} ${this.#messages++}`]))
    for (const message of said) this.say(Number(message[0]), message)
    this.run(300)
    for (const heard of this.heard) {
      for (const message of said) assert.ok(heard.includes(message), `'${message}' was not heard`)
    }
  }

  #join(index: number): CpgConnection {
    const decoder = new TextDecoder()
    const connection = this.ring.node(index).cpg.connect({
      deliver: (_nodeId, _pid, buf, off, len) => {
        this.heard[index]!.push(decoder.decode(buf.subarray(off, off + len)))
      },
      deliverPartial: () => {},
      membershipChanged: ({ members }) => {
        this.members[index] = members.map(member => member.pid)
      },
      ringChanged: () => {},
    })
    this.as(index, () => assert.equal(connection.join(GROUP, FIRST_PID + index, 0), CsError.OK))
    return connection
  }
}
