// The link to a node on this thread over node:dgram: where there is no Linux or no binding to the C library. Assembles
// node, driver and the in-thread channels.

import { type ExecutiveSetup, liveMap, nodeConfig, openRingIdStore } from '../daemon/executive-setup.js'
import { LocalPrograms } from '../daemon/local-programs.js'
import { LogFilter } from '../log/filter.js'
import type { LogRecord } from '../log/record.js'
import type { LogSink } from '../log/types.js'
import { ClusterNode } from '../node/node.js'
import type { DrivenNode } from '../node/types.js'
import { EngineRecorder } from '../recorder/engine-recorder.js'
import type { EngineRecording } from '../recorder/engine-recording.js'
import { DgramDriver } from './dgram-driver.js'
import { EngineError } from './errors.js'
import { inlineHost } from './inline-host.js'
import { InlineLink } from './inline-link.js'
import type { EngineLink, EngineListener } from './link.js'

/** How long an orderly end waits for the services' last words, and how often it looks. */
const DRAIN_MS = 1000
const DRAIN_LOOK_MS = 5

export function createDgramLink(
  setup: ExecutiveSetup,
  listener: EngineListener,
  log: (record: LogRecord) => void,
  recording: EngineRecording | undefined,
): EngineLink {
  const filter = new LogFilter(setup.logFilter)
  const sink: LogSink = (level, subsystem, message) => {
    if (filter.enabled(level, subsystem)) log({ timeMs: Date.now(), level, subsystem, message })
  }
  let over = false
  const end = async (error: Error | undefined): Promise<void> => {
    if (over) return
    over = true
    await driver.close()
    ringId.close()
    if (error === undefined) recording?.end('left')
    else recording?.end('failed', error.message)
    listener.ended(error)
    link.ended()
  }
  const ringId = openRingIdStore(setup)
  const config = nodeConfig(setup)
  const driver = new DgramDriver({
    transport: setup.transport,
    ringId,
    log: sink,
    shutdownRequested: reason => leaveFor(reason),
  })
  const leaveFor = (reason: string): void => {
    leave().then(() => end(new EngineError(`the node has left: ${reason}`)))
  }
  const observer =
    recording === undefined
      ? undefined
      : new EngineRecorder(recording.memory, () => performance.timeOrigin + performance.now())
  const host = inlineHost(
    {
      killed: reason => {
        end(new EngineError(reason))
      },
      leave: leaveFor,
    },
    () => node.cfg,
  )
  const node: ClusterNode = new ClusterNode({
    config,
    output: driver.output,
    random: Math.random,
    observer,
    map: liveMap(setup.map),
    host,
    addressesOf: nodeId =>
      setup.transport.members.filter(member => member.nodeId === nodeId).map(member => member.address),
  })

  const leave = async (): Promise<void> => {
    node.prepareToLeave(performance.now())
    driver.wake()
    const until = performance.now() + DRAIN_MS
    while (!node.drained && performance.now() < until && !over) {
      await new Promise(resolve => setTimeout(resolve, DRAIN_LOOK_MS))
    }
    driver.leave()
  }
  const link = new InlineLink(
    {
      nodeId: setup.nodeId,
      configuredNodeIds: setup.memberNodeIds,
      cpg: node.cpg,
      programs: tell =>
        new LocalPrograms({
          services: node.services,
          port: node.executive.port,
          tellTime: () => node.advance(performance.now()),
          tell,
        }),
      ...(setup.maxQueuedBytes === undefined ? {} : { maxQueuedBytes: setup.maxQueuedBytes }),
      served: () => driver.wake(),
      stop: async () => {
        await leave()
        await end(undefined)
      },
    },
    listener,
  )
  node.onMembership(({ ring, members, synchronised }) => {
    link.synchronised(synchronised)
    if (synchronised) listener.ringChanged(ring, members)
  })
  node.onReady(() => link.ready())

  /** A failure inside the node is the node's end, not the program's. */
  const guarded = (work: () => void): void => {
    if (over) return
    try {
      work()
    } catch (error) {
      end(new EngineError(error instanceof Error ? error.message : String(error), { cause: error }))
      return
    }
    link.worked()
  }
  const driven: DrivenNode = {
    start: (now, ringSequence) => guarded(() => node.start(now, ringSequence)),
    receive: (now, buf, off, len, from) => guarded(() => node.receive(now, buf, off, len, from)),
    expire: now => guarded(() => node.expire(now)),
    nextDeadline: () => node.nextDeadline(),
    interfaceChanged: now => guarded(() => node.interfaceChanged(now)),
    leave: now => guarded(() => node.leave(now)),
  }
  driver.open(driven).catch(error => end(new EngineError((error as Error).message, { cause: error })))
  return link
}
