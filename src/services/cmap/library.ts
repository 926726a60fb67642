// What the configuration map offers to programs (spec: services 7.1 to 7.3): requests of service cmap in, answers and events
// out. Each program has a map that it talks to, open iterators and trackers; all end with its connection. What may be read
// and written is the map's business.

import { VALUE_LENGTH_MAX } from '../../config/map.js'
import {
  CMAP_ANSWER_LENGTH_MAX,
  CMAP_GET_VALUE,
  CMAP_NOTIFY_LENGTH,
  CMAP_REQUEST_LENGTH,
  CMAP_SET_VALUE,
  CMAP_TRACK_PREFIX,
  CmapMapId,
  CmapRequest,
  type CmapRequestId,
  CmapType,
  hasNoCmapKey,
  readCmapGetRoom,
  readCmapHandle,
  readCmapInstance,
  readCmapKey,
  readCmapMap,
  readCmapSetLength,
  readCmapSetType,
  readCmapStep,
  readCmapTrackType,
  writeCmapAnswer,
  writeCmapGetAnswer,
  writeCmapHandleAnswer,
  writeCmapIterNextAnswer,
  writeCmapNotify,
  writeCmapTrackDeleteAnswer,
} from '../../wire/cmap-ipc.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { Client, LibraryInterface, LibraryRequest } from '../library.js'
import { MAP_EVENTS_ALL, type MapChange, type MapTracker } from './live-map.js'
import type { ProgramMap } from './program-map.js'
import { readValue, typeNumber, valueLength, writeValue } from './value-bytes.js'

/** What a program may read at once. The longest value is a sixteenth of this; the longest answer that can be sent is longer. */
export const CMAP_GET_ROOM_MAX = 256 * 1024
/** Iterators and trackers that one program may have. Each costs the engine memory, and a tracker costs a look at every change. */
export const CMAP_HANDLES_MAX = 4096

const TRACK_BITS = MAP_EVENTS_ALL | CMAP_TRACK_PREFIX
const NOTHING = new Uint8Array(0)

interface Iterator {
  readonly prefix: string
  after: string | undefined
  /** It has been at the end, and stays there whatever comes. */
  ended: boolean
}

interface Tracking {
  readonly tracker: MapTracker
  readonly instance: Uint8Array
}

class Session {
  map: ProgramMap
  readonly iterators = new Map<number, Iterator>()
  readonly trackers = new Map<number, Tracking>()

  constructor(map: ProgramMap) {
    this.map = map
  }
}

export class CmapLibrary implements LibraryInterface {
  readonly name = 'cmap'
  readonly requests: readonly LibraryRequest[]
  readonly #maps: ReadonlyMap<number, ProgramMap>
  readonly #defaultMap: ProgramMap
  readonly #sessions = new Map<Client, Session>()
  /** Handles are never given out twice: an old one finds nothing. */
  #handles = 0
  readonly #answer = new Uint8Array(Math.max(CMAP_ANSWER_LENGTH_MAX, CMAP_GET_VALUE + VALUE_LENGTH_MAX + 1))
  readonly #notice = new Uint8Array(CMAP_NOTIFY_LENGTH)
  /** Both values of an event, the NULs of texts included. */
  readonly #values = new Uint8Array(2 * (VALUE_LENGTH_MAX + 1))

