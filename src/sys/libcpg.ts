// The stock client library of closed process groups, libcpg.so.4, as programs of a C daemon use it: one membership in one
// group. In: joins, messages. Out: what the library calls back, during `dispatch` only. Codes are the library's CS_*.

import { type CallbackBinding, callbackBinding, NativeMemory } from './native.js'

const LIBRARY = 'libcpg.so.4'
const CPG_MODEL_V1 = 1
/** The ring that stands when the member joins is told, too. */
const DELIVER_INITIAL_TOTEM_CONF = 1
const CPG_TYPE_AGREED = 2
const CS_DISPATCH_ALL = 2
/** struct cpg_name: u32 length, then the name. */
const NAME_BYTES_MAX = 128
/** struct cpg_address: node id, process id, reason, u32 each. */
const ADDRESS_WORDS = 3
/** struct cpg_model_v1_data_t: int model, three functions, unsigned flags. */
const MODEL_DATA = { size: 40, deliver: 8, membership: 16, ring: 24, flags: 32 }
/** struct iovec: base, length. */
const IOVEC_BYTES = 16

export const CsCode = { OK: 1, LIBRARY: 2, TRY_AGAIN: 6 } as const

export interface CpgLibraryAddress {
  readonly nodeId: number
  readonly pid: number
  /** CPG_REASON_*. */
  readonly reason: number
}

/** Called during `dispatch`. Bytes are a copy. */
export interface CpgLibraryListener {
  message(nodeId: number, pid: number, bytes: Uint8Array): void
  membership(
    members: readonly CpgLibraryAddress[],
    left: readonly CpgLibraryAddress[],
    joined: readonly CpgLibraryAddress[],
  ): void
  ring(ring: { readonly nodeId: number; readonly seq: number }, members: readonly number[]): void
}

/** A call of the library that did not succeed. */
export class CpgLibraryError extends Error {
  readonly code: number

  constructor(call: string, code: number) {
    super(`${call}: error ${code}`)
    this.code = code
  }
}

interface Functions {
  cpg_model_initialize(handle: bigint, model: number, data: bigint, context: null): number
  cpg_finalize(handle: bigint): number
  cpg_fd_get(handle: bigint, fd: bigint): number
  cpg_local_get(handle: bigint, nodeId: bigint): number
  cpg_dispatch(handle: bigint, types: number): number
  cpg_join(handle: bigint, name: bigint): number
  cpg_leave(handle: bigint, name: bigint): number
  cpg_mcast_joined(handle: bigint, guarantee: number, iovec: bigint, count: number): number
}

const SIGNATURES: Readonly<Record<keyof Functions, readonly string[]>> = {
  cpg_model_initialize: ['void *', 'int', 'void *', 'void *'],
  cpg_finalize: ['uint64_t'],
  cpg_fd_get: ['uint64_t', 'void *'],
  cpg_local_get: ['uint64_t', 'void *'],
  cpg_dispatch: ['uint64_t', 'int'],
  cpg_join: ['uint64_t', 'void *'],
  cpg_leave: ['uint64_t', 'void *'],
  cpg_mcast_joined: ['uint64_t', 'int', 'void *', 'uint'],
}

interface Library {
  readonly functions: Functions
  readonly binding: CallbackBinding
}

let loaded: Library | undefined

function load(): Library {
  if (loaded !== undefined) return loaded
  const binding = callbackBinding()
  const library = binding.load(LIBRARY)
  const functions: Record<string, unknown> = {}
  for (const [name, parameters] of Object.entries(SIGNATURES)) functions[name] = library.func(name, 'int', parameters)
  binding.struct('cpg_ring_id', { nodeid: 'uint32_t', seq: 'uint64_t' })
  binding.proto('void cpg_deliver(uint64_t, void *, uint32_t, uint32_t, void *, size_t)')
  binding.proto('void cpg_membership(uint64_t, void *, void *, size_t, void *, size_t, void *, size_t)')
  binding.proto('void cpg_ring(uint64_t, cpg_ring_id, uint32_t, void *)')
  loaded = { functions: functions as unknown as Functions, binding }
  return loaded
}

type Pointer = bigint | null
/** Sizes come as either. */
type Count = number | bigint

/** One connection to the daemon of this host. */
export class CpgLibrary {
  readonly nodeId: number
  /** Readable when `dispatch` has something to do. */
  readonly fd: number
  readonly #functions: Functions
  readonly #binding: CallbackBinding
  readonly #handle: bigint
  readonly #callbacks: readonly bigint[]
  readonly #name = new NativeMemory(4 + NAME_BYTES_MAX)
  readonly #iovec = new NativeMemory(IOVEC_BYTES)
  #message = new NativeMemory(1 << 16)
  #failure: unknown

