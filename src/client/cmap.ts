// The daemon's maps for programs: the configuration map and the map of statistics, with typed values (spec: services 7). In:
// calls. Out: promises of values, iterators, changes.

import { isKeyName, isMapValue, type MapValue } from '../config/map.js'
import { readValue, typeNumber, valueLength, writeValue } from '../services/cmap/value-bytes.js'
import { CsError } from '../services/errors.js'
import {
  CMAP_KEY_LENGTH_MAX,
  CMAP_TRACK_PREFIX,
  type CmapEntry,
  CmapMapId,
  type CmapRawValue,
  CmapRequest,
  CmapType,
  cmapAdjustRequest,
  cmapDeleteRequest,
  cmapGetRequest,
  cmapHandleRequest,
  cmapIterationRequest,
  cmapMapRequest,
  cmapSetRequest,
  cmapTrackRequest,
  readCmapGetAnswer,
  readCmapHandleAnswer,
  readCmapIterNextAnswer,
  readCmapNotify,
} from '../wire/cmap-ipc.js'
import { ClusterError, callError } from './errors.js'
import { EventStream, type Tracking } from './event-stream.js'
import { callOn, type ServiceAccess, ServiceLink } from './service-link.js'

/** Something has changed under a key. */
export interface MapChange {
  readonly key: string
  readonly event: 'add' | 'modify' | 'delete'
  /** Undefined for a new key, and for statistics, which do not say. */
  readonly before: MapValue | undefined
  /** Undefined for a deleted key. */
  readonly after: MapValue | undefined
}

export interface TrackOptions {
  /** All keys that start like this; with an empty key all there are. */
  readonly prefix?: boolean
  /** Which changes; all by default. */
  readonly events?: readonly MapChange['event'][]
}

const EVENT_BITS: Readonly<Record<MapChange['event'], number>> = { delete: 1, modify: 2, add: 4 }
const EVENTS = Object.keys(EVENT_BITS) as MapChange['event'][]

/** Values of up to this many bytes are fetched with one question; most are. */
const ROOM = 512
const INSTANCE_BYTES = 8

export class ConfigurationMap {
  readonly #link: ServiceLink
  readonly #trackings = new Map<number, EventStream<MapChange>>()
  #serial = 0

  /** Made by `connect`. */
  constructor(map: keyof typeof CmapMapId, access: ServiceAccess) {
    this.#link = new ServiceLink(
      'cmap',
      access,
      {
        event: (buf, off, len) => this.#changed(buf, off, len),
        lost: error => {
          for (const stream of this.#trackings.values()) stream.end(error)
        },
      },
      async connection => {
        await callOn(connection, 'choosing a map', cmapMapRequest(CmapMapId[map]), access.timeoutMs)
      },
    )
  }

  /** The value under a key; undefined when there is no such key. */
  async get(key: string): Promise<MapValue | undefined> {
    checkKey(key)
    for (let room = ROOM; ; ) {
      try {
        const answer = readCmapGetAnswer(await this.#link.call(`get ${key}`, cmapGetRequest(key, room)))
        if (answer === undefined) throw callError(CsError.MESSAGE_ERROR, `get ${key}`)
        if (room > 0) return received(key, answer)
        room = answer.length
        // It may have grown since, or shrunk to nothing.
        if (room === 0) return received(key, answer)
      } catch (error) {
        if (isCode(error, CsError.NOT_EXIST)) return undefined
        // Too little room: its length is asked for.
        if (!isCode(error, CsError.INVALID_PARAM) || room === 0) throw error
        room = 0
      }
    }
  }

  /**
   * Writes a value; the type of an existing key may change. Rejects with ACCESS for keys that programs may not write,
   * NAME_TOO_LONG for what is no key, INVALID_PARAM for what is no value of its type.
   */
  async set(key: string, value: MapValue): Promise<void> {
    checkKey(key)
    if (!isMapValue(value)) throw callError(CsError.INVALID_PARAM, `set ${key}`)
    await this.#link.call(`set ${key}`, cmapSetRequest(key, typeNumber(value), storable(value)))
  }

  /** Rejects with NOT_EXIST when there is no such key, ACCESS when programs may not delete it. */
  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#link.call(`delete ${key}`, cmapDeleteRequest(key))
  }

  /** Adds one to an integer; it wraps at the width of its type. */
  inc(key: string): Promise<void> {
    return this.adjust(key, 1)
  }

  dec(key: string): Promise<void> {
    return this.adjust(key, -1)
  }

  /** Adds to an integer. Rejects with NOT_EXIST, ACCESS, or INVALID_PARAM when the value is no integer. */
  async adjust(key: string, step: number): Promise<void> {
    checkKey(key)
    await this.#link.call(`adjust ${key}`, cmapAdjustRequest(key, step))
  }

