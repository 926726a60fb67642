// What a service offers to programs: requests, answers, events (libqb IPC; spec: ipc 6 and 13, services 1.2 and 1.4). In:
// messages of programs, header first, in the byte order of this machine (little endian). Out: answers and events. Whether
// the bytes come through shared memory, a socket or a test is nobody's business here.

/** One program's connection to one service. */
export interface Client {
  /** Unique in the life of the node; higher for newer connections. Names the connection in the statistics. */
  readonly serial: number
  /** Credentials of the program when it connected. */
  readonly pid: number
  readonly uid: number
  readonly gid: number
  /**
   * Answers the oldest request that has none yet; during the request or later. The bytes are copied. Exactly one answer
   * per request (none for silent ones), never longer than the request's answer is by specification: programs read
   * into a structure of that size. Nothing happens when the program has gone.
   */
  respond(buf: Uint8Array, off: number, len: number): void
  /**
   * An event of two parts, copied. Events keep their order; while the program does not read they wait. Nothing happens
   * when the program has gone.
   */
  notify(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): void
  /** Ends the connection: the program reads what is there and finds nobody behind it. `disconnected` follows. */
  drop(reason: string): void
}

/** One request. Its place in the table is its number in the messages. */
export interface LibraryRequest {
  readonly name: string
  /** Shorter messages are answered with INVALID_PARAM. */
  readonly minLength: number
  /** Runs only while the ring takes messages; else the program is told to try again. */
  readonly flowControl: boolean
  /** Never answered, not even when it is refused (cpg's multicast). */
  readonly silent?: boolean
  /**
   * The message, header first, `len` as its header says. Valid for the length of the call; it may lie in memory that the
   * program can change at any moment, so look at each field once and check what was looked at.
   */
  handle(client: Client, buf: Uint8Array, off: number, len: number): void
}

export interface LibraryInterface {
  /** Name of the socket: cmap, cfg, cpg, quorum, votequorum. */
  readonly name: string
  readonly requests: readonly LibraryRequest[]
  /** Serves on while a synchronisation runs (votequorum, whose device has to vote then). */
  readonly servesDuringSync?: boolean
  /** A program has connected; requests follow. */
  connected(client: Client): void
  /** It has gone, or was dropped. Called once; no request follows. */
  disconnected(client: Client): void
}
