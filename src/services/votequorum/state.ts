// Who has how many votes, and whether that is enough (spec: services 4.4). In: what messages and configuration changes say of
// nodes, through the fields. Out: the answer, and through an output what has to be told. Must not know: messages, timers,
// where settings come from.

import type { LogLevel } from '../../log/types.js'
import { NodeFlag, QDEVICE_NODE_ID } from '../../wire/votequorum.js'
import type { TieBreaker } from './settings.js'

/** States of a node, as programs see them. */
export const NodeState = { MEMBER: 1, DEAD: 2, LEAVING: 3 } as const
export type NodeStateCode = (typeof NodeState)[keyof typeof NodeState]

export interface NodeRecord {
  readonly nodeId: number
  state: NodeStateCode
  votes: number
  expected: number
  /** Bits of NodeFlag. */
  flags: number
}

export interface VoteStateOutput {
  log(level: LogLevel, message: string): void
  /** This node's expected votes have grown with the cluster. */
  expectedVotesChanged(expected: number): void
  /** The answer has changed while no synchronisation runs. */
  quorateChanged(): void
  trackingBarrierChanged(barrier: number): void
  waitForAllStatusChanged(waiting: boolean): void
  /** While quorate: the ends of the membership by id. */
  extremesChanged(lowest: number, highest: number): void
}

/** Two nodes, or a node and what is left of the other, count as two_node's pair. */
const TWO_NODES = 2

export class VoteState {
  /** Own record; it is in `nodes`, too. */
  readonly us: NodeRecord
  /** Known nodes, dead ones included, in the order that programs see. */
  readonly nodes: NodeRecord[]
  /** Votes of the quorum device, whether it casts them or not. */
  deviceVotes = 0
  quorum = 0
  quorate = false
  twoNode = false
  waitForAll = false
  tieBreaker: TieBreaker = { kind: 'none', nodes: [] }
  allowDownscale = false
  tracking = false
  masterWins = false
  /** A vote that a program or the configuration asked for: downscaling does not go below. */
  barrier = 0
  /** The highest expected votes ever, where that is tracked. */
  trackingBarrier = 0
  /** Members of the ring, and of the one before. */
  members: readonly number[] = []
  previousMembers: readonly number[] = []
  /** A synchronisation runs: answers are for later. */
  synchronising = false
  readonly #output: VoteStateOutput
  #waiting = false
  #lowest = 0
  #highest = 0

  constructor(nodeId: number, output: VoteStateOutput) {
    this.us = { nodeId, state: NodeState.MEMBER, votes: 0, expected: 0, flags: NodeFlag.FIRST }
    this.nodes = [this.us]
    this.#output = output
  }

  find(nodeId: number): NodeRecord | undefined {
    for (const node of this.nodes) if (node.nodeId === nodeId) return node
    return undefined
  }

  /**
   * A node that was not known. It goes before the first one with a higher id; when there is none, before the last:
   * programs of C clusters see this order.
   */
  add(nodeId: number): NodeRecord {
    const node: NodeRecord = { nodeId, state: NodeState.MEMBER, votes: 0, expected: 0, flags: 0 }
    const higher = this.nodes.findIndex(other => other.nodeId > nodeId)
    this.nodes.splice(higher < 0 ? this.nodes.length - 1 : higher, 0, node)
    return node
  }

  /** Votes of a known node, or of the device; undefined for any other. */
  votesOf(nodeId: number): number | undefined {
    return nodeId === QDEVICE_NODE_ID ? this.deviceVotes : this.find(nodeId)?.votes
  }

  /** Of a known node, or of the device; any other has none to set. */
  setVotesOf(nodeId: number, votes: number): void {
    const node = this.find(nodeId)
    if (nodeId === QDEVICE_NODE_ID) this.deviceVotes = votes
    else if (node !== undefined) node.votes = votes
  }

  isMember(nodeId: number): boolean {
    return this.find(nodeId)?.state === NodeState.MEMBER
  }

  setFlag(bit: number, on: boolean): void {
    this.us.flags = on ? this.us.flags | bit : this.us.flags & ~bit
  }

  has(bit: number): boolean {
    return (this.us.flags & bit) !== 0
  }

  /** Nothing is decided before everybody has been seen. */
  get waiting(): boolean {
    return this.#waiting
  }

