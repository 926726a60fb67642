// A process that serves one service over libqb's transport, for tests against real programs.
// Arguments: a JSON object, see Options. On its standard output one JSON object per line: what happened. On its standard
// input single words: 'stop', 'rate <name>', 'busy', 'resume', 'report'.
//
// Requests: id 0 is answered with its own payload behind an answer's header; id 1 is not answered, only counted; id 2
// asks for events: u32 how many, u32 payload bytes; each carries its number and is answered at the end; id 3 is answered
// with the number of requests with id 1 until now; id 4 ends the connection.

import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { IpcServer } from '../../src/ipc/server.js'
import type { IpcConnection, IpcRate, IpcTransport } from '../../src/ipc/types.js'
import { sharedArena } from '../../src/sys/arena.js'
import { ServerLoop } from './ipc-loop.js'

export interface EchoOptions {
  readonly service: string
  readonly prefix?: string
  readonly transport?: IpcTransport
  readonly directory?: string
  readonly socketDirectory?: string
  readonly maxWaitingEventBytes?: number
  /** What `admit` answers. */
  readonly admit?: number
  readonly quiet?: boolean
}

const options = JSON.parse(process.argv[2] ?? '{}') as EchoOptions
const SERVICE_ID = 2
const HEADER = 24
const REQUEST_HEADER = 16

function say(event: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

const out = new Uint8Array(HEADER + (1 << 20))
const view = new DataView(out.buffer)
let silent = 0
let busy = false

function header(id: number, size: number): void {
  view.setInt32(0, id, true)
  view.setInt32(8, size, true)
  view.setInt32(16, 1, true)
}

function u32(buf: Uint8Array, at: number): number {
  return (buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)) >>> 0
}

function request(connection: IpcConnection, buf: Uint8Array, off: number, len: number): boolean {
  if (busy) return false
  const id = u32(buf, off)
  if (id === 0) {
    const payload = len - REQUEST_HEADER
    header(0, HEADER + payload)
    if (payload <= 64) for (let i = 0; i < payload; i++) out[HEADER + i] = buf[off + REQUEST_HEADER + i]!
    else out.set(buf.subarray(off + REQUEST_HEADER, off + len), HEADER)
    connection.respond(out, 0, HEADER + payload)
  } else if (id === 1) silent++
  else if (id === 2) {
    const count = u32(buf, off + REQUEST_HEADER)
    const bytes = u32(buf, off + REQUEST_HEADER + 4)
    for (let i = 0; i < count; i++) {
      header(100, HEADER + bytes)
      view.setUint32(HEADER, i, true)
      connection.notify(out, 0, HEADER, out, HEADER, bytes)
    }
    header(2, HEADER)
    connection.respond(out, 0, HEADER)
  } else if (id === 3) {
    header(3, HEADER + 4)
    view.setUint32(HEADER, silent, true)
    connection.respond(out, 0, HEADER + 4)
  } else if (id === 4) connection.drop('asked for it')
  return true
}

const loop = new ServerLoop()
const server = new IpcServer({
  loop,
  owner: {
    admit: (service, program) => {
      if (!options.quiet) say({ event: 'admit', service, ...program })
      return options.admit ?? 0
    },
    connected: ({ serial, pid, uid, gid, statistics }) => {
      if (!options.quiet) say({ event: 'connected', serial, pid, uid, gid, name: statistics.processName })
    },
    request,
    disconnected: ({ serial, statistics }) => {
      if (!options.quiet) say({ event: 'disconnected', serial, statistics })
    },
  },
  transport: options.transport ?? 'shm',
  prefix: options.prefix ?? '',
  ...(options.directory === undefined ? {} : { directory: options.directory }),
  socketDirectory: options.socketDirectory,
  ...(options.maxWaitingEventBytes === undefined ? {} : { maxWaitingEventBytes: options.maxWaitingEventBytes }),
  log: (level, message) => say({ event: 'log', level, message }),
})

let stopped = false

function report(): void {
  say({
    event: 'report',
    active: server.activeCount,
    closed: server.closedCount,
    descriptors: loop.size,
    openFiles: readdirSync('/proc/self/fd').length,
    unclaimedFaults: sharedArena().unclaimedFaults,
    rss: process.memoryUsage().rss,
    silent,
    statistics: [...server.connections()].map(({ statistics }) => statistics),
  })
}

createInterface({ input: process.stdin })
  .on('line', line => {
    const [word, argument] = line.split(' ')
    if (word === 'stop') stopped = true
    else if (word === 'rate') server.setRate(options.service, argument as IpcRate)
    else if (word === 'busy') busy = true
    else if (word === 'resume') {
      busy = false
      server.resume()
    } else if (word === 'report') report()
  })
  .on('close', () => {
    stopped = true
  })

function slice(): void {
  const until = performance.now() + 20
  do loop.turn(server, 20)
  while (!stopped && performance.now() < until)
  if (!stopped) {
    setImmediate(slice)
    return
  }
  server.closeAll()
  report()
  loop.close()
  process.stdin.destroy()
}

server.open(options.service, SERVICE_ID)
say({ event: 'listening', pid: process.pid })
slice()
