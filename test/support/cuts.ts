// One measurement of a ring under a lasting cut: which datagrams are dropped from where to where, and what becomes of the ring
// meanwhile and after healing. Goes in: the kinds of nodes, a pattern of cuts, how long. Comes out: every configuration that each
// node installed and when, and how far messages went on. It reads the two log lines that both engines write for a new ring, and
// the recordings of a member on each node; it does not know what is good.

import type { MemberLife } from '../../src/recorder/reader.js'
import { lastMember } from './faults.js'
import { converged, createCluster, type Peer, type PeerKind } from './peers.js'
import { pause, type RingConfig } from './testbed.js'

export interface CutPattern {
  readonly nodes: number
  /** Pairs of node ids: what the first sends does not reach the second. Both directions of a pair are two cuts. */
  readonly cuts: readonly (readonly [from: number, to: number])[]
}

export interface CutOptions {
  readonly pattern: CutPattern
  /** The engine of each node, node 1 first. */
  readonly kinds: readonly PeerKind[]
  readonly ring: RingConfig
  readonly cutMs: number
  /** The end of the cut, in which a settled ring is quiet. */
  readonly quietMs: number
  /** How long it is watched after healing. */
  readonly healMs: number
}

/** A regular configuration that a node installed. */
export interface Change {
  readonly atMs: number
  readonly members: readonly number[]
}

/** How far a node had messages of others, delivered while its ring held a majority of all nodes. */
export interface Service {
  /** Of the slots of SLOT_MS of the time asked about, those in which there was at least one. */
  readonly share: number
  readonly longestSilenceMs: number
}

export interface NodeReport {
  readonly node: number
  /** Configurations installed while the cut stood; times since the cut. */
  readonly whileCut: readonly Change[]
  /** Members at the end of the cut. */
  readonly members: readonly number[]
  /** Configurations installed after healing; times since then. */
  readonly afterHealing: readonly Change[]
  readonly membersAtLast: readonly number[]
  /** While the cut stood, and at its end. */
  readonly service: Service
  readonly quietService: Service
  /** What ended unasked, and how: the engine, or the member that was recorded. */
  readonly ended: string | undefined
}

/** With these a member on every node is recorded: small messages at a rate at which a silence of a slot means something. */
const TRACE = { group: 'cuts', maxBytes: 64, perSecond: 20 } as const
const SLOT_MS = 250
const FORMATION_MS = 60_000
/** C nodes that start in the same millisecond over udp end themselves now and then. */
const START_STEP_MS = 50
/** From the formation to the cut: the messages flow. */
const WARM_MS = 2000

/** "3 nodes, 1 -> 2 cut" or "3 nodes, 1 - 2 cut both ways". */
export function patternName({ nodes, cuts }: CutPattern): string {
  const back = ([from, to]: readonly [number, number]) => cuts.some(other => other[0] === to && other[1] === from)
  const words = cuts.flatMap(cut =>
    back(cut) ? (cut[0] < cut[1] ? [`${cut[0]} - ${cut[1]} cut both ways`] : []) : [`${cut[0]} -> ${cut[1]} cut`],
  )
  return `${nodes} nodes, ${words.join(', ') || 'nothing cut'}`
}

/** Forms the ring, cuts, watches, heals, watches; throws when there was no ring to begin with. */
export async function measureCut(options: CutOptions): Promise<NodeReport[]> {
  const { pattern, kinds, ring, cutMs, quietMs, healMs } = options
  const { testbed, peers } = await createCluster(kinds)
  try {
    testbed.configure(ring)
    for (const peer of peers) {
      peer.start()
      await pause(START_STEP_MS)
    }
    await converged(
      peers,
      peers.map(peer => peer.node),
      FORMATION_MS,
    )
    for (const peer of peers) await peer.startTrace(TRACE)
    await pause(WARM_MS)
    for (const [from, to] of pattern.cuts) testbed.oneWayCut(from, to)
    const cutAtMs = Date.now()
    await pause(cutMs)
    const healedAtMs = Date.now()
    if (pattern.cuts.length > 0) testbed.clearOneWayCuts()
    await pause(healMs)
    return peers.map(peer => nodeReport(peer, peers.length, { cutAtMs, quietAtMs: healedAtMs - quietMs, healedAtMs }))
  } finally {
    await testbed.down()
  }
}

interface Times {
  readonly cutAtMs: number
  readonly quietAtMs: number
  readonly healedAtMs: number
}

