// A program that talks to the configuration map, as bytes.

import type { LibraryInterface } from '../../src/services/library.js'
import { errorOf, LibraryClient } from './library-client.js'

/** Numbers of types on the wire. */
export const TYPE = {
  i8: 1,
  u8: 2,
  i16: 3,
  u16: 4,
  i32: 5,
  u32: 6,
  i64: 7,
  u64: 8,
  flt: 9,
  dbl: 10,
  str: 11,
  bin: 12,
} as const
/** Bits of a track type. */
export const TRACK = { DELETE: 1, MODIFY: 2, ADD: 4, PREFIX: 8 } as const

export interface ReadValue {
  readonly error: number
  readonly length: number
  readonly type: number
  readonly bytes: Uint8Array
}

export interface ReadEvent {
  readonly instance: bigint
  readonly key: string
  readonly event: number
  readonly newType: number
  readonly oldType: number
  readonly newBytes: Uint8Array
  readonly oldBytes: Uint8Array
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, char => char.charCodeAt(0))
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

export class CmapClient {
  readonly client: LibraryClient

  constructor(library: LibraryInterface) {
    this.client = new LibraryClient(library)
  }

  /** `length`: what the request says of the value's length; `text`: the key's length field. */
  set(key: string, type: number, value: Uint8Array, length: number = value.length): number {
    const answer = this.client.request(0, 296 + value.length, (view, bytes) => {
      putKey(view, bytes, key)
      view.setBigUint64(280, BigInt(length), true)
      bytes[288] = type
      bytes.set(value, 296)
    })
    return checked(answer, 0, 24)
  }

  delete(key: string): number {
    return checked(
      this.client.request(1, 280, (view, bytes) => putKey(view, bytes, key)),
      1,
      24,
    )
  }

  get(key: string, room: number): ReadValue {
    const answer = this.client.request(2, 288, (view, bytes) => {
      putKey(view, bytes, key)
      view.setBigUint64(280, BigInt(room), true)
    })!
    const error = errorOf(answer)
    checked(answer, 2, 40 + (error === 1 ? room : 0))
    return {
      error,
      length: Number(answer.getBigUint64(24, true)),
      type: answer.getUint8(32),
      bytes: new Uint8Array(answer.buffer, 40),
    }
  }

  adjust(key: string, step: number): number {
    const answer = this.client.request(3, 288, (view, bytes) => {
      putKey(view, bytes, key)
      view.setInt32(280, step, true)
    })
    return checked(answer, 3, 24)
  }

  /** The handle. */
  iterInit(prefix: string): number {
    const answer = this.client.request(4, 280, (view, bytes) => putKey(view, bytes, prefix))!
    const error = checked(answer, 4, 32)
    return error === 1 ? Number(answer.getBigUint64(24, true)) : -error
  }

  /** A key, or an error. */
  iterNext(handle: number): { readonly key: string; readonly length: number; readonly type: number } | number {
    const answer = this.client.request(5, 24, view => view.setBigUint64(16, BigInt(handle), true))!
    const error = checked(answer, 5, 304)
    if (error !== 1) return error
    const length = Number(answer.getBigUint64(288, true))
    return { key: keyAt(new Uint8Array(answer.buffer), 24), length, type: answer.getUint8(296) }
  }

  iterFinalize(handle: number): number {
    return checked(
      this.client.request(6, 24, view => view.setBigUint64(16, BigInt(handle), true)),
      6,
      24,
    )
  }

  /** Keys from a handle to the end. */
  rest(handle: number): string[] {
    const keys: string[] = []
    for (let next = this.iterNext(handle); typeof next !== 'number'; next = this.iterNext(handle)) keys.push(next.key)
    return keys
  }

  /** The handle; negative: the error. */
  trackAdd(key: string, type: number, instance = 1n): number {
    const answer = this.client.request(7, 296, (view, bytes) => {
      putKey(view, bytes, key)
      view.setInt32(280, type, true)
      view.setBigUint64(288, instance, true)
    })!
    const error = checked(answer, 7, 32)
    return error === 1 ? Number(answer.getBigUint64(24, true)) : -error
  }

  trackDelete(handle: number): { readonly error: number; readonly instance: bigint } {
    const answer = this.client.request(8, 24, view => view.setBigUint64(16, BigInt(handle), true))!
    return { error: checked(answer, 8, 32), instance: answer.getBigUint64(24, true) }
  }

  setCurrentMap(map: number): number {
    return checked(
      this.client.request(9, 24, view => view.setInt32(16, map, true)),
      10,
      24,
    )
  }

  /** Events since the last look. */
  look(): ReadEvent[] {
    return this.client.look().map(readEvent)
  }
}

function readEvent(bytes: Uint8Array): ReadEvent {
  const view = new DataView(bytes.buffer)
  const newLength = Number(view.getBigUint64(320, true))
  const oldLength = Number(view.getBigUint64(328, true))
  if (
    view.getInt32(0, true) !== 9 ||
    view.getInt32(8, true) !== bytes.length ||
    bytes.length !== 336 + newLength + oldLength
  ) {
    throw new Error(`not an event of the map: ${bytes.length} bytes`)
  }
  return {
    instance: view.getBigUint64(24, true),
    key: keyAt(bytes, 32),
    event: view.getInt32(296, true),
    newType: view.getUint8(304),
    oldType: view.getUint8(312),
    newBytes: bytes.slice(336, 336 + newLength),
    oldBytes: bytes.slice(336 + newLength),
  }
}

function putKey(view: DataView, bytes: Uint8Array, key: string): void {
  view.setUint16(16, key.length, true)
  bytes.set(ascii(key), 24)
}

function keyAt(bytes: Uint8Array, at: number): string {
  const length = bytes[at]! | (bytes[at + 1]! << 8)
  return String.fromCharCode(...bytes.subarray(at + 8, at + 8 + length))
}

/** The error of an answer that has this id and is exactly this long. */
function checked(answer: DataView | undefined, id: number, length: number): number {
  const error = errorOf(answer)
  const found = [answer?.getInt32(0, true), answer?.getInt32(8, true), answer?.byteLength]
  if (found[0] !== id || found[1] !== length || found[2] !== length) {
    throw new Error(`answer ${id} of ${length} bytes expected, got id, size, length ${found}`)
  }
  return error
}
