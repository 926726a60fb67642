// Tells a run in words: events in, lines out. Packets and the quiet work of the token are summed up per node and stretch,
// which ends when the node's ring or state changes; everything else is a line of its own. Must not know: what is right.

import type { LogLevel } from '../log/types.js'
import { ringText } from '../node/totem-log.js'
import { GATHER_REASONS, type TotemEvent } from '../totem/events.js'
import type { ConfigurationChange, RingIdentity } from '../totem/types.js'
import type { SimEvent } from './observe.js'

/** What a line is about, so that it can be shown or left out accordingly. */
export type StoryKind =
  | 'fault'
  | 'node'
  | 'state'
  | 'configuration'
  | 'declaration'
  | 'token'
  | 'packets'
  | 'program'
  | 'log'
  | 'violation'

export interface StoryDetail {
  /** Log lines: those of warnings and errors that the story does not tell itself, those of every notice, or all. */
  readonly log?: 'warnings' | 'notices' | 'all'
  /** A line per packet instead of sums. */
  readonly packets?: boolean
}

export type LineTeller = (now: number, nodeId: number, text: string, kind: StoryKind) => void

/** A stretch without packets for this long is two stretches, and none is longer than that. */
const IDLE_MS = 1000
const STRETCH_MS = 5000
/** Missing packets that are named; more are counted. */
const NAMED_SEQS = 6
/** Levels that are never left out. */
const GRAVE: readonly LogLevel[] = ['emerg', 'alert', 'crit', 'error', 'warning']

export class Narrator {
  readonly #tell: LineTeller
  readonly #log: 'warnings' | 'notices' | 'all'
  readonly #packets: boolean
  readonly #stretches = new Map<number, Stretch>()

  constructor(tell: LineTeller, detail: StoryDetail = {}) {
    this.#tell = tell
    this.#log = detail.log ?? 'warnings'
    this.#packets = detail.packets ?? false
  }

  readonly observe = (event: SimEvent): void => {
    const { time, nodeId } = event
    switch (event.kind) {
      case 'started': {
        const disk = event.ringSequence.toString(16)
        this.#tell(time, nodeId, `starts, incarnation ${event.incarnation}, disk ${disk}`, 'node')
        break
      }
      case 'ended':
        this.#flush(time, nodeId)
        this.#tell(time, nodeId, event.how === 'crashed' ? 'has crashed' : 'has left', 'node')
        break
      case 'paused':
      case 'resumed':
        this.#flush(time, nodeId)
        break
      case 'configured':
        this.#flush(time, nodeId)
        this.#tell(time, nodeId, configurationText(event.change), 'configuration')
        break
      case 'numbered':
        if (this.#packets)
          this.#tell(time, nodeId, `numbers ${seqText(event.seq)} of ${ringText(event.ring)}`, 'packets')
        else this.#stretch(time, nodeId, event.ring).number(time)
        break
      case 'delivered': {
        const { ring, seq, origin } = event
        if (this.#packets) {
          this.#tell(time, nodeId, `delivers ${seqText(seq)} of ${ringText(ring)}, sent by ${origin}`, 'packets')
        } else {
          this.#stretch(time, nodeId, ring).deliver(time, seq, origin)
        }
        break
      }
      case 'totem':
        this.#totem(time, nodeId, event.event)
        break
      case 'log':
        if (this.#tells(event.level, event.subsystem)) {
          this.#tell(time, nodeId, `${event.level} [${event.subsystem}] ${event.message}`, 'log')
        }
        break
      case 'text':
        this.#tell(time, nodeId, event.text, nodeId === 0 ? 'fault' : 'program')
        break
      case 'fault':
        // Told in words by whoever carries it out.
        break
      case 'faultsEnd':
        this.#tell(time, 0, 'all faults end', 'fault')
        break
      case 'settled':
        this.#flushAll(time)
        this.#tell(time, 0, `settled: ${event.standing}`, 'fault')
        break
      case 'violation':
        this.#flushAll(time)
        this.#tell(time, nodeId, `VIOLATION of ${event.violation.property}: ${event.violation.text}`, 'violation')
        break
      case 'end':
        this.#flushAll(time)
        break
    }
  }

  #totem(time: number, nodeId: number, event: TotemEvent): void {
    switch (event.kind) {
      case 'gatherEntered':
        this.#flush(time, nodeId)
        this.#tell(time, nodeId, `GATHER: ${gatherText(event.reason)}`, 'state')
        break
      case 'commitEntered':
        this.#tell(time, nodeId, `COMMIT, to form ${ringText(event.ring)}`, 'state')
        break
      case 'recoveryEntered':
        this.#tell(time, nodeId, `RECOVERY into ${ringText(event.ring)}`, 'state')
        break
      case 'operationalEntered':
        this.#tell(time, nodeId, `OPERATIONAL in ${ringText(event.ring)}`, 'state')
        break
      case 'synchronised':
        this.#tell(time, nodeId, 'synchronised, ordinary sending begins', 'state')
        break
      case 'retransmitList':
        this.#stretch(time, nodeId, undefined).request(event.seqs)
        break
      case 'tokenHeld':
        this.#stretch(time, nodeId, undefined).held++
        break
      case 'tokenResent':
        this.#stretch(time, nodeId, undefined).resent++
        break
      case 'headerRejected':
      case 'messageRejected':
        this.#stretch(time, nodeId, undefined).refused++
        break
      default: {
        const declared = declarationText(event)
        const text = declared ?? tokenText(event)
        if (text === undefined) break
        this.#flush(time, nodeId)
        this.#tell(time, nodeId, text, declared === undefined ? 'token' : 'declaration')
      }
    }
  }