  constructor(maps: { readonly live: ProgramMap; readonly stats: ProgramMap }) {
    this.#defaultMap = maps.live
    this.#maps = new Map([
      [CmapMapId.default, maps.live],
      [CmapMapId.stats, maps.stats],
    ])
    // In the order of CmapRequest.
    this.requests = [
      this.#request('set', (client, session, buf, off, len) => this.#set(client, session, buf, off, len)),
      this.#request('delete', (client, session, buf, off) => {
        this.#respond(client, CmapRequest.delete, session.map.delete(readCmapKey(buf, off)))
      }),
      this.#request('get', (client, session, buf, off) => this.#get(client, session, buf, off)),
      this.#request('adjust', (client, session, buf, off) => {
        this.#respond(client, CmapRequest.adjust, session.map.adjust(readCmapKey(buf, off), readCmapStep(buf, off)))
      }),
      this.#request('iterInit', (client, session, buf, off) => this.#iterInit(client, session, buf, off)),
      this.#request('iterNext', (client, session, buf, off) => this.#iterNext(client, session, buf, off)),
      this.#request('iterFinalize', (client, session, buf, off) => {
        const known = session.iterators.delete(readCmapHandle(buf, off))
        this.#respond(client, CmapRequest.iterFinalize, known ? CsError.OK : CsError.BAD_HANDLE)
      }),
      this.#request('trackAdd', (client, session, buf, off) => this.#trackAdd(client, session, buf, off)),
      this.#request('trackDelete', (client, session, buf, off) => this.#trackDelete(client, session, buf, off)),
      this.#request('setCurrentMap', (client, session, buf, off) => {
        this.#respond(client, CmapRequest.setCurrentMap, this.#setCurrentMap(session, readCmapMap(buf, off)))
      }),
    ]
  }

  connected(client: Client): void {
    this.#sessions.set(client, new Session(this.#defaultMap))
  }

  disconnected(client: Client): void {
    const session = this.#sessions.get(client)
    if (session === undefined) return
    session.map.untrack(...Array.from(session.trackers.values(), ({ tracker }) => tracker))
    this.#sessions.delete(client)
  }

  #request(
    name: keyof typeof CmapRequest,
    handle: (client: Client, session: Session, buf: Uint8Array, off: number, len: number) => void,
  ): LibraryRequest {
    return {
      name,
      minLength: CMAP_REQUEST_LENGTH[name],
      flowControl: false,
      handle: (client, buf, off, len) => {
        const session = this.#sessions.get(client)
        if (session === undefined) throw new Error('a request of a program that is not connected')
        handle(client, session, buf, off, len)
      },
    }
  }

  #respond(client: Client, request: CmapRequestId, error: CsErrorCode): void {
    client.respond(this.#answer, 0, writeCmapAnswer(this.#answer, 0, request, error))
  }

  #set(client: Client, session: Session, buf: Uint8Array, off: number, len: number): void {
    const length = readCmapSetLength(buf, off)
    const type = readCmapSetType(buf, off)
    const fits = length >= 0 && length <= VALUE_LENGTH_MAX && length <= len - CMAP_SET_VALUE
    const value = fits ? readValue(type, buf, off + CMAP_SET_VALUE, length) : undefined
    this.#respond(client, CmapRequest.set, session.map.set(readCmapKey(buf, off), value))
  }

  #get(client: Client, session: Session, buf: Uint8Array, off: number): void {
    const room = readCmapGetRoom(buf, off)
    const value = session.map.get(readCmapKey(buf, off))
    if (value === undefined) {
      this.#respond(client, CmapRequest.get, CsError.NOT_EXIST)
      return
    }
    const length = valueLength(value)
    if (room < 0 || room > CMAP_GET_ROOM_MAX || (room > 0 && room < length)) {
      this.#respond(client, CmapRequest.get, CsError.INVALID_PARAM)
      return
    }
    const needed = CMAP_GET_VALUE + room
    const answer = needed <= this.#answer.length ? this.#answer : new Uint8Array(needed)
    writeCmapGetAnswer(answer, 0, CsError.OK, typeNumber(value), length, room)
    if (room > 0) writeValue(value, answer, CMAP_GET_VALUE)
    client.respond(answer, 0, needed)
  }

  #iterInit(client: Client, session: Session, buf: Uint8Array, off: number): void {
    if (session.iterators.size >= CMAP_HANDLES_MAX) {
      this.#respond(client, CmapRequest.iterInit, CsError.NO_RESOURCES)
      return
    }
    const handle = ++this.#handles
    const prefix = hasNoCmapKey(buf, off) ? '' : readCmapKey(buf, off)
    session.iterators.set(handle, { prefix, after: undefined, ended: false })
    this.#respondHandle(client, CmapRequest.iterInit, handle)
  }

  #iterNext(client: Client, session: Session, buf: Uint8Array, off: number): void {
    const iterator = session.iterators.get(readCmapHandle(buf, off))
    if (iterator === undefined) {
      this.#respond(client, CmapRequest.iterNext, CsError.BAD_HANDLE)
      return
    }
    const key = iterator.ended ? undefined : session.map.nextKey(iterator.prefix, iterator.after)
    const value = key === undefined ? undefined : session.map.get(key)
    if (key === undefined || value === undefined) {
      iterator.ended = true
      this.#respond(client, CmapRequest.iterNext, CsError.NO_SECTIONS)
      return
    }
    iterator.after = key
    const length = writeCmapIterNextAnswer(this.#answer, 0, CsError.OK, key, typeNumber(value), valueLength(value))
    client.respond(this.#answer, 0, length)
  }

  #trackAdd(client: Client, session: Session, buf: Uint8Array, off: number): void {
    const type = readCmapTrackType(buf, off)
    const error = this.#trackingError(session, type)
    if (error !== CsError.OK) {
      this.#respond(client, CmapRequest.trackAdd, error)
      return
    }
    const instance = readCmapInstance(buf, off)
    const tracker = session.map.track(
      hasNoCmapKey(buf, off) ? '' : readCmapKey(buf, off),
      change => this.#notify(client, instance, change),
      { mask: type & MAP_EVENTS_ALL, prefix: (type & CMAP_TRACK_PREFIX) !== 0 },
    )
    const handle = ++this.#handles
    session.trackers.set(handle, { tracker, instance })
    this.#respondHandle(client, CmapRequest.trackAdd, handle)
  }

  #trackingError(session: Session, type: number): CsErrorCode {
    if ((type & ~TRACK_BITS) !== 0) return CsError.INVALID_PARAM
    if (session.trackers.size >= CMAP_HANDLES_MAX) return CsError.NO_RESOURCES
    return session.map.mayTrack(type & MAP_EVENTS_ALL, (type & CMAP_TRACK_PREFIX) !== 0)
  }

  #trackDelete(client: Client, session: Session, buf: Uint8Array, off: number): void {
    const handle = readCmapHandle(buf, off)
    const tracking = session.trackers.get(handle)
    if (tracking === undefined) {
      this.#respond(client, CmapRequest.trackDelete, CsError.BAD_HANDLE)
      return
    }
    session.trackers.delete(handle)
    session.map.untrack(tracking.tracker)
    const length = writeCmapTrackDeleteAnswer(this.#answer, 0, CsError.OK, tracking.instance)
    client.respond(this.#answer, 0, length)
  }

  #setCurrentMap(session: Session, id: number): CsErrorCode {
    if (session.iterators.size > 0 || session.trackers.size > 0) return CsError.BUSY
    const map = this.#maps.get(id)
    if (map === undefined) return CsError.NOT_EXIST
    session.map = map
    return CsError.OK
  }

  #respondHandle(client: Client, request: CmapRequestId, handle: number): void {
    client.respond(this.#answer, 0, writeCmapHandleAnswer(this.#answer, 0, request, CsError.OK, handle))
  }

  #notify(client: Client, instance: Uint8Array, change: MapChange): void {
    const { key, event, before, after } = change
    const newLength = after === undefined ? 0 : valueLength(after)
    const oldLength = before === undefined ? 0 : valueLength(before)
    const newType = after === undefined ? CmapType.none : typeNumber(after)
    const oldType = before === undefined ? CmapType.none : typeNumber(before)
    writeCmapNotify(this.#notice, 0, instance, key, event, newType, newLength, oldType, oldLength)
    if (after !== undefined) writeValue(after, this.#values, 0)
    if (before !== undefined) writeValue(before, this.#values, newLength)
    const body = newLength + oldLength === 0 ? NOTHING : this.#values
    client.notify(this.#notice, 0, CMAP_NOTIFY_LENGTH, body, 0, newLength + oldLength)
  }
}
