// The configuration service, service 1: orders of administrators that reach every node (spec: services 6). In: cluster
// messages in total order, requests of programs, what the main thread has read. Out: cluster messages, answers, and calls
// of the node's surroundings (CfgHost). Must not know: bytes of requests, files, sockets, clocks.

import type { LogSink } from '../../log/types.js'
import * as wire from '../../wire/cfg.js'
import type { NodeStatus, RingStatusText } from '../../wire/cfg-ipc.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import type { LiveMap } from '../cmap/live-map.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { RingHandler, RingPort, Service } from '../types.js'
import { CfgLibrary } from './library.js'
import { beginReload, finishReload } from './reload.js'
import { ShutdownNegotiation } from './shutdown.js'
import { type CfgHost, type CfgProgram, type ConfigurationRead, NO_LINKS } from './types.js'

/** How long votes on a shutdown may take unless cfg.shutdown_timeout says otherwise. */
export const SHUTDOWN_TIMEOUT_MS = 5000
/** Orders to reload that may wait while one is carried out. All of them are satisfied by the next one. */
export const RELOADS_WAITING_MAX = 256
/** Programs that may wait for a reload or for the log files. */
const PROGRAMS_WAITING_MAX = 1024

export interface CfgServiceOptions {
  readonly port: RingPort
  readonly map: LiveMap
  readonly log: LogSink
  /** Left out: nobody here can be ended, and there are no files. */
  readonly host?: CfgHost | undefined
}

/** One order to reload: who gave it, and the program here that waits for it. */
interface ReloadOrder {
  readonly nodeId: number
  readonly program: CfgProgram | undefined
}

export class CfgService implements Service {
  readonly id = ServiceId.cfg
  readonly name = SERVICE_DISPLAY_NAMES.cfg
  readonly priority = 1
  readonly handlers: readonly RingHandler[]
  readonly sync = null
  readonly library: CfgLibrary
  readonly shutdown: ShutdownNegotiation
  readonly #port: RingPort
  readonly #map: LiveMap
  readonly #log: LogSink
  readonly #host: CfgHost | undefined
  readonly #bytes = new Uint8Array(wire.CFG_KILL_LENGTH)
  /** Own messages under way: nobody else can make this node believe that it has given an order. */
  #shutdownsSent = 0
  readonly #cryptoSent = new Set<number>()

  /** Programs whose order to reload has not come back yet, by the number of the order. */
  readonly #ordered = new Map<number, CfgProgram>()
  #orders = 0
  /** Orders that the reading under way satisfies. Empty when none is. */
  #reading: readonly ReloadOrder[] = []
  #waiting: ReloadOrder[] = []
  /** Programs that wait until the log files have been opened again. */
  #reopening: (CfgProgram | undefined)[] = []