  /** Keys that start with `prefix`, in byte order; those that come or go meanwhile may or may not be there. */
  async *keys(prefix = ''): AsyncGenerator<string, void, undefined> {
    for await (const { key } of this.#iterate(prefix)) yield key
  }

  /** Keys and values. */
  async *entries(prefix = ''): AsyncGenerator<readonly [string, MapValue], void, undefined> {
    for await (const { key } of this.#iterate(prefix)) {
      const value = await this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<readonly [string, MapValue], void, undefined> {
    return this.entries()
  }

  /**
   * Follows the changes of a key, or of all keys with a prefix. Resolves when the daemon has begun to tell; the key need not
   * exist. The map of statistics tells single keys that change, and with a prefix only what comes and goes: there, ask for
   * `prefix` with the events add and delete.
   */
  async track(key: string, options: TrackOptions = {}): Promise<Tracking<MapChange>> {
    if (key !== '') checkKey(key)
    const { prefix = false, events = EVENTS } = options
    const mask = events.reduce((bits, event) => bits | EVENT_BITS[event], prefix ? CMAP_TRACK_PREFIX : 0)
    const serial = ++this.#serial
    const instance = new Uint8Array(INSTANCE_BYTES)
    new DataView(instance.buffer).setUint32(0, serial, true)
    const what = `tracking ${key === '' ? 'all keys' : key}`
    let handle: Uint8Array | undefined
    const stream = new EventStream<MapChange>(what, async () => {
      if (handle === undefined) return
      await this.#link.call(`end of ${what}`, cmapHandleRequest(CmapRequest.trackDelete, handle))
      this.#trackings.delete(serial)
    })
    this.#trackings.set(serial, stream)
    try {
      handle = readCmapHandleAnswer(await this.#link.call(what, cmapTrackRequest(key, mask, instance)))
    } catch (error) {
      this.#trackings.delete(serial)
      throw error
    }
    return stream
  }

  /** What waits is rejected, what is tracked ends; with `error` when it is not the program that ends it. */
  close(error?: ClusterError): void {
    for (const stream of this.#trackings.values()) stream.end(error)
    this.#trackings.clear()
    this.#link.close(error)
  }

  async *#iterate(prefix: string): AsyncGenerator<CmapEntry, void, undefined> {
    if (prefix.length > CMAP_KEY_LENGTH_MAX) throw callError(CsError.NAME_TOO_LONG, `iterating over ${prefix}`)
    const what = `iterating over '${prefix}'`
    const handle = readCmapHandleAnswer(await this.#link.call(what, cmapIterationRequest(prefix)))
    if (handle === undefined) throw callError(CsError.MESSAGE_ERROR, what)
    try {
      const next = cmapHandleRequest(CmapRequest.iterNext, handle)
      for (;;) {
        const entry = readCmapIterNextAnswer(await this.#link.call(what, next))
        if (entry === undefined) throw callError(CsError.MESSAGE_ERROR, what)
        yield entry
      }
    } catch (error) {
      if (!isCode(error, CsError.NO_SECTIONS)) throw error
    } finally {
      await this.#link.call(what, cmapHandleRequest(CmapRequest.iterFinalize, handle)).catch(() => {})
    }
  }

  #changed(buf: Uint8Array, off: number, len: number): void {
    const change = readCmapNotify(buf, off, len)
    if (change === undefined) return
    const { instance, key, before, after } = change
    const stream = this.#trackings.get(new DataView(instance.buffer).getUint32(0, true))
    const event = EVENTS.find(name => EVENT_BITS[name] === change.event)
    if (stream === undefined || event === undefined) return
    stream.push({
      key,
      event,
      before: typed(before),
      after: typed(after),
    })
  }
}

/** The daemon checks names only when a key is new; what cannot be sent is refused here. */
function checkKey(key: string): void {
  if (key.length > CMAP_KEY_LENGTH_MAX || !isKeyName(key)) throw callError(CsError.NAME_TOO_LONG, `'${key}' is no key`)
}

/** As the daemon wants it: a text without its NUL. */
function storable(value: MapValue): Uint8Array {
  const bytes = new Uint8Array(valueLength(value))
  writeValue(value, bytes, 0)
  return value.type === 'str' ? bytes.subarray(0, -1) : bytes
}

/** Type 0 is that of keys without a value. */
function received(key: string, { type, bytes }: CmapRawValue): MapValue {
  if (type === CmapType.none) return { type: 'bin', value: new Uint8Array(0) }
  const value = typed({ type, bytes })
  if (value === undefined) throw callError(CsError.MESSAGE_ERROR, `get ${key}`)
  return value
}

function typed({ type, bytes }: CmapRawValue): MapValue | undefined {
  return readValue(type, bytes, 0, bytes.length)
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof ClusterError && error.number === code
}
