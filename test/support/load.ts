// What `cpgload` does, with the library: flood, ping and listen in a process group, the same messages and the same
// reports, so that each can stand at either end. A message is u64 sequence, u32 checksum, u32 zero, body.

import { createLoadMessage, loadMessageBytes } from '../../src/recorder/load-message.js'
import { MemberRecorder, type RecordedChange, type RecordedMember } from '../../src/recorder/member-recorder.js'
import type { FloodOptions, ListenOptions, LoadReport, TraceOptions } from './peers.js'
import { pause, until } from './testbed.js'

/** As much of the library as the load needs. */
export interface LoadCluster {
  readonly nodeId: number
  readonly cpg: {
    join(
      name: string,
      options: { onEvent: (event: LoadEvent) => void; onEnd?: (error: Error | undefined) => void },
    ): Promise<LoadGroup>
  }
}

export interface LoadGroup {
  readonly members: readonly { readonly nodeId: number; readonly pid: number }[]
  readonly self: { readonly nodeId: number; readonly pid: number }
  send(data: Uint8Array): Promise<void>
  leave(): Promise<void>
}

export type LoadEvent =
  | { readonly type: 'message'; readonly nodeId: number; readonly pid: number; readonly data: Uint8Array }
  | {
      readonly type: 'membership'
      readonly members: readonly RecordedMember[]
      readonly left: readonly RecordedChange[]
      readonly joined: readonly RecordedChange[]
    }
  | {
      readonly type: 'ring'
      readonly ring: { readonly nodeId: number; readonly seq: number }
      readonly members: readonly number[]
    }

const HEADER = 16
/** Bigger bodies are sampled, so that checking does not dominate. */
const FULL_CHECKSUM_MAX = 4096
/** Sends that wait for acceptance at a time, and the memory that they may hold. */
const WINDOW_MESSAGES = 256
const WINDOW_BYTES = 4 << 20
const MEMBERS_MS = 30_000
const DRAIN_MS = 60_000

function checksum(buf: Uint8Array): number {
  const length = buf.length - HEADER
  const step = length > FULL_CHECKSUM_MAX ? Math.floor(length / 512) : 1
  let hash = 2166136261
  for (let i = 0; i < length; i += step) hash = Math.imul(hash ^ buf[HEADER + i]!, 16777619)
  return hash >>> 0
}

function createMessage(size: number, seq: number): Uint8Array {
  const buf = new Uint8Array(Math.max(size, HEADER))
  for (let i = HEADER; i < buf.length; i++) buf[i] = (i - HEADER) * 131 + 7 + seq
  const view = new DataView(buf.buffer)
  view.setUint32(8, checksum(buf), true)
  setSequence(buf, seq)
  return buf
}

function setSequence(buf: Uint8Array, seq: number): void {
  const view = new DataView(buf.buffer, buf.byteOffset)
  view.setUint32(0, seq >>> 0, true)
  view.setUint32(4, Math.floor(seq / 2 ** 32), true)
}

/** The sequence number of a message; -1 when it is damaged. */
function sequenceOf(buf: Uint8Array): number {
  if (buf.length < HEADER) return -1
  const view = new DataView(buf.buffer, buf.byteOffset, buf.length)
  if (view.getUint32(8, true) !== checksum(buf)) return -1
  return view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
}

/** Counts what a member receives, and checks order and completeness per sender from sequence 0 on. */
class Receiver {
  readonly #next = new Map<string, number>()
  readonly #own: string
  delivered = 0
  bytes = 0
  errors = 0

  constructor(nodeId: number) {
    this.#own = `${nodeId}:${process.pid}`
  }

  get senders(): number {
    return this.#next.size
  }

  get ownDelivered(): number {
    return this.#next.get(this.#own) ?? 0
  }

