// Inputs that have brought corosync down, fed to whole nodes of a ring in both byte orders: each is refused without a
// trace, or survived. The titles name where the weakness was published; `#n` is an issue or change of corosync/corosync.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ASSEMBLY_SIZE_MAX } from '../../src/pg/reassembly.js'
import {
  CPG_DOWN_LIST_LENGTH,
  CPG_MCAST_HEADER_LENGTH,
  CPG_PARTIAL_HEADER_LENGTH,
  CPG_PROC_LENGTH,
  CpgFunction,
  writeCpgDownList,
  writeCpgJoinList,
  writeCpgMcastHeader,
  writeCpgPartialMcastHeader,
  writeCpgProc,
} from '../../src/wire/cpg.js'
import { writeU32 } from '../../src/wire/cursor.js'
import { createCommitEntry, createCommitToken, createJoin, createOrfToken } from '../../src/wire/generation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import { GROUP_SERVICES, GROUP_SYNC } from '../../src/wire/pg.js'
import { messageId, ServiceId, writeServiceHeader } from '../../src/wire/service.js'
import { SERVICE_BUILD_LENGTH, writeServiceBuild } from '../../src/wire/sync.js'
import { grouped, packetOf } from '../support/messages.js'
import { Victim } from '../support/victim.js'

const ORDERS = [true, false] as const
// Offsets of counts in the 3.x messages (spec: totem 2).
const RTR_COUNT = 53
const RTR_LIST = 57
const RTR_LENGTH = 16
const JOIN_PROCS = 17
const JOIN_FAILED = 21
const COMMIT_INDEX = 33
const COMMIT_COUNT = 37
const TYPE = 3

function orderName(little: boolean): string {
  return little ? 'little-endian' : 'big-endian'
}

function withU32(bytes: Uint8Array, little: boolean, ...values: readonly (readonly [number, number])[]): Uint8Array {
  const changed = bytes.slice()
  for (const [at, value] of values) writeU32(changed, at, value, little)
  return changed
}

function token(victim: Victim, little: boolean, fields: Partial<ReturnType<typeof createOrfToken>> = {}): Uint8Array {
  const wire = createGeneration3({ littleEndian: little })
  const { nodeId, seq } = victim.ring.node(0).ring.ring
  const message = { ...createOrfToken(), nodeId: 1, ring: { rep: nodeId, seq }, tokenSeq: 0x10000, ...fields }
  const bytes = new Uint8Array(wire.maxTokenLength)
  return bytes.subarray(0, wire.writeToken(message, bytes, 0))
}

function join(victim: Victim, little: boolean, failed: number[] = []): Uint8Array {
  const wire = createGeneration3({ littleEndian: little })
  const ringSeq = victim.ring.node(0).ring.ring.seq
  const message = { ...createJoin(), nodeId: 2, systemFrom: 2, procList: [1, 2, 3], failedList: failed, ringSeq }
  const bytes = new Uint8Array(wire.joinLength(3, failed.length))
  return bytes.subarray(0, wire.writeJoin(message, bytes, 0))
}

function commitToken(victim: Victim, little: boolean, memberIndex: number): Uint8Array {
  const wire = createGeneration3({ littleEndian: little })
  const members = [1, 2, 3]
  const ring = { rep: 1, seq: victim.ring.node(0).ring.ring.seq + 4 }
  const message = {
    ...createCommitToken(),
    nodeId: 1,
    ring,
    memberIndex,
    members,
    entries: members.map(createCommitEntry),
  }
  const bytes = new Uint8Array(wire.commitTokenLength(members.length))
  return bytes.subarray(0, wire.writeCommitToken(message, bytes, 0))
}

/** Every node refuses each of these, and nothing else happens to the ring. */
function assertRefused(victim: Victim, datagrams: readonly Uint8Array[]): void {
  const installations = victim.installations()
  const before = victim.nodeIds.map((_, index) => victim.dropped(index))
  const sent = victim.ring.network.sent
  for (const bytes of datagrams) victim.inject(bytes)
  assert.equal(victim.ring.network.sent, sent, 'somebody answered')
  for (const [index, count] of before.entries()) assert.equal(victim.dropped(index) - count, datagrams.length)
  victim.run(1000)
  assert.equal(victim.installations(), installations)
  victim.assertTalking('afterwards')
}

