// What the client needs of a way to move messages to a server and back. Shared memory and datagrams both offer it.

/** A message shown in place, valid until `release` of the same call's source. */
export interface ShownMessage {
  readonly buf: Uint8Array
  off: number
  len: number
}

export type SendResult = 'sent' | 'busy' | 'lost'

export interface ClientTransport {
  /** Longest message that can be sent. */
  readonly maxMessage: number
  /**
   * Hands a request of two parts over, copied. `busy`: there is no room at present, or the server's level of flow control
   * is between 1 and `threshold`; nothing has happened then.
   */
  send(
    head: Uint8Array,
    headLength: number,
    body: Uint8Array,
    bodyOffset: number,
    bodyLength: number,
    threshold: number,
  ): SendResult
  /** After `busy`: blocks the thread for at most so long; whether there may be room now. False where nothing tells. */
  awaitRoom(waitUs: number): boolean
  /** The answer, if it is there; blocks the thread for at most so many microseconds (0: not at all). */
  takeAnswer(waitUs: number): ShownMessage | undefined
  releaseAnswer(): void
  /** The oldest event, if there is one. */
  takeEvent(): ShownMessage | undefined
  releaseEvent(): void
  /** Lets go of everything. `serverGone`: nobody else will remove the files of the connection. */
  close(serverGone: boolean): void
}
