// The edges of the IPC server (spec: ipc): what it tells its owner of the programs that connect, and what the owner can say.
// The bytes of requests, answers and events are the owner's business.

/** Process and user of a program, as it was when it connected. */
export interface Credentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** One program's connection to one service. */
export interface IpcConnection extends Credentials {
  /** Unique in the life of the server, ascending. */
  readonly serial: number
  readonly service: string
  readonly serviceId: number
  /** Copied. Nothing happens when the program has gone. */
  respond(buf: Uint8Array, off: number, len: number): void
  /** An event of two parts, copied; kept in order while the program does not read. */
  notify(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): void
  drop(reason: string): void
  readonly statistics: IpcStatistics
}

/** Counters of one connection (spec: ipc 13.5). */
export interface IpcStatistics {
  /** Short name of the program, at most 15 characters; empty where it cannot be known. */
  readonly processName: string
  /** 1 while events wait in memory. */
  queueing: number
  queued: number
  /** Of the owner: requests that were malformed or unknown, and those refused. */
  invalidRequest: number
  overload: number
  sent: number
  requests: number
  responses: number
  dispatched: number
  sendRetries: number
  receiveRetries: number
  flowControl: number
  flowControlCount: number
}

/** How many requests of a connection are taken per turn, and the level that programs see (spec: ipc 12). */
export type IpcRate = 'fast' | 'normal' | 'slow' | 'off' | 'off2'

/** What the owner is asked and told, always from within `IpcServer.work` or the handler of a descriptor. */
export interface IpcOwner {
  /** 0, or the negative error number that the program is told instead of being connected. */
  admit(service: string, program: Credentials): number
  connected(connection: IpcConnection): void
  /**
   * A request with its header checked: at least 16 bytes, the size in it is `len`. Valid for the length of the call, in
   * memory that the program can change. False: it cannot be taken now (the ring is busy); it stays where it is, with all
   * that follow on this connection, and is offered again after `IpcServer.resume()`, which the owner calls when it may
   * succeed. So nothing that a program was told is accepted gets lost, and the program feels it when its ring is full.
   */
  request(connection: IpcConnection, buf: Uint8Array, off: number, len: number): boolean
  /** Once per connected one. */
  disconnected(connection: IpcConnection): void
}

/** The loop that the server's descriptors are in (level-triggered; `Epoll.IN` and so on). */
export interface IpcLoop {
  addFd(fd: number, events: number, handler: (now: number, events: number) => void): void
  modifyFd(fd: number, events: number): void
  /** Called before the descriptor is closed. */
  removeFd(fd: number): void
}

/** Shared memory, or datagram sockets. */
export type IpcTransport = 'shm' | 'socket'
