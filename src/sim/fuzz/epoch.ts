// The full judges over a stretch of a ring's life: the checkers of packets, configurations and groups, begun anew at the
// next configuration that each host installs. What was delivered before then is none of their business.
// In: what nodes tell, programs. Out: violations.

import type { ConfigurationChange, RingIdentity } from '../../totem/types.js'
import { Checker } from '../checker/checker.js'
import { GroupChecker } from '../checker/groups.js'
import type { Process, Violation } from '../checker/model.js'
import type { SimHost } from '../host.js'
import type { Referee } from './ring.js'

const NO_RING: RingIdentity = { nodeId: 0, seq: 0 }

export class Epoch implements Referee {
  readonly checker = new Checker()
  readonly groups = new GroupChecker(this.checker.model)
  /** Nobody looks at groups: somebody honest says what no program said. */
  packetsOnly = false
  /** Per host: the process that it is to the checker; absent until it installs a configuration. */
  readonly #processes = new Map<SimHost, number>()

  get violations(): readonly Violation[] {
    return this.checker.violations
  }

  /** The host has installed a configuration since this began. */
  has(host: SimHost): boolean {
    return this.#processes.has(host)
  }

  processOf(host: SimHost): Process {
    return this.checker.model.processes[this.#processes.get(host)!]!
  }

  fail(property: string, host: SimHost, text: string): void {
    this.checker.model.fail(property, this.processOf(host), text)
  }

  started(host: SimHost): void {
    this.#processes.set(host, this.checker.start(host.nodeId))
  }

  ended(host: SimHost): void {
    const process = this.#processes.get(host)
    if (process !== undefined) this.checker.end(process)
  }

  configured(host: SimHost, change: ConfigurationChange): void {
    this.checker.at(host.now)
    let process = this.#processes.get(host)
    if (process === undefined) {
      if (change.kind === 'transitional') return
      // To these judges it comes from nowhere.
      process = this.checker.start(host.nodeId)
      this.#processes.set(host, process)
      const alone = [host.nodeId]
      this.checker.configured(process, { ...change, kind: 'transitional', members: alone, previous: NO_RING })
    }
    this.checker.configured(process, change)
    if (change.kind === 'regular' && this.violations.length === 0) this.groups.installed(this.processOf(host))
  }

  numbered(host: SimHost, ring: RingIdentity, seq: number, hash: number): void {
    const process = this.#processes.get(host)
    if (process === undefined) return
    this.checker.at(host.now)
    this.checker.numbered(process, ring, seq, hash)
  }

  delivered(host: SimHost, ring: RingIdentity, seq: number, origin: number, hash: number): void {
    const process = this.#processes.get(host)
    if (process === undefined) return
    this.checker.at(host.now)
    this.checker.delivered(process, ring, seq, origin, hash)
  }

  /** Everybody has delivered everything that was numbered. */
  isEven(hosts: readonly SimHost[]): boolean {
    return hosts.every(host => {
      const view = this.processOf(host).view
      return view !== null && view.prefix === view.ring.senders.length
    })
  }

  finish(): void {
    this.checker.finish()
    if (!this.packetsOnly) this.groups.finish()
  }
}
