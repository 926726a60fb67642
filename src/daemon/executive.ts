// The executive: the worker thread that runs one node on the real loop and serves the groups of this process. In: its
// setup, doorbells, channels of new members. Out: the ring; to the main thread lines of the log, rings, its end.
// It never waits for anything but its descriptors. The ways it ends: docs/architecture.md.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { LogFilter } from '../log/filter.js'
import { RemoteLog } from '../log/remote.js'
import { ClusterNode } from '../node/node.js'
import { EngineRecorder } from '../recorder/engine-recorder.js'
import { clearEventFd } from '../sys/eventfd.js'
import { Epoll } from '../sys/layout.js'
import { setNice, setRoundRobin, setThreadName } from '../sys/thread.js'
import {
  type FromExecutive,
  SERVICE_WAITING_MAX,
  SharedWord,
  StopWish,
  type ToExecutive,
  type WorkerData,
} from './executive-protocol.js'
import { liveMap, nodeConfig, openRingIdStore } from './executive-setup.js'
import { ExpectedVotesFile } from './expected-votes-file.js'
import { HOST_READINGS } from './host-readings.js'
import { servePrograms } from './library-server.js'
import { LocalMembers } from './local-members.js'
import { LocalPrograms } from './local-programs.js'
import { RingLoop } from './loop.js'
import { Reconfiguration } from './reconfiguration.js'
import { applyScheduling, moveToRootCgroup } from './scheduling.js'

/** Fifteen bytes at most: what ps -L and top -H show. */
const THREAD_NAME = 'corosync-ring'
/** How long an orderly end waits for the services' last words; a ring that has lost its token never says them. */
const DRAIN_MS = 1000

const port = parentPort!
const { setup, shared, recording, wakerFd } = workerData as WorkerData
const words = new Int32Array(shared)

function tell(message: FromExecutive): void {
  port.postMessage(message)
}

const remoteLog = new RemoteLog(
  new LogFilter(setup.logFilter),
  words.subarray(SharedWord.LINES_WAITING, SharedWord.LINES_WAITING + 1),
  Date.now,
  record => tell({ type: 'log', record }),
)
const { log } = remoteLog