  /** What TOTEM logs, the story tells from the events themselves. */
  #tells(level: LogLevel, subsystem: string): boolean {
    if (this.#log === 'all') return true
    if (this.#log === 'notices') return level !== 'debug' && level !== 'trace'
    return GRAVE.includes(level) && subsystem !== 'TOTEM'
  }

  /** The node's stretch; a new one where packets of another ring begin, or after a long time. */
  #stretch(time: number, nodeId: number, ring: RingIdentity | undefined): Stretch {
    const current = this.#stretches.get(nodeId)
    if (current?.takes(time, ring)) return current
    this.#flush(time, nodeId)
    const fresh = new Stretch(time)
    fresh.ring = ring
    this.#stretches.set(nodeId, fresh)
    return fresh
  }

  #flush(time: number, nodeId: number): void {
    const stretch = this.#stretches.get(nodeId)
    if (stretch === undefined) return
    this.#stretches.delete(nodeId)
    const packets = stretch.packetsText()
    if (packets !== undefined) this.#tell(time, nodeId, packets, 'packets')
    const token = stretch.tokenText()
    if (token !== undefined) this.#tell(time, nodeId, token, stretch.isSmooth ? 'packets' : 'token')
  }

  #flushAll(time: number): void {
    for (const nodeId of [...this.#stretches.keys()].sort((a, b) => a - b)) this.#flush(time, nodeId)
  }
}

/** What one node did with packets and token, without anything else happening to it. */
class Stretch {
  readonly #since: number
  #last: number
  /** Of the packets; a stretch without packets has none. */
  ring: RingIdentity | undefined
  held = 0
  resent = 0
  refused = 0
  #numbered = 0
  #firstSeq = 0
  #lastSeq = 0
  readonly #delivered = new Map<number, number>()
  readonly #requested = new Set<number>()
  #visits = 0

  constructor(since: number) {
    this.#since = since
    this.#last = since
  }

