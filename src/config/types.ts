// The result types of configuration: what a daemon, a library or the test option gets from a file, and how a mistake in
// the file is told. No behaviour here; everything is plain data, so that tests can write a configuration by hand.

import type { LogLevel } from '../log/types.js'
import type { TotemParameters } from '../totem/parameters.js'
import type { ConfigMap } from './map.js'

/** A position in a file, counted from 1. Line 0 means the file as a whole (something is missing, not wrong). */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Which part of the start found a problem; it decides the form in which the problem is printed (spec: config 12). */
export type ProblemStage = 'parser' | 'logging' | 'validation'

export interface ConfigProblem extends Place {
  readonly stage: ProblemStage
  /** The key at fault, as a cmap path, where there is one. */
  readonly key?: string
  /** The wording of the C daemon, without the position. */
  readonly message: string
  /** What would be right. */
  readonly help: string
}

/** Something that is correct, accepted by the test option, but that a node cannot run. */
export interface Refusal extends ConfigProblem {
  readonly key: string
  readonly exitCode: number
}

export interface ConfigWarning {
  readonly message: string
  readonly key?: string
  readonly place?: Place
}

/** Whose defaults apply, and how node ids are generated. */
export type DefaultsGeneration = '1.4' | '2.4' | '3'
/** The wire generation, `totem.wire`. */
export type WireName = '3' | '2.4' | '1.4'
export type Transport = 'udpu' | 'udp' | 'knet'
export type IpVersion = 'ipv4' | 'ipv6' | 'ipv4-6' | 'ipv6-4'
export type AddressFamily = 4 | 6

export interface Member {
  readonly nodeId: number
  readonly name?: string
  /** Numeric address per link, at the index of the link number; '' where the node has none. */
  readonly addresses: readonly string[]
  /** Family on the first link in use. */
  readonly family: AddressFamily
}

/** One link (ring, in old files). udp and udpu have exactly one. */
export interface LinkConfiguration {
  readonly number: number
  /** This node's own address on the link, numeric. */
  readonly localAddress: string
  readonly family: AddressFamily
  readonly mcastPort: number
  /** Group address; 255.255.255.255 with broadcast; undefined where the transport has none. */
  readonly mcastAddress?: string
  readonly broadcast: boolean
  readonly ttl: number
  readonly knet: KnetLinkConfiguration
}

export interface KnetLinkConfiguration {
  readonly transport: 'udp' | 'sctp'
  readonly priority: number
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  readonly pingPrecision: number
  readonly pongCount: number
}

export interface CryptoConfiguration {
  readonly model: string
  readonly cipher: string
  readonly hash: string
  /** Key bytes, as read from `keyfile` or `key`. */
  readonly key: Uint8Array
}

export type Debug = 'off' | 'on' | 'trace'

/** Levels and destinations of one subsystem, everything inherited filled in (spec: config 7 and 16.2). */
export interface SubsystemLogging {
  /** Least severe level that goes to syslog; `debug` is already taken into account. */
  readonly syslogLevel: LogLevel
  /** Least severe level that goes to the file, and to stderr. */
  readonly fileLevel: LogLevel
  readonly toFile: boolean
  readonly logFile?: string
  readonly debug: Debug
}

export interface LoggingConfiguration {
  readonly timestamp: 'off' | 'on' | 'hires'
  readonly fileLine: boolean
  readonly functionName: boolean
  readonly blackbox: boolean
  readonly toStderr: boolean
  readonly toSyslog: boolean
  readonly syslogFacility: string
  /** For every subsystem without a section of its own. */
  readonly global: SubsystemLogging
  readonly subsystems: ReadonlyMap<string, SubsystemLogging>
}

export interface SchedulingConfiguration {
  readonly roundRobin: boolean
  /** Used when round robin is off: a nice value, or the extreme ones. */
  readonly priority: number | 'max' | 'min'
  readonly moveToRootCgroup: 'yes' | 'no' | 'auto'
}

/** A `service { name, ver }` section of an old file. */
export interface ServiceDeclaration {
  readonly name: string
  readonly version: number
  readonly place: Place
}

export type ValueOrigin =
  | { readonly kind: 'file'; readonly place: Place }
  | { readonly kind: 'default' }
  | { readonly kind: 'derived'; readonly from: string }

/** One line of the table that `-t -v` prints. */
export interface EffectiveValue {
  readonly key: string
  readonly value: string
  readonly origin: ValueOrigin
}

export interface Configuration {
  readonly file: string
  /** An old-style file: interface sections instead of a nodelist (spec: config 9). */
  readonly legacy: boolean
  readonly defaults: DefaultsGeneration
  readonly wire: WireName
  readonly nodeId: number
  /** Position in the nodelist; undefined in legacy mode. */
  readonly localNodePosition?: number
  readonly localName?: string
  readonly clusterName?: string
  readonly transport: Transport
  readonly ipVersion: IpVersion
  /** Family of the first link. */
  readonly family: AddressFamily
  /** Every configured node, this one included; empty when membership is open (udp without a nodelist). */
  readonly members: readonly Member[]
  readonly links: readonly LinkConfiguration[]
  /** Own address on the first link, numeric. */
  readonly localAddress: string
  /** What to look for among the host's interfaces: the own address, or the bindnetaddr of an old file. */
  readonly bindAddress: string
  /** The network that bindnetaddr matched, as address/prefix (legacy mode only). */
  readonly bindNetwork?: string
  readonly mcastAddress?: string
  readonly mcastPort: number
  readonly ttl: number
  readonly broadcast: boolean
  /** `totem.netmtu`; the part of it that frames may use is in `totem.netMtu`. */
  readonly netMtu: number
  readonly blockUnlistedIps: boolean
  readonly udpOffload: boolean
  /** IP type of service divided by four. */
  readonly ipDscp: number
  readonly crypto?: CryptoConfiguration
  readonly totem: TotemParameters
  readonly configVersion: bigint
  readonly stateDir: string
  readonly scheduling: SchedulingConfiguration
  readonly ipcType: 'native' | 'shm' | 'socket'
  /** In front of the names of the services' sockets. */
  readonly ipcPrefix: string
  readonly logging: LoggingConfiguration
  readonly quorumProvider?: string
  readonly services: readonly ServiceDeclaration[]
  readonly warnings: readonly ConfigWarning[]
  /** What keeps a node from starting although the file is correct. */
  readonly refusals: readonly Refusal[]
  readonly effective: readonly EffectiveValue[]
  readonly map: ConfigMap
  /** Where each key of the map was written, for those that come from a file. */
  readonly origins: ReadonlyMap<string, Place>
}

export type LoadResult =
  | { readonly ok: true; readonly configuration: Configuration }
  | {
      readonly ok: false
      readonly problems: readonly ConfigProblem[]
      readonly exitCode: number
      readonly warnings: readonly ConfigWarning[]
      /** As far as it was read; the problems are printed in its format. */
      readonly logging?: LoggingConfiguration
    }

/** Exit codes of the start that concern configuration (spec: config 15.2). */
export const ExitCode = { ok: 0, logging: 7, configuration: 8, stateDirectory: 16, service: 20 } as const

/** Thrown inside config/ by the first failing check; never leaves it. */
export class InvalidConfiguration extends Error {
  readonly problems: readonly ConfigProblem[]
  readonly exitCode: number

  constructor(problems: readonly ConfigProblem[], exitCode: number) {
    super(problems[0]?.message ?? 'invalid configuration')
    this.problems = problems
    this.exitCode = exitCode
  }
}