function nodeReport(peer: Peer, nodes: number, { cutAtMs, quietAtMs, healedAtMs }: Times): NodeReport {
  const life = lastMember(peer)
  if (life === undefined) throw new Error(`no member was recorded on node ${peer.node}`)
  const changes = changesOf(peer.log(), new Date(cutAtMs).getFullYear())
  const since = (fromMs: number, toMs: number) =>
    changes
      .filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
      .map(({ atMs, members }) => ({ atMs: atMs - fromMs, members }))
  return {
    node: peer.node,
    whileCut: since(cutAtMs, healedAtMs),
    members: changes.findLast(({ atMs }) => atMs < healedAtMs)?.members ?? [],
    afterHealing: since(healedAtMs, Number.POSITIVE_INFINITY),
    membersAtLast: changes.at(-1)?.members ?? [],
    service: serviceOf(life, nodes, cutAtMs, healedAtMs),
    quietService: serviceOf(life, nodes, quietAtMs, healedAtMs),
    ended: endOf(peer),
  }
}

function endOf(peer: Peer): string | undefined {
  const { engine } = peer
  if (!engine.running)
    return `the engine of node ${peer.node} ended (${engine.result}): ${engine.stderr.trim().slice(-200)}`
  return peer.tracing ? undefined : `the recorded member on node ${peer.node} ended`
}

const SYNC_MEMBERS = /\[QUORUM *\] Sync members\[\d+\]: ([\d ]+)/
const NEW_MEMBERSHIP = /\[TOTEM *\] A new membership \(\S+\) was formed\./
/** "Nov 20 17:10:59.799", local time without a year, as the C daemon writes it. */
const C_TIME = /^(\w{3} +\d+) (\d\d:\d\d:\d\d\.\d{3}) /

/** Every regular configuration in the log of either engine; `year` is that of lines which name none. */
export function changesOf(log: string, year: number): Change[] {
  const changes: Change[] = []
  let members: number[] | undefined
  for (const line of log.split('\n')) {
    const sync = SYNC_MEMBERS.exec(line)
    if (sync) members = sync[1]!.trim().split(' ').map(Number)
    if (!NEW_MEMBERSHIP.test(line)) continue
    if (members === undefined) throw new Error(`no members were logged before: ${line}`)
    const [, day, time] = C_TIME.exec(line) ?? []
    const atMs = Date.parse(day === undefined ? line.slice(0, line.indexOf(' ')) : `${day} ${year} ${time}`)
    if (Number.isNaN(atMs)) throw new Error(`no time in: ${line}`)
    changes.push({ atMs, members })
    members = undefined
  }
  return changes
}

/** What a recorded member had of others in rings of a majority, between two times on the clock of its host. */
export function serviceOf({ header, events }: MemberLife, nodes: number, fromMs: number, toMs: number): Service {
  const times: number[] = []
  let inMajority = false
  for (const event of events) {
    if (event.event === 'ring') inMajority = event.members.length > nodes / 2
    if (event.event !== 'message' || event.sender === `${header.node}:${header.pid}`) continue
    const atMs = header.started + event.t
    if (inMajority && atMs >= fromMs && atMs < toMs) times.push(atMs)
  }
  const served = new Set(times.map(atMs => Math.floor((atMs - fromMs) / SLOT_MS)))
  let longestSilenceMs = 0
  let lastMs = fromMs
  for (const atMs of [...times, toMs]) {
    longestSilenceMs = Math.max(longestSilenceMs, atMs - lastMs)
    lastMs = atMs
  }
  return { share: served.size / Math.ceil((toMs - fromMs) / SLOT_MS), longestSilenceMs }
}

/** When the last configuration of a list was installed; 0 when there was none. */
export function lastChangeMs(changes: readonly Change[]): number {
  return changes.at(-1)?.atMs ?? 0
}

/**
 * Whether, at the end of the cut, whoever a node has for a member has the same members. A node that finds no ring installs
 * nothing, which alone would look like rest.
 */
export function membersAgree(reports: readonly Pick<NodeReport, 'node' | 'members'>[]): boolean {
  const lists = new Map(reports.map(({ node, members }) => [node, members.join(' ')]))
  return reports.every(({ members }) => members.every(member => lists.get(member) === members.join(' ')))
}

/** Whether every node's last configuration holds all of them. */
export function inOneRing(reports: readonly Pick<NodeReport, 'membersAtLast'>[]): boolean {
  return reports.every(({ membersAtLast }) => membersAtLast.length === reports.length)
}