  setWaiting(waiting: boolean): void {
    this.setFlag(NodeFlag.WFA_STATUS, waiting)
    if (waiting === this.#waiting) return
    this.#waiting = waiting
    this.#output.waitForAllStatusChanged(waiting)
  }

  /** For the whole cluster, from now on. */
  setExpectedOfMembers(expected: number): void {
    for (const node of this.nodes) if (node.state === NodeState.MEMBER) node.expected = expected
  }

  get highestExpected(): number {
    let highest = 0
    for (const node of this.nodes)
      if (node.state === NodeState.MEMBER && node.expected > highest) highest = node.expected
    return highest
  }

  /** Votes of the members, with those of the device if `device`. */
  totalVotes(device: boolean): number {
    let total = device ? this.deviceVotes : 0
    for (const node of this.nodes) if (node.state === NodeState.MEMBER) total += node.votes
    return total
  }

  /**
   * What the quorum would be. `maxExpected` other than 0 takes the place of what the members expect. The quorum falls
   * only with `allowDecrease`.
   */
  calculate(
    allowDecrease: boolean,
    maxExpected: number,
    downscale = this.allowDownscale,
  ): { readonly quorum: number; readonly total: number } {
    const cast = this.has(NodeFlag.QDEVICE_CAST_VOTE)
    const total = this.totalVotes(cast)
    let highest = maxExpected
    if (maxExpected === 0) highest = this.highestExpected
    else if (downscale && allowDecrease) highest = Math.max(this.barrier, maxExpected)
    let quorum = Math.max(majority(highest), majority(total))
    if (!allowDecrease) quorum = Math.max(quorum, this.quorum)
    if (this.twoNode && this.#memberCount() + (cast ? 1 : 0) <= TWO_NODES) quorum = 1
    return { quorum, total }
  }

  /** After any change. `byNodes`: what is here now is all there is. */
  recalculate(allowDecrease: boolean, byNodes: boolean): void {
    const total = this.totalVotes(true)
    const { us } = this
    this.#output.log('debug', `total_votes=${total}, expected_votes=${us.expected}`)
    if (total > us.expected) {
      us.expected = total
      this.#output.expectedVotesChanged(total)
    }
    if (this.tracking && us.expected > this.trackingBarrier) {
      this.trackingBarrier = us.expected
      this.#output.trackingBarrierChanged(us.expected)
    }
    const count = byNodes ? this.#memberCount() + (this.deviceVotes > 0 ? 1 : 0) : 0
    const calculated = this.calculate(allowDecrease, count)
    this.quorum = calculated.quorum
    if (byNodes) this.setExpectedOfMembers(count)
    this.#decide(calculated.total)
  }

  #decide(total: number): void {
    const { us } = this
    if (this.waitForAll && this.#waiting) {
      if (total !== us.expected) {
        this.#output.log(
          'notice',
          `Waiting for all cluster members. Current votes: ${total} expected_votes: ${us.expected}`,
        )
        return
      }
      this.setWaiting(false)
    }
    let quorate = total >= this.quorum
    if (quorate) this.#noteExtremes()
    else quorate = this.#tieBroken(total) || this.#masterWins()
    const changed = quorate !== this.quorate
    this.quorate = quorate
    this.setFlag(NodeFlag.QUORATE, quorate)
    if (this.waitForAll) this.setWaiting(!quorate)
    if (!changed) return
    this.#output.log('debug', quorate ? 'quorum regained, resuming activity' : 'quorum lost, blocking activity')
    if (!this.synchronising) this.#output.quorateChanged()
  }

  #noteExtremes(): void {
    let lowest = Number.POSITIVE_INFINITY
    let highest = 0
    for (const { nodeId, state } of this.nodes) {
      if (state !== NodeState.MEMBER) continue
      lowest = Math.min(lowest, nodeId)
      highest = Math.max(highest, nodeId)
    }
    if (highest === 0) return
    this.#lowest = lowest
    this.#highest = highest
    this.#output.extremesChanged(lowest, highest)
  }

  /** Exactly half is here, not too many went at once, and the deciding node is among those who stayed. */
  #tieBroken(total: number): boolean {
    if (this.tieBreaker.kind === 'none' || total !== Math.floor(this.us.expected / 2)) return false
    return this.previousMembers.length - this.members.length < this.quorum && this.#isDecidingSide()
  }

  #isDecidingSide(): boolean {
    switch (this.tieBreaker.kind) {
      case 'none':
        return false
      case 'lowest':
        return this.isMember(this.#lowest)
      case 'highest':
        return this.isMember(this.#highest)
      case 'list':
        for (const node of this.tieBreaker.nodes) {
          if (this.members.includes(node)) return true
          // The one that would decide is in another part.
          if (this.previousMembers.includes(node)) return false
        }
        return false
    }
  }

  /** The lowest node of the last quorate membership is here. */
  get lowestPresent(): boolean {
    return this.isMember(this.#lowest)
  }

  #masterWins(): boolean {
    if (!this.masterWins) return false
    const wanted = NodeFlag.QDEVICE_MASTER_WINS | NodeFlag.QDEVICE_CAST_VOTE
    return this.nodes.some(({ state, flags }) => state === NodeState.MEMBER && (flags & wanted) === wanted)
  }

  #memberCount(): number {
    let count = 0
    for (const { state } of this.nodes) if (state === NodeState.MEMBER) count++
    return count
  }
}

/** More than half. */
function majority(votes: number): number {
  return Math.floor((votes + 2) / 2)
}
