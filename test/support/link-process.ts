// A host for tests of the link: a process in a network namespace of its own that drives a recording node with the real
// loop. Obeys JSON lines on its standard input ({run: [...]} a program, {open: transport}, {send: size, count}, {stats}),
// answers each with one line, and reports what its node lives through in the answers.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { RingLoop } from '../../src/daemon/loop.js'
import type { TransportConfig } from '../../src/net/transport.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import { FakeNode, MemoryRingId } from './fake-node.js'

export interface LinkCommand {
  run?: string[]
  open?: TransportConfig
  send?: { size: number; count: number }
  /** Gives the loop time until so many datagrams have been received, or its link is in this state. */
  until?: { received?: number; state?: string; ms: number }
}

export interface LinkReport {
  output: string
  state: string
  started: boolean
  interfaceChanges: number
  received: number
  from: string
  lines: string[]
  stats: Record<string, number>
  ipv6Fragments: number
}

const node = new FakeNode()
const lines: string[] = []
let loop: RingLoop | undefined
let received = 0
let from = ''
node.onReceive = (_buf, _off, _len, source) => {
  received++
  from = source
}

function obey(command: LinkCommand): LinkReport {
  let output = ''
  if (command.run !== undefined) {
    const [program, ...args] = command.run
    const done = spawnSync(program!, args, { encoding: 'utf8' })
    output = done.stdout + done.stderr
  }
  if (command.open !== undefined) {
    loop = new RingLoop({
      transport: command.open,
      wire: createGeneration3(),
      ringId: new MemoryRingId(),
      log: (_level, _subsystem, message) => lines.push(message),
      shutdownRequested: () => {},
    })
    loop.attach(node)
    loop.turn(0)
  }
  if (command.send !== undefined) {
    const { size, count } = command.send
    const frame = new Uint8Array(size)
    for (let i = 0; i < count; i++) loop!.output.multicast(frame, 0, size)
    loop!.turn(0)
  }
  if (command.until !== undefined) {
    const { state, ms } = command.until
    const limit = performance.now() + ms
    const enough = () => (state === undefined ? received >= command.until!.received! : loop!.linkState === state)
    while (!enough() && performance.now() < limit) loop!.turn(20)
  }
  const report: LinkReport = {
    output,
    state: loop?.linkState ?? 'none',
    started: node.startedWith !== undefined,
    interfaceChanges: node.interfaceChanges,
    received,
    from,
    lines: lines.splice(0),
    stats: { ...(loop?.stats as unknown as Record<string, number>) },
    ipv6Fragments: Number(/Ip6FragCreates\s+(\d+)/.exec(readFileSync('/proc/self/net/snmp6', 'utf8'))?.[1] ?? 0),
  }
  received = 0
  return report
}

for await (const line of createInterface(process.stdin)) {
  console.log(JSON.stringify(obey(JSON.parse(line) as LinkCommand)))
}