  /**
   * Throws CpgLibraryError when the daemon does not answer or refuses, or the error of the loader when the library is
   * not installed.
   */
  constructor(listener: CpgLibraryListener) {
    const { functions, binding } = load()
    this.#functions = functions
    this.#binding = binding
    this.#callbacks = this.#register(listener)
    const data = new NativeMemory(MODEL_DATA.size)
    data.words[0] = CPG_MODEL_V1
    for (const [i, at] of [MODEL_DATA.deliver, MODEL_DATA.membership, MODEL_DATA.ring].entries()) {
      data.view.setBigUint64(at, this.#callbacks[i]!, true)
    }
    data.words[MODEL_DATA.flags >> 2] = DELIVER_INITIAL_TOTEM_CONF
    const out = new NativeMemory(8)
    try {
      expectOk('cpg_model_initialize', functions.cpg_model_initialize(out.pointer, CPG_MODEL_V1, data.pointer, null))
    } catch (error) {
      this.#unregister()
      throw error
    }
    this.#handle = out.view.getBigUint64(0, true)
    expectOk('cpg_fd_get', functions.cpg_fd_get(this.#handle, out.pointer))
    this.fd = out.view.getInt32(0, true)
    expectOk('cpg_local_get', functions.cpg_local_get(this.#handle, out.pointer))
    this.nodeId = out.view.getUint32(0, true)
  }

  /** A CsCode: OK, TRY_AGAIN, or another one that will not go away. */
  join(group: string): number {
    const name = new TextEncoder().encode(group)
    if (name.length > NAME_BYTES_MAX) throw new RangeError(`a group's name has at most ${NAME_BYTES_MAX} bytes`)
    this.#name.words[0] = name.length
    this.#name.bytes.set(name, 4)
    return this.#functions.cpg_join(this.#handle, this.#name.pointer)
  }

  leave(): number {
    return this.#functions.cpg_leave(this.#handle, this.#name.pointer)
  }

  send(bytes: Uint8Array): number {
    if (this.#message.bytes.length < bytes.length) this.#message = new NativeMemory(bytes.length)
    this.#message.bytes.set(bytes)
    this.#iovec.setPointer(0, this.#message.address)
    this.#iovec.setSize(8, bytes.length)
    return this.#functions.cpg_mcast_joined(this.#handle, CPG_TYPE_AGREED, this.#iovec.pointer, 1)
  }

  /** Calls the listener for everything that is there. Throws CpgLibraryError when the daemon has gone. */
  dispatch(): void {
    const code = this.#functions.cpg_dispatch(this.#handle, CS_DISPATCH_ALL)
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    if (code !== CsCode.OK && code !== CsCode.TRY_AGAIN) throw new CpgLibraryError('cpg_dispatch', code)
  }

  close(): void {
    this.#functions.cpg_finalize(this.#handle)
    this.#unregister()
  }

  #unregister(): void {
    for (const callback of this.#callbacks) this.#binding.unregister(callback)
  }

  #register(listener: CpgLibraryListener): bigint[] {
    const { decode } = this.#binding
    const bytesAt = (pointer: Pointer, length: number): Uint8Array =>
      pointer === null || length === 0 ? new Uint8Array(0) : decode(pointer, 'uint8_t', length)
    const wordsAt = (pointer: Pointer, count: number): Uint32Array =>
      pointer === null || count === 0 ? new Uint32Array(0) : decode(pointer, 'uint32_t', count)
    const addressesAt = (pointer: Pointer, count: number): CpgLibraryAddress[] => {
      const words = wordsAt(pointer, count * ADDRESS_WORDS)
      return Array.from({ length: count }, (_, i) => {
        const [nodeId, pid, reason] = words.subarray(i * ADDRESS_WORDS)
        return { nodeId: nodeId!, pid: pid!, reason: reason! }
      })
    }
    // An exception must not pass through the frames of the library.
    const guarded = (act: () => void): void => {
      try {
        act()
      } catch (error) {
        this.#failure ??= error
      }
    }
    const { register } = this.#binding
    return [
      register(
        (_handle: bigint, _group: Pointer, nodeId: number, pid: number, buf: Pointer, length: Count) =>
          guarded(() => listener.message(nodeId, pid, bytesAt(buf, Number(length)))),
        'cpg_deliver *',
      ),
      register(
        (
          _handle: bigint,
          _group: Pointer,
          members: Pointer,
          a: Count,
          left: Pointer,
          b: Count,
          joined: Pointer,
          c: Count,
        ) =>
          guarded(() =>
            listener.membership(
              addressesAt(members, Number(a)),
              addressesAt(left, Number(b)),
              addressesAt(joined, Number(c)),
            ),
          ),
        'cpg_membership *',
      ),
      register(
        (_handle: bigint, ring: { nodeid: number; seq: Count }, count: number, members: Pointer) =>
          guarded(() => listener.ring({ nodeId: ring.nodeid, seq: Number(ring.seq) }, [...wordsAt(members, count)])),
        'cpg_ring *',
      ),
    ]
  }
}

function expectOk(call: string, code: number): void {
  if (code !== CsCode.OK) throw new CpgLibraryError(call, code)
}
