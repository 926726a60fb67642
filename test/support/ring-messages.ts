// The multicasts of a capture, ring by ring in total order, down to the messages of services; and those messages in a
// form that can be compared: written anew, so that padding and what else the C engine leaves as it was in memory is
// gone.

import { ProcessGroups } from '../../src/pg/process-groups.js'
import { Group } from '../../src/pg/types.js'
import { readCmapMcast, writeCmapMcast } from '../../src/wire/cmap.js'
import * as cpg from '../../src/wire/cpg.js'
import { createMcastHeader, MessageType } from '../../src/wire/generation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import { checkServiceMessage, ServiceId, serviceOf } from '../../src/wire/service.js'
import * as sync from '../../src/wire/sync.js'
import * as votequorum from '../../src/wire/votequorum.js'
import * as ykd from '../../src/wire/ykd.js'
import type { TotemMessage } from './captures.js'
import { FakeQueue, NET_MTU, type Packet } from './fake-ring.js'
import { Collector, type Received } from './messages.js'

const LITTLE = true

/** By ring id, 'rep.seq'. */
export function packetsByRing(messages: readonly TotemMessage[]): Map<string, Packet[]> {
  const wire = createGeneration3({ littleEndian: LITTLE })
  const header = createMcastHeader()
  const rings = new Map<string, Packet[]>()
  for (const { bytes } of messages) {
    if (wire.open(bytes, 0, bytes.length) !== MessageType.mcast) continue
    if (!wire.readMcast(bytes, 0, bytes.length, header)) throw new Error('a multicast that cannot be read')
    const key = `${header.ring.rep}.${header.ring.seq}`
    const packets = rings.get(key) ?? []
    rings.set(key, packets)
    // Every other node got one, and some got it again.
    const payload = bytes.subarray(wire.mcastHeaderLength)
    packets[header.seq - 1] ??= { origin: header.systemFrom, bytes: payload, little: true }
  }
  return rings
}

export interface ServiceMessage {
  readonly origin: number
  /** 'sync', or 'SERVICE.FUNCTION'. */
  readonly kind: string
  readonly bytes: string
}

/** The messages in these packets, without those of services that we do not have. */
export function serviceMessages(packets: readonly Packet[]): ServiceMessage[] {
  const receiver = new Collector()
  const groups = new ProcessGroups({ queue: new FakeQueue(), netMtu: NET_MTU, receiver })
  for (const { origin, bytes, little } of packets) groups.receive(bytes, 0, bytes.length, origin, !little)
  return receiver.messages.map(canonical).filter(message => message !== undefined)
}

function canonical({ groups, origin, bytes }: Received): ServiceMessage | undefined {
  if (groups === Group.sync) return { origin, kind: 'sync', bytes: canonicalSync(bytes).toString('hex') }
  if (groups === Group.ykd) return { origin, kind: 'ykd', bytes: canonicalYkd(bytes).toString('hex') }
  const id = checkServiceMessage(bytes, 0, bytes.length, LITTLE)
  const service = serviceOf(id)
  const kind = `${service}.${id & 0xffff}`
  if (service === ServiceId.cmap) return { origin, kind, bytes: canonicalCmap(bytes).toString('hex') }
  if (service === ServiceId.votequorum) {
    return { origin, kind, bytes: canonicalVotequorum(id & 0xffff, bytes).toString('hex') }
  }
  if (service === ServiceId.cpg) return { origin, kind, bytes: canonicalCpg(id & 0xffff, bytes).toString('hex') }
  return undefined
}

function canonicalSync(bytes: Buffer): Buffer {
  const out = Buffer.alloc(sync.SERVICE_BUILD_LENGTH)
  const [barrier, build] = [sync.createBarrier(), sync.createServiceBuild()]
  if (sync.readBarrier(bytes, 0, bytes.length, LITTLE, barrier)) {
    return out.subarray(0, sync.writeBarrier(barrier, out, 0, LITTLE))
  }
  if (!sync.readServiceBuild(bytes, 0, bytes.length, LITTLE, build)) throw new Error('a strange message of sync')
  return out.subarray(0, sync.writeServiceBuild(build, out, 0, LITTLE))
}