  constructor(options: CfgServiceOptions) {
    this.#port = options.port
    this.#map = options.map
    this.#log = options.log
    this.#host = options.host
    this.shutdown = new ShutdownNegotiation({
      timeoutMs: () => this.#map.getNumber('cfg.shutdown_timeout', 'u32') ?? SHUTDOWN_TIMEOUT_MS,
      agreed: () => this.#sendShutdown(),
    })
    this.library = new CfgLibrary(this)
    // In the order of the function numbers (CfgFunction).
    this.handlers = [
      // Of redundant rings: there is nothing to be enabled again.
      handler('ringreenable', wire.CFG_SOURCE_LENGTH, () => {}),
      handler('killnode', wire.CFG_KILL_LENGTH, (buf, off, len, origin, little) =>
        this.#kill(buf, off, len, origin, little),
      ),
      handler('shutdown', wire.CFG_SHUTDOWN_LENGTH, (_buf, _off, _len, origin) => this.#shutDown(origin)),
      handler('reload_config', wire.CFG_SOURCE_LENGTH, (buf, off, len, origin, little) =>
        this.#reload(buf, off, len, origin, little),
      ),
      handler('crypto_reconfig', wire.CFG_CRYPTO_LENGTH, (buf, off, len, origin, little) =>
        this.#crypto(buf, off, len, origin, little),
      ),
    ]
  }

  get nodeId(): number {
    return this.#port.nodeId
  }

  // ---- requests of programs --------------------------------------------------------------------------------------

  /** NOT_EXIST when no such node is a member; TRY_AGAIN when the ring takes nothing now. */
  killNode(nodeId: number, reason: Uint8Array): CsErrorCode {
    if (this.#map.getString(`runtime.members.${nodeId}.status`) !== 'joined') return CsError.NOT_EXIST
    const length = wire.writeCfgKill({ nodeId, reason }, this.#bytes, 0, this.#port.littleEndian)
    return this.#send(length) ? CsError.OK : CsError.TRY_AGAIN
  }

  /** The program is answered by `reloaded`, now or when this node has read its file. */
  reloadConfiguration(program: CfgProgram): void {
    if (this.#host === undefined) {
      program.reloaded(CsError.NOT_SUPPORTED)
      return
    }
    if (this.#ordered.size + this.#waiting.length >= PROGRAMS_WAITING_MAX) {
      program.reloaded(CsError.TRY_AGAIN)
      return
    }
    const source = { nodeId: this.nodeId, connection: ++this.#orders }
    const { reloadConfig } = wire.CfgFunction
    const length = wire.writeCfgSource(reloadConfig, source, this.#bytes, 0, this.#port.littleEndian)
    if (!this.#send(length)) {
      program.reloaded(CsError.TRY_AGAIN)
      return
    }
    this.#ordered.set(source.connection, program)
  }

  /** The program is answered by `logFilesReopened`. */
  reopenLogFiles(program: CfgProgram): void {
    if (this.#host === undefined) {
      program.logFilesReopened(CsError.NOT_SUPPORTED)
      return
    }
    if (this.#reopening.length >= PROGRAMS_WAITING_MAX) {
      program.logFilesReopened(CsError.TRY_AGAIN)
      return
    }
    this.#reopening.push(program)
    this.#host.reopenLogFiles()
  }

  ringStatus(): readonly RingStatusText[] {
    return this.#links.ringStatus()
  }

  nodeStatus(nodeId: number): NodeStatus | undefined {
    return this.#links.nodeStatus(nodeId)
  }

  /** 0 means this node. */
  nodeAddresses(nodeId: number): readonly Uint8Array[] {
    return this.#links.nodeAddresses(nodeId === 0 ? this.nodeId : nodeId)
  }

  disconnected(program: CfgProgram): void {
    this.shutdown.disconnected(program)
    for (const [order, waits] of this.#ordered) if (waits === program) this.#ordered.delete(order)
    this.#reopening = this.#reopening.map(waits => (waits === program ? undefined : waits))
    const without = (order: ReloadOrder) => (order.program === program ? { ...order, program: undefined } : order)
    this.#reading = this.#reading.map(without)
    this.#waiting = this.#waiting.map(without)
  }

  // ---- answers of the surroundings -------------------------------------------------------------------------------

  /** The file has been read: see CfgHost.readConfiguration. */
  configurationRead(read: ConfigurationRead): void {
    const host = this.#host
    if (host === undefined || this.#reading.length === 0) return
    const result = finishReload(read, { map: this.#map, log: this.#log, host })
    if (result === CsError.OK && read.kind === 'valid' && read.cryptoChanged) {
      this.#sendCrypto(wire.CryptoPhase.activate)
    }
    const done = this.#reading
    this.#reading = []
    for (const { program } of done) program?.reloaded(result)
    this.#readNext()
  }

  /** The log files are open again, or could not be: see CfgHost.reopenLogFiles. Answers whoever has waited longest. */
  logFilesReopened(worked: boolean): void {
    this.#reopening.shift()?.logFilesReopened(worked ? CsError.OK : CsError.LIBRARY)
  }

  nextDeadline(): number {
    return this.shutdown.nextDeadline()
  }

  expire(now: number): void {
    this.shutdown.expire(now)
  }

  /** Nobody is left without an answer. */
  exit(): void {
    this.shutdown.end()
    const waiting = [...this.#ordered.values(), ...[...this.#reading, ...this.#waiting].map(order => order.program)]
    this.#ordered.clear()
    this.#reading = []
    this.#waiting = []
    for (const program of waiting) program?.reloaded(CsError.TRY_AGAIN)
    for (const program of this.#reopening.splice(0)) program?.logFilesReopened(CsError.TRY_AGAIN)
  }

  // ---- cluster messages ------------------------------------------------------------------------------------------

  #kill(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = wire.readCfgKill(buf, off, len, little)
    if (message === undefined || message.nodeId !== this.nodeId) return
    const reason = `Killed by node ${origin} : ${printable(message.reason)}`
    this.#log('notice', 'CFG', reason)
    this.#host?.killed(reason)
  }

  #shutDown(origin: number): void {
    const own = origin === this.nodeId
    if (own && this.#shutdownsSent === 0) return
    const reason = `Node ${origin} was shut down by sysadmin`
    this.#log('notice', 'CFG', reason)
    if (!own) return
    this.#shutdownsSent--
    this.#host?.shutdown(reason)
  }

  #reload(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const source = wire.readCfgSource(buf, off, len, little)
    if (source === undefined || this.#host === undefined) return
    let program: CfgProgram | undefined
    if (origin === this.nodeId) {
      program = this.#ordered.get(source.connection)
      this.#ordered.delete(source.connection)
    }
    // More orders than that come from a flood, and the next reading satisfies every one of them.
    if (program === undefined && this.#waiting.length >= RELOADS_WAITING_MAX) return
    this.#waiting.push({ nodeId: origin, program })
    this.#readNext()
  }

  #crypto(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const phase = wire.readCfgCrypto(buf, off, len, little)
    if (phase === undefined || origin !== this.nodeId || !this.#cryptoSent.delete(phase)) return
    if (phase === wire.CryptoPhase.activate) {
      this.#host?.activateCrypto()
      this.#sendCrypto(wire.CryptoPhase.cleanUp)
    } else this.#host?.cleanUpCrypto()
  }

  /** Every order that has come until now is satisfied by the reading that starts now. */
  #readNext(): void {
    if (this.#reading.length > 0 || this.#waiting.length === 0) return
    this.#reading = this.#waiting
    this.#waiting = []
    for (const { nodeId } of this.#reading) this.#log('notice', 'CFG', `Config reload requested by node ${nodeId}`)
    beginReload(this.#map)
    this.#host?.readConfiguration()
  }

  get #links(): CfgHost['links'] {
    return this.#host?.links ?? NO_LINKS
  }

  #send(length: number): boolean {
    return this.#port.send(this.#bytes, 0, length, this.#bytes, 0, 0)
  }

  #sendShutdown(): void {
    this.#shutdownsSent++
    const length = wire.writeCfgShutdown(this.#bytes, 0, this.#port.littleEndian)
    this.#port.sendSurely(this.#bytes, 0, length)
  }

  #sendCrypto(phase: number): void {
    this.#cryptoSent.add(phase)
    const length = wire.writeCfgCrypto(phase, this.#bytes, 0, this.#port.littleEndian)
    this.#port.sendSurely(this.#bytes, 0, length)
  }
}

function handler(name: string, minLength: number, receive: RingHandler['receive']): RingHandler {
  return { name, minLength, receive }
}

/** A text of another node for the log: what could move a terminal's cursor becomes a question mark. */
function printable(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\p{Cc}/gu, '?')
}
