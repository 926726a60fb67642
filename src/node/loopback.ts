// What a node sends to itself: its own joins and hold cancels, and every token while it is alone (spec: totem 7.6).
// The datagrams never reach a socket: they wait here until the call that sent them has returned.

/** One round is bounded, so that a ring of one cannot keep the driver from its sockets. */
const ROUND_MAX = 64
/** Room of a place at first; nearly every datagram that comes this way is a token or a short join. */
const PLACE_SIZE = 2048

interface Place {
  bytes: Uint8Array
  length: number
}

export class Loopback {
  // A circle of places that are used again and again: a ring of one sends itself a token at every visit, and while it
  // is busy one is always under way.
  #places: Place[] = [createPlace()]
  #first = 0
  #count = 0

  get pending(): boolean {
    return this.#count > 0
  }

  /** How many datagrams there is room for at the moment; it grows to the most that ever waited at once. */
  get places(): number {
    return this.#places.length
  }

  push(buf: Uint8Array, off: number, len: number): void {
    if (this.#count === this.#places.length) this.#grow()
    const place = this.#places[(this.#first + this.#count) % this.#places.length]!
    if (place.bytes.length < len) place.bytes = new Uint8Array(len)
    place.bytes.set(buf.subarray(off, off + len))
    place.length = len
    this.#count++
  }

  /** Hands over what waited when the round began; what is pushed meanwhile belongs to the next. */
  drain(receive: (buf: Uint8Array, len: number) => void): void {
    for (let left = Math.min(this.#count, ROUND_MAX); left > 0 && this.#count > 0; left--) {
      const place = this.#places[this.#first]!
      // The place stays taken while its bytes are being read.
      receive(place.bytes, place.length)
      if (this.#count === 0) return
      this.#first = (this.#first + 1) % this.#places.length
      this.#count--
    }
  }

  clear(): number {
    const dropped = this.#count
    this.#count = 0
    return dropped
  }

  #grow(): void {
    const inOrder = [...this.#places.slice(this.#first), ...this.#places.slice(0, this.#first)]
    while (inOrder.length < 2 * this.#places.length) inOrder.push(createPlace())
    this.#places = inOrder
    this.#first = 0
  }
}

function createPlace(): Place {
  return { bytes: new Uint8Array(PLACE_SIZE), length: 0 }
}
