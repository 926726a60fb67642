// Turns the events of the single-ring machine into log lines: the C engine's wording first, because tools and people
// search for it, then whatever we know beyond it as key=value (spec: totem 2.9, 4.2, 4.15).

import type { LogSink } from '../log/types.js'
import { GATHER_REASONS, type TotemEvent } from '../totem/events.js'
import type { RingIdentity } from '../totem/types.js'

/** A cause of refused datagrams is reported at most once in this time; a flood must not become a flood of lines. */
const REFUSAL_INTERVAL_MS = 1000

export function ringText(ring: RingIdentity): string {
  return `${ring.nodeId}.${ring.seq.toString(16)}`
}

export class TotemLog {
  readonly #log: LogSink
  /** By cause: when it was last reported, and how often it came since. */
  readonly #refusals = new Map<string, { reported: number; suppressed: number }>()

  constructor(log: LogSink) {
    this.#log = log
  }

  /** `guess` names what may have sent a datagram with an unknown header; asked only when a line is written. */
  write(now: number, event: TotemEvent, guess: () => string): void {
    const log = this.#log
    switch (event.kind) {
      case 'gatherEntered': {
        const { number, text } = GATHER_REASONS[event.reason]
        log('debug', 'TOTEM', `entering GATHER state from ${number}(${text}).`)
        break
      }
      case 'commitEntered':
        log('debug', 'TOTEM', `entering COMMIT state. ring=${ringText(event.ring)}`)
        break
      case 'recoveryEntered':
        log('debug', 'TOTEM', `entering RECOVERY state. ring=${ringText(event.ring)}`)
        break
      case 'operationalEntered':
        log('debug', 'TOTEM', `entering OPERATIONAL state. ring=${ringText(event.ring)}`)
        break
      case 'tokenLost':
        log(
          'notice',
          'TOTEM',
          `A processor failed, forming new configuration: token timed out (${event.tokenTimeoutMs}ms), waiting ${event.consensusMs}ms for consensus.`,
        )
        break
      case 'tokenLate':
        log('notice', 'TOTEM', `Token has not been received in ${Math.round(event.lateMs)} ms `)
        break
      case 'failedToReceive':
        log('error', 'TOTEM', 'FAILED TO RECEIVE')
        break
      case 'retransmitList':
        log('notice', 'TOTEM', `Retransmit List: ${event.seqs.map(seq => `${seq.toString(16)} `).join('')}`)
        break
      case 'pauseDetected':
        log(
          'warning',
          'TOTEM',
          `Process pause detected for ${Math.round(event.gapMs)} ms, flushing membership messages. discarded=${event.discarded}`,
        )
        break
      case 'silentProcessors':
        log('debug', 'TOTEM', `No agreement in time, held for failed: ${event.nodeIds.join(' ')}`)
        break
      case 'membershipFormed': {
        const joined = event.joined.length > 0 ? ` joined: ${event.joined.join(' ')}` : ''
        const left = event.left.length > 0 ? ` left: ${event.left.join(' ')}` : ''
        const text = joined + left === '' ? '' : ` Members${joined}${left}`
        log('notice', 'TOTEM', `A new membership (${ringText(event.ring)}) was formed.${text}`)
        if (event.unannounced.length > 0) {
          log('notice', 'TOTEM', `Failed to receive the leave message. failed: ${event.unannounced.join(' ')}`)
        }
        break
      }
      case 'headerRejected': {
        const text = {
          short: `Message received from ${event.from} is too short...  Ignoring ${event.length}.`,
          magic: `Message received from ${event.from} has bad magic number (probably sent by ${guess()}).. Ignoring`,
          version: `Message received from ${event.from} has unsupported version... Ignoring`,
          type: `Message received from ${event.from} has wrong type...  ignoring.`,
        }[event.reject]
        this.#refuse(now, event.reject, text)
        break
      }
      case 'messageRejected':
        this.#refuse(
          now,
          event.message,
          `Received ${event.message} message is too short...  ignoring. from=${event.from}`,
        )
        break
      case 'unableToForm':
        log(
          'warning',
          'MAIN',
          'Totem is unable to form a cluster because of an operating system or network fault (reason: totem is continuously in gather state). The most common cause of this message is that the local firewall is configured improperly.',
        )
        break
    }
  }

  #refuse(now: number, cause: string, text: string): void {
    const known = this.#refusals.get(cause)
    if (known !== undefined && now - known.reported < REFUSAL_INTERVAL_MS) {
      known.suppressed++
      return
    }
    const more = known !== undefined && known.suppressed > 0 ? ` suppressed=${known.suppressed}` : ''
    this.#refusals.set(cause, { reported: now, suppressed: 0 })
    this.#log('warning', 'TOTEM', text + more)
  }
}