async function main(): Promise<FromExecutive> {
  setThreadName(THREAD_NAME)
  if (setup.scheduling !== undefined) {
    const calls = { setRoundRobin, setNice, moveToRootCgroup: () => moveToRootCgroup(process.pid) }
    applyScheduling(setup.scheduling, calls, log)
  }
  const ringId = openRingIdStore(setup)
  const config = nodeConfig(setup)
  let shutdownReason: string | undefined
  let killedReason: string | undefined
  const leaveWanted = (reason: string): void => {
    shutdownReason ??= reason
    tell({ type: 'leaveWanted', reason })
  }
  const loop = new RingLoop({
    transport: setup.transport,
    wire: config.wire,
    ringId,
    log,
    shutdownRequested: reason => leaveWanted(reason),
    heartbeat: words.subarray(SharedWord.HEARTBEAT, SharedWord.HEARTBEAT + 1),
  })
  const observer =
    recording === undefined
      ? undefined
      : new EngineRecorder(recording, () => performance.timeOrigin + performance.now())
  const expectedVotes = setup.stateDir === undefined ? undefined : new ExpectedVotesFile(setup.stateDir, log)
  const map = liveMap(setup.map)
  const reconfiguration = new Reconfiguration({
    nodeId: setup.nodeId,
    map,
    loop,
    log,
    facts: setup.tuning,
    members: setup.transport.members,
    main: {
      readConfiguration: () => tell({ type: 'readConfiguration' }),
      reopenLogFiles: () => tell({ type: 'reopenLogFiles' }),
      loggingChanged: entries => tell({ type: 'loggingChanged', entries }),
      leaveWanted,
      killed: reason => {
        killedReason ??= reason
      },
    },
  })
  const node = new ClusterNode({
    config,
    output: loop.output,
    random: Math.random,
    observer,
    map,
    host: reconfiguration,
    expectedVotes,
    readings: HOST_READINGS,
    addressesOf: nodeId => loop.addressesOf(nodeId),
    sendFailures: () => loop.stats.continuousSendFailures,
    dumpFlightData: () => tell({ type: 'flightRecord' }),
  })
  reconfiguration.attach(node)
  loop.addWorker(reconfiguration)
  const members = new LocalMembers({
    cpg: node.cpg,
    nodeId: node.nodeId,
    ringUser: () => {
      if (Atomics.exchange(words, SharedWord.TO_MAIN, 1) === 0) Atomics.notify(words, SharedWord.TO_MAIN)
    },
    ...(setup.maxQueuedBytes === undefined ? {} : { maxQueuedBytes: setup.maxQueuedBytes }),
  })
  const programs = setup.ipc === undefined ? undefined : servePrograms(setup.ipc, node, loop, log)
  const local = new LocalPrograms({
    services: node.services,
    port: node.executive.port,
    tellTime: () => node.advance(loop.now()),
    tell: message => {
      tell({ type: 'service', message })
      return Atomics.add(words, SharedWord.SERVICE_WAITING, 1) < SERVICE_WAITING_MAX
    },
  })
  node.onReady(() => {
    members.service()
    programs?.resume()
    local.resume()
  })
  node.onMembership(({ ring, members, synchronised }) => {
    if (synchronised) {
      programs?.synchronised()
      local.synchronised()
      tell({ type: 'ring', ring, members })
    } else {
      programs?.synchronising()
      local.synchronising()
    }
  })
  if (setup.scheduling !== undefined) {
    const refused = loop.lockMemory()
    if (refused !== undefined) log('warning', 'MAIN', `Could not lock the ring's buffers in memory: ${refused.message}`)
  }

  const take = (message: ToExecutive): void => {
    switch (message.type) {
      case 'member':
        members.add(message.memory)
        break
      case 'program':
        local.take(message.message)
        break
      case 'configuration':
        node.advance(loop.now())
        node.cfg.configurationRead(message.read)
        break
      case 'logFilesReopened':
        node.cfg.logFilesReopened(message.worked)
        break
      case 'logFilter':
        remoteLog.setFilter(new LogFilter(message.filter))
    }
  }
  const rung = (): void => {
    clearEventFd(wakerFd)
    Atomics.store(words, SharedWord.TO_EXECUTIVE, 0)
    for (;;) {
      const received = receiveMessageOnPort(port) as { readonly message: ToExecutive } | undefined
      if (received === undefined) break
      take(received.message)
    }
    members.service()
  }
  loop.addFd(wakerFd, Epoll.IN, rung)
  loop.attach(node)

  /** When the orderly end stops waiting; undefined while nobody wants it. */
  let drainUntil: number | undefined
  const shouldStop = (): boolean => {
    members.worked()
    const wish = Atomics.load(words, SharedWord.STOP)
    if (wish === StopWish.AT_ONCE || killedReason !== undefined) return true
    if (wish === StopWish.NONE) return false
    const now = loop.now()
    if (drainUntil === undefined) {
      drainUntil = now + DRAIN_MS
      members.closeAll()
      programs?.refuse()
      node.prepareToLeave(now)
    }
    return node.drained || now >= drainUntil
  }
  await loop.run(shouldStop)
  programs?.close()
  if (killedReason === undefined) loop.leave()
  loop.close()
  ringId.close()
  expectedVotes?.close()
  return killedReason === undefined
    ? { type: 'left', reason: shutdownReason }
    : { type: 'killed', reason: killedReason }
}

function fatal(error: unknown): FromExecutive {
  const code = (error as { exitCode?: unknown }).exitCode
  if (!(error instanceof Error) || typeof code !== 'number') throw error
  return { type: 'fatal', code, message: error.message }
}

// Whatever the outcome, a main thread that is waiting for this one is let go.
main()
  .catch(fatal)
  .then(tell)
  .finally(() => {
    Atomics.store(words, SharedWord.STOPPED, 1)
    Atomics.notify(words, SharedWord.STOPPED)
    port.close()
  })
