// A program at the other end of the IPC server that does whatever a test wants, wrong things included. It maps nothing:
// rings are read and written as files, so it survives what it does to them. Slow, and for one thing at a time.

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { connect as connectStream, type Socket } from 'node:net'
import {
  AUTHENTICATE_ID,
  ChunkMagic,
  ConnectionRequest,
  ConnectionResponse,
  RingHeader,
} from '../../src/wire/ipc-transport.js'
import { pause } from './testbed.js'

const ANSWER_MS = 10_000
const POLL_MS = 1

/** As programs address a service in the abstract name space: padded to the full length. */
export function abstractName(name: string): string {
  return `\0${name}`.padEnd(108, '\0')
}

export interface RawHandshake {
  readonly error: number
  readonly type: number
  readonly maxMessage: number
  readonly request: string
  readonly response: string
  readonly event: string
}

function text(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, bytes.indexOf(0, at))
}

/** The first words of a program. */
export function connectionRequest(maxMessage: number): Buffer {
  const request = Buffer.alloc(ConnectionRequest.bytes)
  request.writeInt32LE(AUTHENTICATE_ID, ConnectionRequest.id)
  request.writeInt32LE(ConnectionRequest.bytes, ConnectionRequest.size)
  request.writeUInt32LE(maxMessage, ConnectionRequest.maxMessage)
  return request
}

/** A stream to the server, and what arrives on it. */
export class RawStream {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  /** Bytes received. */
  received = 0
  closed = false
  /** Sizes of the pieces in which bytes arrived. */
  readonly pieces: number[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', data => {
      this.#chunks.push(data)
      this.pieces.push(data.length)
      this.received += data.length
    })
    socket.on('close', () => {
      this.closed = true
    })
    // A reset is one of the ways in which a connection ends.
    socket.on('error', () => {})
  }

  static async connect(path: string): Promise<RawStream> {
    const socket = connectStream(path)
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawStream(socket)
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + ANSWER_MS
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`no ${what} within ${ANSWER_MS} ms`)
      await pause(POLL_MS)
    }
  }

  async handshake(maxMessage: number): Promise<RawHandshake> {
    this.socket.write(connectionRequest(maxMessage))
    await this.until(() => this.received >= ConnectionResponse.bytes || this.closed, 'answer to the handshake')
    const bytes = this.bytes()
    if (bytes.length < ConnectionResponse.bytes) throw new Error('closed without an answer')
    return {
      error: bytes.readInt32LE(ConnectionResponse.error),
      type: bytes.readInt32LE(ConnectionResponse.type),
      maxMessage: bytes.readUInt32LE(ConnectionResponse.maxMessage),
      request: text(bytes, ConnectionResponse.request),
      response: text(bytes, ConnectionResponse.response),
      event: text(bytes, ConnectionResponse.event),
    }
  }

  close(): void {
    this.socket.destroy()
  }
}

/** One ring's two files. */
export class RawRing {
  readonly header: number
  readonly data: number
  readonly wordSize: number
  position = 0
  #closed = false

  constructor(base: string) {
    this.header = openSync(`${base}-header`, 'r+')
    this.wordSize = this.headerWord(RingHeader.wordSize)
    const path = Buffer.alloc(4096)
    readSync(this.header, path, 0, path.length, RingHeader.dataPath)
    this.data = openSync(text(path, 0), 'r+')
    this.setHeaderWord(RingHeader.refCount, this.headerWord(RingHeader.refCount) + 1)
  }

  headerWord(at: number): number {
    const word = Buffer.alloc(4)
    readSync(this.header, word, 0, 4, at)
    return word.readUInt32LE()
  }

  setHeaderWord(at: number, value: number): void {
    const word = Buffer.alloc(4)
    word.writeUInt32LE(value >>> 0)
    writeSync(this.header, word, 0, 4, at)
  }

  word(index: number): number {
    const word = Buffer.alloc(4)
    readSync(this.data, word, 0, 4, (index % this.wordSize) * 4)
    return word.readInt32LE()
  }