  readonly take = (event: LoadEvent): void => {
    if (event.type !== 'message') return
    const sender = `${event.nodeId}:${event.pid}`
    const seq = sequenceOf(event.data)
    if (seq !== (this.#next.get(sender) ?? 0)) this.errors++
    this.#next.set(sender, seq + 1)
    this.delivered++
    this.bytes += event.data.length
  }
}

export async function flood(cluster: LoadCluster, options: FloodOptions): Promise<LoadReport> {
  const { bytes } = options
  const receiver = new Receiver(cluster.nodeId)
  const group = await cluster.cpg.join(options.group, { onEvent: receiver.take })
  const members = options.members ?? 1
  await until(
    `${members} members`,
    MEMBERS_MS,
    () => (group.members.length >= members ? true : undefined),
    undefined,
    2,
  )

  const window = Math.max(2, Math.min(WINDOW_MESSAGES, Math.floor(WINDOW_BYTES / bytes)))
  const buffers = Array.from({ length: window }, () => createMessage(bytes, 0))
  const accepted: (Promise<void> | undefined)[] = new Array(window)
  const limit = options.count ?? Number.POSITIVE_INFINITY
  const timeMs = options.count === undefined ? (options.seconds ?? 1) * 1000 : Number.POSITIVE_INFINITY
  const perSecond = options.perSecond ?? Number.POSITIVE_INFINITY
  const began = performance.now()
  let seq = 0
  while (seq < limit && performance.now() - began < timeMs) {
    if (seq >= ((performance.now() - began) / 1000) * perSecond) {
      await pause(1)
      continue
    }
    const slot = seq % window
    await accepted[slot]
    const buf = buffers[slot]!
    setSequence(buf, seq++)
    accepted[slot] = group.send(buf)
  }
  await Promise.all(accepted)
  let delivered = receiver.ownDelivered
  let seconds = (performance.now() - began) / 1000
  await until('the own messages', DRAIN_MS, () => (receiver.ownDelivered >= seq ? true : undefined), undefined, 1)
  if (options.count !== undefined) {
    delivered = receiver.ownDelivered
    seconds = (performance.now() - began) / 1000
  }
  await group.leave()
  const rate = delivered / seconds
  return {
    sent: seq,
    delivered,
    errors: receiver.errors,
    seconds,
    messages_per_s: Math.round(rate),
    MB_per_s: Number(((rate * bytes) / 1e6).toFixed(2)),
  }
}

export async function listen(cluster: LoadCluster, options: ListenOptions): Promise<LoadReport> {
  const receiver = new Receiver(cluster.nodeId)
  const group = await cluster.cpg.join(options.group, { onEvent: receiver.take })
  const began = performance.now()
  while (receiver.delivered < options.count && performance.now() - began < options.seconds * 1000) await pause(5)
  await group.leave()
  return {
    delivered: receiver.delivered,
    errors: receiver.errors,
    senders: receiver.senders,
    seconds: (performance.now() - began) / 1000,
  }
}

export async function ping(cluster: LoadCluster, name: string, bytes: number, count: number): Promise<LoadReport> {
  const receiver = new Receiver(cluster.nodeId)
  let arrived = () => {}
  const onEvent = (event: LoadEvent) => {
    receiver.take(event)
    if (event.type === 'message') arrived()
  }
  const group = await cluster.cpg.join(name, { onEvent })
  const message = createMessage(bytes, 0)
  const times: number[] = []
  for (let seq = 0; seq < count; seq++) {
    setSequence(message, seq)
    const began = performance.now()
    const back = new Promise<void>(resolve => {
      arrived = resolve
    })
    await group.send(message)
    await back
    times.push((performance.now() - began) * 1000)
  }
  await group.leave()
  times.sort((a, b) => a - b)
  const at = (share: number) => Math.round(times[Math.floor(count * share)]! * 10) / 10
  return { delivered: receiver.delivered, errors: receiver.errors, us_p50: at(0.5), us_p99: at(0.99) }
}

/** A member that sends at a steady rate and records everything it sees, as `corosync-sim record` does on a C node. */
export class Tracer {
  readonly #recorder: MemberRecorder
  readonly #options: TraceOptions
  #group: LoadGroup | undefined
  #counter = 0
  #outstanding = 0
  #timer: NodeJS.Timeout | undefined

  private constructor(recorder: MemberRecorder, options: TraceOptions) {
    this.#recorder = recorder
    this.#options = options
  }

  static async start(cluster: LoadCluster, path: string, options: TraceOptions): Promise<Tracer> {
    const { group } = options
    const onError = (error: Error) => {
      throw error
    }
    const recorder = new MemberRecorder({ path, group, nodeId: cluster.nodeId, pid: process.pid, onError })
    const tracer = new Tracer(recorder, options)
    tracer.#group = await cluster.cpg.join(group, {
      onEvent: event => tracer.#record(event),
      onEnd: error => {
        if (error !== undefined) recorder.end('failed', String(error))
      },
    })
    tracer.#timer = setInterval(() => tracer.#send(), 1000 / options.perSecond)
    return tracer
  }

  #send(): void {
    // Like the recorder of C nodes, which does without when the ring is busy.
    if (this.#outstanding > 0) return
    const message = createLoadMessage(this.#counter, loadMessageBytes(this.#counter, this.#options.maxBytes))
    // At the hand-over: the message may be back before its acceptance is known.
    this.#recorder.sent(this.#counter++, message)
    this.#outstanding++
    this.#group!.send(message).then(
      () => this.#outstanding--,
      error => this.#recorder.end('failed', `send refused: ${error}`),
    )
  }

  #record(event: LoadEvent): void {
    switch (event.type) {
      case 'message':
        this.#recorder.message(event.nodeId, event.pid, event.data)
        break
      case 'membership':
        this.#recorder.membership(event.members, event.left, event.joined)
        break
      case 'ring':
        this.#recorder.ring(event.ring, event.members)
        break
    }
  }

  quiet(): void {
    clearInterval(this.#timer)
  }

  async end(): Promise<void> {
    this.quiet()
    await this.#group?.leave()
    this.#recorder.end('left')
  }
}
