// What one datagram of 1400 bytes costs, sent and received by the drivers on the loopback interface of one thread: the
// real loop with segmentation offload on and off, and node:dgram. `node dist/bench/loopback.js [DATAGRAMS]`
//
// The figures are for comparing drivers and changes to them; between hosts the network costs more than any of this.

import { DgramDriver } from '../src/client/dgram-driver.js'
import { RingLoop } from '../src/daemon/loop.js'
import type { DriverOptions } from '../src/net/driver.js'
import type { WireGeneration } from '../src/wire/generation.js'
import { FakeNode, MemoryRingId, unicastTransport } from '../test/support/fake-node.js'
import { freeUdpPort } from '../test/support/free-port.js'

const FRAME = new Uint8Array(1400)
/** A token alone, a token visit of max_messages, the most that one segmented send takes. */
const BURSTS = [1, 17, 46]
const REPEATS = 5

/** Processor time rather than time: sender and receiver share one thread, and other work on the machine does not count. */
function cpuNanoseconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

interface Subject {
  readonly name: string
  /** Sends `count` datagrams in bursts and returns when the last is received; nanoseconds per datagram. */
  measure(count: number, burst: number): Promise<number>
  close(): Promise<void>
}

function options(nodeId: number, port: number, offload: boolean): DriverOptions {
  return {
    transport: { ...unicastTransport(nodeId, ['127.0.0.1', '127.0.0.2'], port), offload },
    ringId: new MemoryRingId(),
    log: () => {},
    shutdownRequested: () => {},
  }
}

async function realLoop(offload: boolean): Promise<Subject> {
  const port = await freeUdpPort()
  const receiver = new FakeNode()
  const [from, to] = [1, 2].map(nodeId => {
    const loop = new RingLoop({ ...options(nodeId, port, offload), wire: undefined as unknown as WireGeneration })
    loop.attach(nodeId === 2 ? receiver : new FakeNode())
    loop.turn(0)
    return loop
  }) as [RingLoop, RingLoop]
  return {
    name: `real loop, offload ${offload ? 'on' : 'off'}`,
    measure: async (count, burst) => {
      let received = 0
      receiver.onReceive = () => received++
      const before = cpuNanoseconds()
      for (let sent = 0; sent < count; sent += burst) {
        for (let i = 0; i < burst; i++) from.output.multicast(FRAME, 0, FRAME.length)
        from.turn(0)
        while (received < sent + burst) to.turn(10)
      }
      return (cpuNanoseconds() - before) / received
    },
    close: async () => {
      from.close()
      to.close()
    },
  }
}

async function nodeDgram(): Promise<Subject> {
  const port = await freeUdpPort()
  const receiver = new FakeNode()
  const from = new DgramDriver(options(1, port, false))
  const to = new DgramDriver(options(2, port, false))
  await from.open(new FakeNode())
  await to.open(receiver)
  return {
    name: 'node:dgram',
    measure: (count, burst) =>
      new Promise(resolve => {
        let received = 0
        const before = cpuNanoseconds()
        const next = () => {
          for (let i = 0; i < burst; i++) from.output.multicast(FRAME, 0, FRAME.length)
        }
        receiver.onReceive = () => {
          received++
          if (received % burst !== 0) return
          if (received < count) next()
          else resolve((cpuNanoseconds() - before) / received)
        }
        next()
      }),
    close: async () => {
      await from.close()
      await to.close()
    },
  }
}

const count = Number(process.argv[2] ?? 40_000)
console.log(
  `processor ns per datagram of ${FRAME.length} bytes, sent and received, median of ${REPEATS} runs of ${count}`,
)
console.log(['', ...BURSTS.map(burst => `burst of ${burst}`)].map(text => text.padStart(24)).join(''))
for (const make of [() => realLoop(true), () => realLoop(false), nodeDgram]) {
  const subject = await make()
  const cells: string[] = []
  for (const burst of BURSTS) {
    await subject.measure(count / 4, burst)
    const runs: number[] = []
    for (let i = 0; i < REPEATS; i++) runs.push(await subject.measure(count, burst))
    cells.push(runs.sort((a, b) => a - b)[REPEATS >> 1]!.toFixed(0))
  }
  console.log([subject.name, ...cells].map(text => text.padStart(24)).join(''))
  await subject.close()
}
