// What a node sends to itself: its own joins and hold cancels, and every token while it is alone (spec: totem 7.6).
// The datagrams never reach a socket: they wait here until the call that sent them has returned.

/** One round is bounded, so that a ring of one cannot keep the driver from its sockets. */
const ROUND_MAX = 64

export class Loopback {
  readonly #spare: Uint8Array[] = []
  #waiting: { bytes: Uint8Array; length: number }[] = []
  #head = 0

  get pending(): boolean {
    return this.#head < this.#waiting.length
  }

  push(buf: Uint8Array, off: number, len: number): void {
    let bytes = this.#spare.pop()
    if (bytes === undefined || bytes.length < len) bytes = new Uint8Array(Math.max(len, 2048))
    bytes.set(buf.subarray(off, off + len), 0)
    this.#waiting.push({ bytes, length: len })
  }

  /** Hands over what waited when the round began; what is pushed meanwhile belongs to the next. */
  drain(receive: (buf: Uint8Array, len: number) => void): void {
    const end = Math.min(this.#waiting.length, this.#head + ROUND_MAX)
    while (this.#head < end) {
      const datagram = this.#waiting[this.#head]
      this.#head++
      if (datagram === undefined) break
      receive(datagram.bytes, datagram.length)
      this.#spare.push(datagram.bytes)
    }
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    }
  }

  clear(): number {
    const dropped = this.#waiting.length - this.#head
    this.#waiting = []
    this.#head = 0
    return dropped
  }
}
