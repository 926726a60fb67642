// The edges of the configuration service: what it asks of the node it runs in, what it knows of links, how it speaks to
// programs.

import type { MapValue } from '../../config/map.js'
import type { NodeStatus, RingStatusText } from '../../wire/cfg-ipc.js'
import type { CsErrorCode } from '../errors.js'

/** What the transport knows of links and nodes. The driver has one; udp and udpu are the plain case (spec: services 6.1). */
export interface LinkStatusSource {
  /** Links of this node in the order of their numbers, as RINGSTATUSGET shows them. */
  ringStatus(): readonly RingStatusText[]
  /** Undefined where the transport has to know a node to speak of it and does not. */
  nodeStatus(nodeId: number): NodeStatus | undefined
  /** Addresses of a node in the order of its links, 4 or 16 bytes each; empty when it is unknown. */
  nodeAddresses(nodeId: number): readonly Uint8Array[]
}

/** Where a node has no transport that could be asked: tests and simulations of services. */
export const NO_LINKS: LinkStatusSource = {
  ringStatus: () => [],
  nodeStatus: () => undefined,
  nodeAddresses: () => [],
}

export interface MapEntry {
  readonly key: string
  readonly value: MapValue
}

export interface ConfiguredNode {
  readonly nodeId: number
  /** Numeric text per link, at the index of the link's number; '' where the node has none. */
  readonly addresses: readonly string[]
}

/** The configuration file of this node, read again (spec: services 6.4). Plain data: it comes from another thread. */
export type ConfigurationRead =
  /** It cannot be read or understood. `problem` is the text of the log line. */
  | { readonly kind: 'unreadable'; readonly problem: string }
  /** It was understood, but cannot be used. */
  | { readonly kind: 'invalid'; readonly problem: string }
  | {
      readonly kind: 'valid'
      /** What the file says, in the order of the keys. */
      readonly file: readonly MapEntry[]
      /** What follows from it: keys that the daemon itself writes. */
      readonly derived: readonly MapEntry[]
      /** Every configured node, this one included; empty when membership is open. */
      readonly nodes: readonly ConfiguredNode[]
      /** The keys of packets change. */
      readonly cryptoChanged: boolean
    }
export type ValidConfiguration = ConfigurationRead & { readonly kind: 'valid' }

/** What the service asks of the node's surroundings. A node without them (simulations) has none of this done. */
export interface CfgHost {
  readonly links: LinkStatusSource
  /** Another node, or an administrator here, wants this node to end at once, without a word. */
  killed(reason: string): void
  /** An administrator wants this node to leave in order. */
  shutdown(reason: string): void
  /** Read the configuration file; `configurationRead` of the service follows. Asked one at a time. */
  readConfiguration(): void
  /** Why the configuration cannot take the place of the one in force; undefined when it can. Changes nothing. */
  refuses(configuration: ValidConfiguration): string | undefined
  /** Puts the nodes of an accepted configuration into force. The map has settled; timers follow from it. */
  apply(configuration: ValidConfiguration): void
  /** Close and open the log files; `logFilesReopened` of the service follows. */
  reopenLogFiles(): void
  /** All nodes have the new key of packets: send with it. */
  activateCrypto(): void
  /** Nobody sends with the old key of packets any more: forget it. */
  cleanUpCrypto(): void
}

/** A program connected to the service. */
export interface CfgProgram {
  /** Asks whether the node may go. */
  testShutdown(flags: number): void
  /** Answers its request to shut down. */
  shutdownDecided(result: CsErrorCode): void
  /** Answers its request to reload. */
  reloaded(result: CsErrorCode): void
  /** Answers its request to reopen the log files. */
  logFilesReopened(result: CsErrorCode): void
}
