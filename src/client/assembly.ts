// Messages that arrive in pieces (spec: services 2.10), put together per sender: a first piece discards what is unfinished,
// a piece without a beginning is ignored, the last one completes. Memory grows with the bytes that have arrived, never
// with the length that a piece claims.

/** Longest message that is sent or put together. */
export const MAX_MESSAGE_BYTES = 256 << 20

interface Unfinished {
  readonly total: number
  readonly pieces: Uint8Array[]
  bytes: number
}

function key(nodeId: number, pid: number): string {
  return `${nodeId}:${pid}`
}

export class Assembly {
  readonly #unfinished = new Map<string, Unfinished>()

  /** Takes a piece, which it keeps. */
  first(nodeId: number, pid: number, total: number, piece: Uint8Array): void {
    this.#unfinished.delete(key(nodeId, pid))
    if (total > MAX_MESSAGE_BYTES || piece.length > total) return
    this.#unfinished.set(key(nodeId, pid), { total, pieces: [piece], bytes: piece.length })
  }

  /** Takes a further piece; the whole message when it was the last one. */
  next(nodeId: number, pid: number, piece: Uint8Array, last: boolean): Uint8Array | undefined {
    const unfinished = this.#unfinished.get(key(nodeId, pid))
    if (unfinished === undefined) return undefined
    unfinished.pieces.push(piece)
    unfinished.bytes += piece.length
    if (unfinished.bytes > unfinished.total) {
      this.drop(nodeId, pid)
      return undefined
    }
    if (!last) return undefined
    this.drop(nodeId, pid)
    if (unfinished.bytes !== unfinished.total) return undefined
    const whole = new Uint8Array(unfinished.total)
    let at = 0
    for (const part of unfinished.pieces) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  /** The sender has gone. */
  drop(nodeId: number, pid: number): void {
    this.#unfinished.delete(key(nodeId, pid))
  }
}