  setWord(index: number, value: number): void {
    const word = Buffer.alloc(4)
    word.writeInt32LE(value | 0)
    writeSync(this.data, word, 0, 4, (index % this.wordSize) * 4)
  }

  truncate(what: 'header' | 'data', size: number): void {
    ftruncateSync(what === 'header' ? this.header : this.data, size)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.header)
    closeSync(this.data)
  }
}

/** What may be wrong with a chunk. */
export interface ChunkLies {
  readonly length?: number
  readonly size?: number
  readonly magic?: number
}

/** A connection over shared memory. */
export class RawClient {
  readonly stream: RawStream
  readonly handshake: RawHandshake
  readonly request: RawRing
  readonly response: RawRing
  readonly event: RawRing

  private constructor(stream: RawStream, handshake: RawHandshake) {
    this.stream = stream
    this.handshake = handshake
    this.request = new RawRing(handshake.request)
    this.response = new RawRing(handshake.response)
    this.event = new RawRing(handshake.event)
  }

  static async connect(path: string, maxMessage = 1 << 20): Promise<RawClient> {
    const stream = await RawStream.connect(path)
    const handshake = await stream.handshake(maxMessage)
    if (handshake.error !== 0) throw new Error(`refused: ${handshake.error}`)
    return new RawClient(stream, handshake)
  }

  /** Puts a request into the ring; `ring()` tells the server. */
  put(id: number, payload: Uint8Array = new Uint8Array(0), lies: ChunkLies = {}): void {
    const message = Buffer.alloc((16 + payload.length + 3) & ~3)
    message.writeInt32LE(id, 0)
    message.writeInt32LE(lies.size ?? 16 + payload.length, 8)
    message.set(payload, 16)
    const { request } = this
    const at = request.position
    for (let i = 0; i < message.length; i += 4) request.setWord(at + 2 + i / 4, message.readInt32LE(i))
    request.setWord(at, lies.length ?? 16 + payload.length)
    request.setWord(at + 1, lies.magic ?? ChunkMagic.VALID)
    request.position = (at + 2 + message.length / 4) % request.wordSize
    request.setHeaderWord(RingHeader.writePosition, request.position)
    request.setHeaderWord(RingHeader.semaphore, request.headerWord(RingHeader.semaphore) + 1)
  }

  /** The byte that wakes the server. */
  ring(): void {
    this.stream.socket.write(new Uint8Array(1))
  }

  /** The next answer or event, header and all. */
  async take(ring: RawRing): Promise<Buffer> {
    await this.stream.until(() => ring.headerWord(RingHeader.semaphore) > 0 || this.stream.closed, 'message')
    if (ring.headerWord(RingHeader.semaphore) === 0) throw new Error('the server has closed')
    ring.setHeaderWord(RingHeader.semaphore, ring.headerWord(RingHeader.semaphore) - 1)
    const at = ring.position
    if (ring.word(at + 1) !== ChunkMagic.VALID) throw new Error('a chunk without its mark')
    const length = ring.word(at)
    const message = Buffer.alloc((length + 3) & ~3)
    for (let i = 0; i < message.length; i += 4) message.writeInt32LE(ring.word(at + 2 + i / 4), i)
    ring.setWord(at, 0)
    ring.setWord(at + 1, ChunkMagic.DEAD)
    ring.position = (at + 2 + message.length / 4) % ring.wordSize
    ring.setHeaderWord(RingHeader.readPosition, ring.position)
    return message.subarray(0, length)
  }

  async ask(id: number, payload?: Uint8Array): Promise<Buffer> {
    this.put(id, payload)
    this.ring()
    return await this.take(this.response)
  }

  async untilClosed(): Promise<void> {
    await this.stream.until(() => this.stream.closed, 'end of the connection')
  }

  close(): void {
    this.stream.close()
    for (const ring of [this.request, this.response, this.event]) ring.close()
  }
}