for (const little of ORDERS) {
  const wire = createGeneration3({ littleEndian: little })

  describe(`a ${orderName(little)} token`, () => {
    it('CVE-2025-30472, #778: with more requests than its list may hold, all of them there', () => {
      const victim = new Victim([1, 2, 3], true)
      const tokens = [31, 91, 92, 1000, 4090].map(count => {
        const bytes = new Uint8Array(RTR_LIST + count * RTR_LENGTH).fill(1)
        bytes.set(token(victim, little))
        return withU32(bytes, little, [RTR_COUNT, count])
      })
      assertRefused(victim, tokens)
    })

    it('CVE-2025-30472, #778: with requests that are not there', () => {
      const victim = new Victim([1, 2, 3], true)
      const bytes = token(victim, little)
      const counts = [1, 30, 31, 1000, 0x7fffffff, 0x80000000, 0x10000000, 0xffffffff]
      assertRefused(
        victim,
        counts.map(count => withU32(bytes, little, [RTR_COUNT, count])),
      )
    })

    it('#4, #371: far ahead of what anybody has received, is survived', () => {
      for (const ahead of [16383, 16384, 16385, 32767, 32768, 0x7fffffff, 0x80000000, 0xffff0000]) {
        const victim = new Victim([1, 2, 3], true)
        const seq = victim.epoch.processOf(victim.ring.hosts[0]!).view!.last
        victim.inject(token(victim, little, { seq: (seq + ahead) >>> 0, aru: seq, aruAddr: 2 }))
        // A token of this ring cannot be told from a true one: at worst the members wait until FAILED TO RECEIVE.
        victim.run(8000)
        victim.assertTalking(`after ${ahead}`)
      }
    })
  })

  describe(`a ${orderName(little)} commit token`, () => {
    it('CVE-2026-35091: shorter than its lists', () => {
      const victim = new Victim([1, 2, 3], true)
      const whole = commitToken(victim, little, 0)
      const cut = Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length))
      const counts = [4, 384, 385, 0x09249249, 0x0924924a, 0x7fffffff, 0xffffffff]
      const more = counts.map(count => withU32(whole, little, [COMMIT_COUNT, count]))
      assertRefused(victim, [...cut, ...more])
    })

    it('#35: with an index behind its last member, also to those that gather', () => {
      const victim = new Victim([1, 2, 3], true)
      const indexes = [4, 5, 383, 0x7fffffff, 0x80000000, 0xffffffff]
      const whole = commitToken(victim, little, 0)
      const datagrams = indexes.map(index => withU32(whole, little, [COMMIT_INDEX, index]))
      assertRefused(victim, datagrams)
      victim.ring.hosts[1]!.interfaceChanged(victim.ring.now)
      for (let i = 0; i < 40; i++) {
        for (const bytes of [...datagrams, commitToken(victim, little, 3)]) victim.inject(bytes)
        victim.run(0.1)
      }
      victim.run(4000)
      victim.assertTalking('afterwards')
    })
  })

  describe(`a ${orderName(little)} join`, () => {
    it('CVE-2026-35092: with lists whose lengths add up to little in 32 bits', () => {
      const victim = new Victim([1, 2, 3], true)
      const whole = join(victim, little)
      const pairs: readonly (readonly [number, number])[] = [
        [0x40000000, 0],
        [0x40000000, 3],
        [0x3fffffff, 1],
        [0x3ffffffd, 6],
        [0x80000000, 0x80000000],
        [0x20000000, 0x20000003],
        [0xffffffff, 4],
        [3, 0xffffffff],
        [0xfffffffe, 0xfffffffe],
        [385, 0],
        [0, 385],
      ]
      assertRefused(
        victim,
        pairs.map(([procs, failed]) => withU32(whole, little, [JOIN_PROCS, procs], [JOIN_FAILED, failed])),
      )
    })

    it('of 385 and of 16000 processors, all of them there', () => {
      const victim = new Victim([1, 2, 3], true)
      const joins = [385, 768, 16000].map(count => {
        const bytes = new Uint8Array(wire.joinLength(count, 0)).fill(1)
        bytes.set(join(victim, little))
        return withU32(bytes, little, [JOIN_PROCS, count])
      })
      assertRefused(victim, joins)
    })
  })

  describe(`a ${orderName(little)} datagram`, () => {
    it('CVE-2018-1084: too short for what has to be in front of it', () => {
      const victim = new Victim([1, 2, 3], true)
      const starts = [token(victim, little), join(victim, little), commitToken(victim, little, 0)]
      const short = starts.flatMap(bytes => Array.from({ length: 25 }, (_, length) => bytes.subarray(0, length)))
      const noise = Array.from({ length: 60 }, (_, length) => new Uint8Array(length).fill(0xa5))
      assertRefused(victim, [...short, ...noise])
    })

    it('#29: of a type that there is not', () => {
      const victim = new Victim([1, 2, 3], true)
      const types = [6, 7, 42, 127, 128, 255]
      const datagrams = types.map(type => {
        const bytes = join(victim, little)
        bytes[TYPE] = type
        return bytes
      })
      assertRefused(victim, datagrams)
    })
  })

  describe(`a packet of a ${orderName(little)} member`, () => {
    /** The last member writes in this byte order. */
    const ring = () => (little ? new Victim([1, 2, 3]) : new Victim([3, 1, 2], true))
    const order = (victim: Victim) => (little ? victim.nodeIds.length - 1 : 0)
    const survive = (payloads: (little: boolean) => readonly Uint8Array[]) => {
      const victim = ring()
      const from = order(victim)
      const installations = victim.installations()
      for (const payload of payloads(little)) {
        victim.order(from, payload)
        victim.run(2)
      }
      victim.run(300)
      assert.equal(victim.installations(), installations)
      victim.assertTalking('afterwards', from)
      return victim
    }
    const message = (length: number) => new Uint8Array(length)
    const ofServices = (payload: Uint8Array) => packetOf([grouped(GROUP_SERVICES, payload, little)], { little })

    it('#319: of fragments that add up to more than any message', () => {
      const piece = message(1300).fill(0x41)
      const count = Math.ceil((3 * ASSEMBLY_SIZE_MAX) / piece.length)
      const victim = ring()
      const from = order(victim)
      for (let i = 0; i < count; i++) {
        const continuation = i === 0 ? 0 : ((i - 1) % 255) + 1
        victim.order(from, packetOf([piece], { little, continuation, fragmented: (i % 255) + 1 }))
        if (i % 15 === 0) victim.run(3)
      }
      victim.run(300)
      for (const index of [0, 1, 2]) {
        const { groups } = victim.ring.node(index).executive
        assert.ok(groups.stats.oversizedMessages > 0)
        assert.ok(groups.heldBytes <= 2 * ASSEMBLY_SIZE_MAX, `${groups.heldBytes} bytes held`)
      }
      victim.assertTalking('afterwards', from)
    })

    it('#503: whose counts and lengths do not agree with its length', () => {
      const whole = ofServices(message(40))
      const victim = survive(() => [
        ...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
        ...[6, 7, 8, 9].flatMap(at =>
          [1, 0x7f, 0xff].map(value => whole.map((byte, i) => (i === at ? byte ^ value : byte))),
        ),
        packetOf([], { little }),
      ])
      assert.ok(victim.ring.node(1).executive.groups.stats.malformedPackets >= whole.length)
    })

    it('3.1.7 (no checks of lengths above totem): with service messages shorter than their structures', () => {
      const group = new TextEncoder().encode('victims')
      const process = { group, pid: 77, reason: 1 }
      const messages: [number, (buf: Uint8Array) => number][] = [
        [CPG_PROC_LENGTH, buf => writeCpgProc(CpgFunction.procJoin, process, buf, 0, little)],
        [CPG_PROC_LENGTH, buf => writeCpgProc(CpgFunction.procLeave, process, buf, 0, little)],
        [300, buf => writeCpgJoinList([process], buf, 0, little)],
        [CPG_MCAST_HEADER_LENGTH, buf => writeCpgMcastHeader(group, 77, 0, 1, 1, buf, 0, little)],
        [CPG_PARTIAL_HEADER_LENGTH, buf => writeCpgPartialMcastHeader(group, 77, 1, 9, 0, 1, 1, buf, 0, little)],
        [600, buf => writeServiceBuild({ ring: { rep: 1, seq: 1 }, services: [0, 2] }, buf, 0, little)],
      ]
      const members = ['100', '101', '102']
      const victim = survive(() =>
        messages.flatMap(([room, write]) => {
          const buf = message(room)
          const whole = buf.subarray(0, write(buf))
          return [0, 1, 8, 15, 16, 17, 100, whole.length - 1].map(length => ofServices(whole.subarray(0, length)))
        }),
      )
      for (const seen of victim.members) assert.deepEqual(seen.map(String).sort(), members)
    })

    it('3.1.7 (the table of services is indexed unchecked): for services and functions that there are not', () => {
      const victim = survive(() =>
        [
          messageId(64, 0),
          messageId(0x7fff, 0),
          messageId(ServiceId.votequorum, 0),
          messageId(ServiceId.cpg, 7),
          messageId(ServiceId.cpg, 0xffff),
          -1,
          0x80000000 | 0,
        ].map(id => {
          const buf = message(200)
          writeServiceHeader(buf, 0, id, buf.length, little)
          return ofServices(buf)
        }),
      )
      const { stats } = victim.ring.node(1).executive.table
      assert.ok(stats.unknownFunction >= 2 && stats.unknownService >= 1 && stats.malformed >= 2)
    })

    it('3.1.7 (lengths in messages are believed): with names, data and lists longer than the message', () => {
      const group = new TextEncoder().encode('victims')
      const lengths = [169, 1000, 0x7fffffff, 0x80000000, 0xffffffff]
      const victim = survive(() =>
        lengths.flatMap(length => {
          const join = message(CPG_PROC_LENGTH)
          writeCpgProc(CpgFunction.procJoin, { group, pid: 77, reason: 1 }, join, 0, little)
          const mcast = message(CPG_MCAST_HEADER_LENGTH)
          writeCpgMcastHeader(group, 77, 0, 1, 1, mcast, 0, little)
          const partial = message(CPG_PARTIAL_HEADER_LENGTH)
          writeCpgPartialMcastHeader(group, 77, 1, 9, 0, 1, 1, partial, 0, little)
          const down = message(CPG_DOWN_LIST_LENGTH)
          writeCpgDownList({ oldMembers: 3, left: [] }, down, 0, little)
          return [
            withU32(join, little, [16, length]),
            withU32(mcast, little, [16, length]),
            withU32(mcast, little, [152, length]),
            withU32(partial, little, [160, length]),
            withU32(join, little, [8, length]),
          ].map(ofServices)
        }),
      )
      assert.ok(victim.ring.node(1).cpg.stats.malformed >= 3 * lengths.length)
      for (const seen of victim.members) assert.deepEqual(seen.slice().sort(), [100, 101, 102])
    })

    it('3.1.7 (the barrier converts and checks nothing): with service lists that are too long', () => {
      const build = message(SERVICE_BUILD_LENGTH)
      const ring = { rep: 1, seq: 1 }
      writeServiceBuild({ ring, services: [0, 2, 3] }, build, 0, little)
      const counts = [129, 1000, 0x7fffffff, 0xffffffff]
      const victim = survive(() =>
        counts.map(count => packetOf([grouped(GROUP_SYNC, withU32(build, little, [32, count]), little)], { little })),
      )
      assert.ok(victim.ring.node(1).executive.sync.stats.rejectedMessages >= counts.length)
    })
  })
}

describe('a member that dies while it is synchronised', () => {
  it('#828: leaves no process behind, whenever that is', () => {
    for (let afterMs = 0; afterMs < 30; afterMs += 0.7) {
      const victim = new Victim()
      victim.ring.carryOut({ kind: 'partition', sides: [[2], [0, 1]], forMs: 3000 })
      victim.run(2900)
      assert.deepEqual(
        victim.members.map(seen => seen.slice().sort()),
        [[100, 101], [100, 101], [102]],
      )
      const { installs } = victim.epoch.processOf(victim.ring.hosts[0]!)
      while (victim.epoch.processOf(victim.ring.hosts[0]!).installs === installs) victim.run(0.2)
      victim.run(afterMs)
      victim.ring.hosts[2]!.crash()
      victim.run(2500)
      for (const index of [0, 1]) {
        assert.deepEqual(victim.members[index]!.slice().sort(), [100, 101], `crash after ${afterMs.toFixed(1)} ms`)
      }
    }
  })
})