  takes(time: number, ring: RingIdentity | undefined): boolean {
    if (time - this.#last > IDLE_MS || time - this.#since > STRETCH_MS) return false
    if (ring === undefined) return true
    if (this.ring === undefined) this.ring = ring
    return this.ring.nodeId === ring.nodeId && this.ring.seq === ring.seq
  }

  number(time: number): void {
    this.#last = time
    this.#numbered++
  }

  deliver(time: number, seq: number, origin: number): void {
    this.#last = time
    if (this.#delivered.size === 0) this.#firstSeq = seq
    this.#lastSeq = seq
    this.#delivered.set(origin, (this.#delivered.get(origin) ?? 0) + 1)
  }

  request(seqs: readonly number[]): void {
    this.#visits++
    for (const seq of seqs) this.#requested.add(seq)
  }

  /** Nothing missing, nothing repeated, nothing refused. */
  get isSmooth(): boolean {
    return this.resent + this.#visits + this.refused === 0
  }

  packetsText(): string | undefined {
    const said: string[] = []
    if (this.#delivered.size > 0 && this.ring !== undefined) {
      let count = 0
      for (const part of this.#delivered.values()) count += part
      const range = count === 1 ? seqText(this.#lastSeq) : `${seqText(this.#firstSeq)}..${seqText(this.#lastSeq)}`
      const origins = [...this.#delivered]
        .sort(([a], [b]) => a - b)
        .map(([origin, part]) => `${part} from ${origin}`)
        .join(', ')
      said.push(`delivers ${counted(count, 'packet')} of ${ringText(this.ring)}, seq ${range} (${origins})`)
    }
    if (this.#numbered > 0) said.push(`sends ${this.#numbered}`)
    return said.length === 0 ? undefined : `${said.join(', ')}, since ${(this.#since / 1000).toFixed(3)} s`
  }

  tokenText(): string | undefined {
    const said: string[] = []
    if (this.held > 0) said.push(`held ${counted(this.held, 'time')} as the ring is idle`)
    if (this.resent > 0) said.push(`sent again ${counted(this.resent, 'time')}`)
    if (this.#visits > 0) {
      const named = [...this.#requested].slice(0, NAMED_SEQS).map(seqText).join(' ')
      const more = this.#requested.size > NAMED_SEQS ? ' ...' : ''
      said.push(
        `asks for ${counted(this.#requested.size, 'missing packet')} in ${counted(this.#visits, 'visit')} (${named}${more})`,
      )
    }
    const token = said.length === 0 ? [] : [`token ${said.join(', ')}`]
    if (this.refused > 0) token.push(`${counted(this.refused, 'datagram')} refused`)
    return token.length === 0 ? undefined : token.join('; ')
  }
}

/** As in the executive's log. */
function seqText(seq: number): string {
  return seq.toString(16)
}

export function gatherText(reason: keyof typeof GATHER_REASONS): string {
  return GATHER_REASONS[reason].text.replace(/^The/, 'the').replace(/\.$/, '')
}

export function configurationText(change: ConfigurationChange): string {
  const left = change.left.length > 0 ? `, without ${change.left.join(' ')}` : ''
  const joined = change.joined.length > 0 ? `, joined by ${change.joined.join(' ')}` : ''
  return `${change.kind} configuration ${ringText(change.ring)} {${change.members.join(' ')}}${left}${joined}`
}

/** Who holds whom for failed, and why; undefined for all other events. */
export function declarationText(event: TotemEvent): string | undefined {
  switch (event.kind) {
    case 'silentProcessors':
      if (event.nodeIds.length === 0) return undefined
      return `declares ${event.nodeIds.join(' ')} failed: no agreement with them within the consensus timeout`
    case 'heldForFailed': {
      const whom = event.nodeIds.join(' ')
      if (event.because === 'leaves') return `takes ${whom} out: ${event.by} says that it leaves`
      if (event.because === 'holdsMe') return `declares ${whom} failed: ${event.by} holds this node for failed`
      const who = event.nodeIds.includes(event.by) ? 'it' : event.by
      return `declares ${whom} failed: ${who}, a member of its ring, says so`
    }
    case 'failedToReceive':
      return 'declares itself failed: it fails to receive what the others have'
    default:
      return undefined
  }
}

/** What became of the token; undefined for all other events. */
export function tokenText(event: TotemEvent): string | undefined {
  switch (event.kind) {
    case 'tokenLost':
      return `loses the token: none for ${event.tokenTimeoutMs} ms`
    case 'tokenLate':
      return `no token for ${Math.round(event.lateMs)} ms`
    case 'pauseDetected':
      return `notices that it stood still for ${Math.round(event.gapMs)} ms, throws ${counted(event.discarded, 'datagram')} away`
    default:
      return undefined
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
