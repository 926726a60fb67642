// Replicated state machines on whole nodes in virtual time: the real services, the real protocol, lost and doubled packets,
// partitions, pauses, crashes. Whatever happened, when it is over all copies are equal and everybody has an answer.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NoQuorumError } from '../../src/client/errors.js'
import { ClusterNode } from '../../src/node/node.js'
import { generateScenario } from '../../src/sim/scenario.js'
import type { HostServices, SimNode, SimNodeConfig } from '../../src/sim/sim-node.js'
import { Simulation } from '../../src/sim/simulation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import { type ReplicaHost, SimReplica } from '../support/replica-sim.js'

const FIRST_SEED = 810_001
/** Scenarios per kind; more in a campaign. */
const SEEDS = Number(process.env.REPLICA_SEEDS ?? 60)
const SUBMISSIONS = 300
/** Of the calls that a node gets, how many are followed by a submission. */
const SUBMIT_ONE_IN = 25

/** A node with a replica on it, whose program submits commands as long as there are faults. */
class ReplicatedNode implements SimNode {
  readonly replica: SimReplica<ReplicaHost>
  readonly #node: ClusterNode
  readonly #random: () => number
  readonly #faulty: () => boolean
  #submitted = 0

  constructor(config: SimNodeConfig, services: HostServices, quorum: number, pid: number, faulty: () => boolean) {
    const { random, observer, output } = services
    this.#random = random
    this.#faulty = faulty
    const node = new ClusterNode({ config: { ...config, configVersion: 0 }, output, random, observer })
    this.#node = node
    const host: ReplicaHost = { id: config.nodeId, alive: true, connect: listener => node.cpg.connect(listener) }
    const chunkBytes = random() < 0.5 ? 200 : 100_000
    this.replica = new SimReplica(host, { pid, incarnation: pid, quorum, chunkBytes })
  }

  get cpg() {
    return this.#node.cpg
  }
  get drained(): boolean {
    return this.#node.drained
  }
  start(now: number, ringSequence: number): void {
    this.#node.start(now, ringSequence)
    this.#work()
  }
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void {
    this.#node.receive(now, buf, off, len, from)
    this.#work()
  }
  expire(now: number): void {
    this.#node.expire(now)
    this.#work()
  }
  nextDeadline(): number {
    return this.#node.nextDeadline()
  }
  interfaceChanged(now: number): void {
    this.#node.interfaceChanged(now)
  }
  prepareToLeave(now: number): void {
    this.replica.open = false
    this.#node.prepareToLeave(now)
  }
  leave(now: number): void {
    this.#node.leave(now)
  }

  #work(): void {
    const { replica } = this
    if (!replica.open) return
    if (this.#faulty() && this.#submitted < SUBMISSIONS && this.#random() * SUBMIT_ONE_IN < 1) {
      replica.submit(`${replica.node.id}/${replica.pid}/${this.#submitted++}`)
    }
    replica.pump()
  }
}

function assertOrderly(list: readonly string[]): void {
  assert.equal(new Set(list).size, list.length, 'no command is applied twice')
  const last = new Map<string, number>()
  for (const id of list) {
    const [nodeId, pid, n] = id.split('/')
    const from = `${nodeId}/${pid}`
    assert.ok((last.get(from) ?? -1) < Number(n), 'commands of one replica are applied in the order of submission')
    last.set(from, Number(n))
  }
}

function run(seed: number, majority: boolean): { applied: number; discarded: number } {
  const generated = generateScenario(seed, { engine: 'node', nodes: 2 + (seed % 4), mixedByteOrder: false })
  // The simulation's own programs are there, but leave room.
  const scenario = { ...generated, workload: { ...generated.workload, programsPerNode: 1, bigMessages: 0 } }
  const quorum = majority ? Math.floor(scenario.nodeIds.length / 2) + 1 : 0
  const nodes: ReplicatedNode[] = []
  const simulation: Simulation = new Simulation(scenario, {
    factory: (config, services) => {
      const node = new ReplicatedNode(config, services, quorum, 1 + nodes.length, () => simulation.faulty)
      nodes.push(node)
      return node
    },
    wire: () => createGeneration3({ littleEndian: true }),
  })
  // Where a cluster need not settle (a node is misconfigured), there is no end at which to compare.
  if (!simulation.run().settled) return { applied: 0, discarded: 0 }
  const running = simulation.hosts.flatMap(host => (host.state === 'running' ? [host.node as ReplicatedNode] : []))
  const replicas = running.map(node => node.replica)
  const enough = replicas.length >= quorum
  const first = replicas[0]
  for (const replica of replicas) {
    assert.equal(replica.failure, undefined)
    assert.equal(replica.core.members.length, replicas.length)
    if (enough) assert.equal(replica.core.state, 'active', `node ${replica.node.id}`)
    assert.equal(replica.core.pending, 0, 'every submission has its answer')
    assertOrderly(replica.list)
    assert.deepEqual(replica.list, first?.list, 'all copies are equal')
  }
  const everywhere = nodes.map(node => new Set(node.replica.list))
  let applied = 0
  for (const { replica } of nodes) {
    for (const { id, state, error } of replica.outcomes) {
      if (state === 'applied') applied++
      if (error instanceof NoQuorumError) assert.ok(!everywhere.some(list => list.has(id)), `${id} was refused`)
    }
  }
  return { applied, discarded: nodes.reduce((sum, { replica }) => sum + replica.discarded.length, 0) }
}

describe('replicas on nodes in virtual time', () => {
  for (const majority of [false, true]) {
    it(`are equal in the end, ${majority ? 'with a majority as quorum' : 'every side for itself'}`, () => {
      let applied = 0
      let discarded = 0
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        try {
          const result = run(seed, majority)
          applied += result.applied
          discarded += result.discarded
        } catch (error) {
          throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
        }
      }
      assert.ok(applied > 50 * SEEDS, `${applied} commands were applied`)
      assert.ok(majority || discarded > 0, 'partitions had something to lose')
    })
  }
})
