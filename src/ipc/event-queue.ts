// Events that wait in memory while a program does not read (spec: ipc 13.4). In: events of two parts, copied. Out: the
// oldest, in one piece. Events lie back to back in blocks, so that a queue of many small ones makes little garbage.

import { copyBytes } from './copy.js'
import { Fifo } from './fifo.js'

/** Larger events get a block of their own. */
const BLOCK_BYTES = 1 << 16
/** Before each event: its length. */
const PREFIX_BYTES = 4

interface Block {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Bytes written. */
  filled: number
}

function newBlock(size: number): Block {
  const bytes = new Uint8Array(size)
  return { bytes, view: new DataView(bytes.buffer), filled: 0 }
}

export class EventQueue {
  /** Events in the queue. */
  length = 0
  /** Their bytes, of blocks that are partly read, too. */
  bytes = 0
  readonly #blocks = new Fifo<Block>()
  #last: Block | undefined
  /** Bytes of the first block that were read. */
  #done = 0
  /** The oldest event, valid after `peek`, until `shift`. */
  buf: Uint8Array = new Uint8Array(0)
  off = 0
  len = 0

  push(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): void {
    const length = headLen + bodyLen
    const needed = PREFIX_BYTES + length
    let block = this.#last
    if (block === undefined || block.filled + needed > block.bytes.length) {
      block = newBlock(Math.max(BLOCK_BYTES, needed))
      this.#blocks.push(block)
      this.#last = block
      this.bytes += block.bytes.length
    }
    block.view.setUint32(block.filled, length)
    const at = block.filled + PREFIX_BYTES
    copyBytes(block.bytes, at, head, headOff, headLen)
    copyBytes(block.bytes, at + headLen, body, bodyOff, bodyLen)
    block.filled += needed
    this.length++
  }

  /** Shows the oldest event; false when there is none. */
  peek(): boolean {
    const block = this.#blocks.peek()
    if (block === undefined) return false
    this.buf = block.bytes
    this.len = block.view.getUint32(this.#done)
    this.off = this.#done + PREFIX_BYTES
    return true
  }

  /** Lets go of the event that `peek` showed. */
  shift(): void {
    const block = this.#blocks.peek()
    if (block === undefined) return
    this.length--
    this.#done += PREFIX_BYTES + this.len
    if (this.#done < block.filled) return
    this.#blocks.shift()
    this.bytes -= block.bytes.length
    this.#done = 0
    if (block === this.#last) this.#last = undefined
  }

  clear(): void {
    this.#blocks.clear()
    this.#last = undefined
    this.#done = 0
    this.length = 0
    this.bytes = 0
    this.buf = new Uint8Array(0)
  }
}
