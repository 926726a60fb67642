// The life of the one link of udp and udpu (spec: totem 7.5): which interface carries it, whether it is up, when to try
// again. Fed with lists of interface addresses; opens and closes sockets and tells the node through LinkActions. Pure.
// While the link is down nothing is sent and the node goes on alone, under its own node id; it never moves to loopback.

import { type IpAddress, ipFromBytes, sameIp, sameNetwork } from '../config/ip.js'
import type { LogLevel } from '../log/types.js'
import type { InterfaceAddress } from '../sys/netlink.js'

/** Sockets that cannot be bound are tried this often, with growing pauses: an address may still be settling. */
export const OPEN_ATTEMPTS_MAX = 10
/** The pause after attempt k is k times this. */
export const OPEN_PAUSE_MS = 100

const LOOPBACK_NET = 127

export interface LinkActions {
  /** Makes the sockets on this address; why it could not, or undefined. What it half made it takes away again. */
  open(at: InterfaceAddress): string | undefined
  close(): void
  /** The node may start (once). */
  started(now: number): void
  /** The interface went down, came up or changed its address after the start. */
  changed(now: number): void
  /** The link cannot be had. Nothing further is called. */
  fatal(reason: string): void
  log(level: LogLevel, message: string): void
}

export interface LinkOptions {
  readonly bind: IpAddress
  readonly bindExact: boolean
  /** udp starts alone when its interface is missing, udpu does not start at all (as the C engine). */
  readonly mayStartDown: boolean
  readonly downcheckMs: number
}

export type LinkStateName = 'starting' | 'up' | 'down' | 'failed'

/**
 * The interface address to use: the very address wins, then the one in use if it still matches, then the first whose
 * network contains `bind`. Interfaces that are down do not count.
 */
export function selectAddress(
  list: readonly InterfaceAddress[],
  bind: IpAddress,
  bindExact: boolean,
  current: InterfaceAddress | undefined,
): InterfaceAddress | undefined {
  let first: InterfaceAddress | undefined
  let kept: InterfaceAddress | undefined
  for (const entry of list) {
    if (!entry.up || entry.family !== bind.family) continue
    if (sameIp(entry.address, bind.bytes)) return entry
    if (!sameNetwork(entry.address, bind.bytes, entry.prefixLength)) continue
    // Every address of 127.0.0.0/8 is this host's own, not just the one that the interface shows.
    if (bindExact && entry.family === 4 && entry.address[0] === LOOPBACK_NET) return { ...entry, address: bind.bytes }
    if (bindExact) continue
    first ??= entry
    if (current !== undefined && sameAddress(entry, current)) kept ??= entry
  }
  return kept ?? first
}

export class LinkState {
  readonly #options: LinkOptions
  #downcheckMs: number
  readonly #actions: LinkActions
  #state: LinkStateName = 'starting'
  #current: InterfaceAddress | undefined
  #started = false
  #attempts = 0
  #nextCheck = 0

  constructor(options: LinkOptions, actions: LinkActions) {
    this.#options = options
    this.#downcheckMs = options.downcheckMs
    this.#actions = actions
  }

  get state(): LinkStateName {
    return this.#state
  }

  /** The address in use; undefined unless up. */
  get current(): InterfaceAddress | undefined {
    return this.#current
  }

  /** When `update` is wanted without anything having been heard of the interfaces. */
  nextCheck(): number {
    return this.#nextCheck
  }

  /** Another pace of looking again from the next look on. */
  setDowncheck(downcheckMs: number): void {
    this.#downcheckMs = downcheckMs
  }

  /** The host's addresses as they are now. */
  update(now: number, list: readonly InterfaceAddress[]): void {
    if (this.#state === 'failed') return
    const { bind, bindExact, mayStartDown } = this.#options
    const chosen = selectAddress(list, bind, bindExact, this.#current)
    if (chosen === undefined) {
      if (this.#state === 'up') this.#goDown(now, true)
      else if (this.#state === 'starting' && mayStartDown) {
        this.#goDown(now, false)
        this.#tell(now)
      } else if (this.#state === 'starting') {
        this.#tryLater(
          now,
          `no network interface that is up has ${bindExact ? 'the address' : 'an address in'} ${bind.text}`,
        )
      } else {
        this.#nextCheck = now + this.#downcheckMs
      }
      return
    }
    if (this.#state === 'up' && this.#current !== undefined) {
      if (sameAddress(chosen, this.#current)) return
      this.#goDown(now, false)
    }
    this.#open(now, chosen)
  }

  #open(now: number, at: InterfaceAddress): void {
    const problem = this.#actions.open(at)
    if (problem !== undefined) {
      this.#tryLater(now, problem)
      return
    }
    this.#attempts = 0
    this.#nextCheck = Number.POSITIVE_INFINITY
    this.#state = 'up'
    this.#current = at
    this.#actions.log('notice', `The network interface [${ipFromBytes(at.address).text}] is now up.`)
    this.#tell(now)
  }

  #goDown(now: number, tell: boolean): void {
    if (this.#state === 'up') this.#actions.close()
    this.#state = 'down'
    this.#current = undefined
    this.#attempts = 0
    this.#nextCheck = now + this.#downcheckMs
    this.#actions.log('notice', 'The network interface is down.')
    if (tell) this.#tell(now)
  }

  #tell(now: number): void {
    if (this.#started) this.#actions.changed(now)
    else {
      this.#started = true
      this.#actions.started(now)
    }
  }

  #tryLater(now: number, problem: string): void {
    // News of the interfaces between two attempts is welcome but does not use one up.
    if (this.#attempts > 0 && now < this.#nextCheck) return
    this.#attempts++
    if (this.#attempts >= OPEN_ATTEMPTS_MAX) {
      this.#state = 'failed'
      this.#nextCheck = Number.POSITIVE_INFINITY
      this.#actions.fatal(problem)
      return
    }
    this.#actions.log('debug', `${problem}; attempt=${this.#attempts} of=${OPEN_ATTEMPTS_MAX}`)
    this.#nextCheck = now + this.#attempts * OPEN_PAUSE_MS
  }
}

function sameAddress(a: InterfaceAddress, b: InterfaceAddress): boolean {
  return a.index === b.index && sameIp(a.address, b.address)
}