function canonicalYkd(bytes: Buffer): Buffer {
  const message = ykd.readYkdMessage(bytes, 0, bytes.length, LITTLE)
  if (message === undefined) throw new Error('a strange message of ykd')
  const out = Buffer.alloc(ykd.YKD_STATE_LENGTH)
  if (message.kind === 'attempt') return out.subarray(0, ykd.writeYkdAttempt(out, 0, LITTLE))
  return out.subarray(0, ykd.writeYkdState(message.state, out, 0, LITTLE))
}

function canonicalCmap(bytes: Buffer): Buffer {
  const message = readCmapMcast(bytes, 0, bytes.length, LITTLE)
  if (message === undefined) throw new Error('a strange message of cmap')
  const out = Buffer.alloc(bytes.length)
  return out.subarray(0, writeCmapMcast(message, out, 0, LITTLE))
}

function canonicalVotequorum(fn: number, bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length)
  switch (fn) {
    case votequorum.VotequorumFunction.nodeInfo: {
      const info = votequorum.createNodeInfo()
      if (!votequorum.readNodeInfo(bytes, 0, bytes.length, LITTLE, info)) throw new Error('a strange nodeinfo')
      votequorum.writeNodeInfo(info, out, 0, LITTLE)
      return out
    }
    case votequorum.VotequorumFunction.reconfigure: {
      const message = votequorum.readReconfigure(bytes, 0, bytes.length, LITTLE)
      if (message === undefined) throw new Error('a strange reconfigure')
      votequorum.writeReconfigure(message, out, 0, LITTLE)
      return out
    }
    case votequorum.VotequorumFunction.qdeviceReg: {
      const message = votequorum.readQdeviceReg(bytes, 0, bytes.length, LITTLE)
      if (message === undefined) throw new Error('a strange registration')
      votequorum.writeQdeviceReg(message, out, 0, LITTLE)
      return out
    }
    case votequorum.VotequorumFunction.qdeviceReconfigure: {
      const message = votequorum.readQdeviceReconfigure(bytes, 0, bytes.length)
      if (message === undefined) throw new Error('a strange change of names')
      votequorum.writeQdeviceReconfigure(message, out, 0, LITTLE)
      return out
    }
    default:
      throw new Error(`unexpected function ${fn} of votequorum`)
  }
}

function canonicalCpg(fn: number, bytes: Buffer): Buffer {
  const out = Buffer.alloc(bytes.length)
  switch (fn) {
    case cpg.CpgFunction.procJoin:
    case cpg.CpgFunction.procLeave: {
      const message = cpg.readCpgProc(bytes, 0, bytes.length, LITTLE)
      if (message === undefined) throw new Error('a strange join or leave')
      cpg.writeCpgProc(fn, message, out, 0, LITTLE)
      return out
    }
    case cpg.CpgFunction.joinList: {
      const list = cpg.readCpgJoinList(bytes, 0, bytes.length, LITTLE)
      if (list === undefined) throw new Error('a strange join list')
      cpg.writeCpgJoinList(list, out, 0, LITTLE)
      return out
    }
    case cpg.CpgFunction.downList: {
      const list = cpg.readCpgDownList(bytes, 0, bytes.length, LITTLE)
      if (list === undefined) throw new Error('a strange downlist')
      cpg.writeCpgDownList(list, out, 0, LITTLE)
      return out
    }
    case cpg.CpgFunction.mcast: {
      const message = cpg.createCpgMulticast()
      if (!cpg.readCpgMcast(bytes, 0, bytes.length, LITTLE, message)) throw new Error('a strange multicast')
      const { groupOff, groupLength, pid, dataOff, dataLength, sourceNodeId } = message
      const group = bytes.subarray(groupOff, groupOff + groupLength)
      // The connection is a pointer that only its sender could use.
      const data = cpg.writeCpgMcastHeader(group, pid, dataLength, sourceNodeId, 1, out, 0, LITTLE)
      bytes.copy(out, data, dataOff, dataOff + dataLength)
      return out
    }
    default:
      throw new Error(`unexpected function ${fn} of cpg`)
  }
}
