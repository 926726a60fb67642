// Bytes that libqb's transport puts between a program and a daemon: the handshake, the headers of messages, and the
// layouts of the shared files (spec: ipc 4, 6, 7, 8). All in the byte order of this machine, which is little endian
// wherever this runs. Nothing here knows what requests mean.

/** Ids below zero belong to the transport. */
export const AUTHENTICATE_ID = -1
export const DISCONNECT_ID = -3

/** Header of a request: +0 i32 id | +8 i32 size of the whole message. The rest is padding with anything in it. */
export const RequestHeader = { id: 0, size: 8, bytes: 16 } as const
/** Header of an answer or event: as of a request, then +16 i32 error. */
export const ResponseHeader = { id: 0, size: 8, error: 16, bytes: 24 } as const

/** First words of a program: the header, then +16 u32 the size that it wants to be able to send and receive. */
export const ConnectionRequest = { id: 0, size: 8, maxMessage: 16, bytes: 24 } as const

/** What it is told: a header with 0 or a negative error number, kind of transport, size, a handle, three strings. */
export const ConnectionResponse = {
  id: 0,
  size: 8,
  error: 16,
  type: 24,
  maxMessage: 28,
  handle: 32,
  request: 40,
  response: 4136,
  event: 8232,
  bytes: 12328,
} as const

/** Longest string in the response, its NUL included. */
const STRING_BYTES = 4096

export const ConnectionType = { SOCKET: 0, SHM: 1 } as const

export interface Connected {
  readonly type: number
  readonly maxMessage: number
  /** Names the connection in the server; programs ignore it. */
  readonly handle: number
  readonly request: string
  readonly response: string
  readonly event: string
}

/** The size that a program asks for, or undefined when its first words are none of libqb's. */
export function decodeConnectionRequest(bytes: Uint8Array, length: number): number | undefined {
  if (length !== ConnectionRequest.bytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  if (view.getInt32(ConnectionRequest.id, true) !== AUTHENTICATE_ID) return undefined
  return view.getUint32(ConnectionRequest.maxMessage, true)
}

/** Writes a whole response into `out` (ConnectionResponse.bytes long). `error`: a negative error number. */
export function encodeConnectionResponse(out: Uint8Array, outcome: Connected | { readonly error: number }): void {
  const view = new DataView(out.buffer, out.byteOffset, ConnectionResponse.bytes)
  out.fill(0, 0, ConnectionResponse.bytes)
  view.setInt32(ConnectionResponse.id, AUTHENTICATE_ID, true)
  view.setInt32(ConnectionResponse.size, ConnectionResponse.bytes, true)
  if ('error' in outcome) {
    view.setInt32(ConnectionResponse.error, outcome.error, true)
    return
  }
  view.setInt32(ConnectionResponse.type, outcome.type, true)
  view.setUint32(ConnectionResponse.maxMessage, outcome.maxMessage, true)
  view.setUint32(ConnectionResponse.handle, outcome.handle, true)
  putString(out, ConnectionResponse.request, outcome.request)
  putString(out, ConnectionResponse.response, outcome.response)
  putString(out, ConnectionResponse.event, outcome.event)
}

/** The first words of a program. */
export function encodeConnectionRequest(maxMessage: number): Uint8Array {
  const bytes = new Uint8Array(ConnectionRequest.bytes)
  const view = new DataView(bytes.buffer)
  view.setInt32(ConnectionRequest.id, AUTHENTICATE_ID, true)
  view.setInt32(ConnectionRequest.size, ConnectionRequest.bytes, true)
  view.setUint32(ConnectionRequest.maxMessage, maxMessage, true)
  return bytes
}

/** What the program is told; undefined when that is no response. */
export function decodeConnectionResponse(bytes: Uint8Array): Connected | { readonly error: number } | undefined {
  if (bytes.length !== ConnectionResponse.bytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getInt32(ConnectionResponse.id, true) !== AUTHENTICATE_ID) return undefined
  if (view.getInt32(ConnectionResponse.size, true) !== ConnectionResponse.bytes) return undefined
  const error = view.getInt32(ConnectionResponse.error, true)
  if (error !== 0) return { error }
  return {
    type: view.getInt32(ConnectionResponse.type, true),
    maxMessage: view.getUint32(ConnectionResponse.maxMessage, true),
    handle: view.getUint32(ConnectionResponse.handle, true),
    request: getString(bytes, ConnectionResponse.request),
    response: getString(bytes, ConnectionResponse.response),
    event: getString(bytes, ConnectionResponse.event),
  }
}

/** What stands in such a field; empty when it has no end. */
export function getString(bytes: Uint8Array, at: number): string {
  const end = bytes.subarray(at, at + STRING_BYTES).indexOf(0)
  return new TextDecoder().decode(bytes.subarray(at, at + Math.max(0, end)))
}

/** NUL-terminated, in a field of 4096 bytes that are zero. Throws RangeError when it does not fit. */
export function putString(out: Uint8Array, at: number, text: string): void {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length >= STRING_BYTES)
    throw new RangeError(`${bytes.length} bytes do not fit into a field of the handshake`)
  out.set(bytes, at)
}

/**
 * The header file of a ring. Positions are indices of 32-bit words in the data file:
 * +0 u32 write position | +4 u32 read position | +8 u32 words in the ring | +12 own path | +4108 path of the data file
 * +8204 i32 how many sides have it open | +8208 semaphore: messages not read yet | +8240 i32 flow-control level
 */
export const RingHeader = {
  writePosition: 0,
  readPosition: 4,
  wordSize: 8,
  headerPath: 12,
  /** The end of the field of the path, which no path needs: says which daemon made the ring. Programs ignore it. */
  daemonMark: 4044,
  dataPath: 4108,
  refCount: 8204,
  semaphore: 8208,
  level: 8240,
  /** Of the file as the server makes it. Programs cut two of the three to 8248. */
  bytes: 8252,
} as const

export const DAEMON_MARK_BYTES = RingHeader.dataPath - RingHeader.daemonMark

/** A chunk of a ring: u32 length in bytes, u32 magic, the message padded to whole words. */
export const CHUNK_HEADER_WORDS = 2
export const ChunkMagic = { ALLOCATED: 0xa110ced0 | 0, VALID: 0xa1a1a1a1 | 0, DEAD: 0xd0d0d0d0 | 0 } as const
/** A message of L bytes may be written when this many more than L are free (spec: ipc 7.6). */
export const CHUNK_MARGIN_BYTES = 12

/**
 * Bytes of the data file for messages of up to `maxMessage` bytes. Programs compute the same and resize the file to it.
 */
export function ringDataBytes(maxMessage: number, page: number): number {
  return Math.ceil((maxMessage + CHUNK_MARGIN_BYTES + 1) / page) * page
}

/**
 * The control file of the datagram transport: per channel a count of messages under way and a word that only that of
 * requests uses, for the flow-control level.
 */
export const ControlFile = { requests: 0, level: 4, responses: 8, events: 16, bytes: 24 } as const
