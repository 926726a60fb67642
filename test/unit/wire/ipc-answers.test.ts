// What programs read of the services' answers and events: the same that the services wrote, and never more than was sent,
// whatever the bytes say.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as cfg from '../../../src/wire/cfg-ipc.js'
import * as cmap from '../../../src/wire/cmap-ipc.js'
import * as cpg from '../../../src/wire/cpg-ipc.js'
import * as quorum from '../../../src/wire/quorum-ipc.js'
import * as votequorum from '../../../src/wire/votequorum-ipc.js'

interface Reader {
  readonly name: string
  readonly written: Uint8Array
  /** Events are read where they lie, answers are arrays of their own. */
  readonly read: (buf: Uint8Array, off: number, len: number) => unknown
  readonly value: unknown
}

const OK = 1
const ring = { nodeId: 3, seq: 0x1_2345_6789 }
const instance = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
const context = { low: 1, high: 2 }

function written(length: number, write: (buf: Uint8Array) => number | undefined): Uint8Array {
  const buf = new Uint8Array(length)
  const used = write(buf)
  return buf.slice(0, used ?? length)
}

function sized(buf: Uint8Array): number {
  return new DataView(buf.buffer).getInt32(8, true)
}

const address = (nodeId: number, pid: number, reason: number) => ({ nodeId, pid, reason })
const group = new TextEncoder().encode('orders')
const members = [address(1, 10, 0), address(2, 20, 0)]
const left = [address(3, 30, 2)]
const joined = [address(2, 20, 1)]

function deliver(): Uint8Array {
  const buf = new Uint8Array(cpg.DELIVER_DATA + 3)
  cpg.writeDeliverHead(group, buf)
  cpg.setDeliver(buf, 7, 70, 3)
  buf.set([9, 8, 7], cpg.DELIVER_DATA)
  return buf
}

function partial(): Uint8Array {
  const buf = new Uint8Array(cpg.PARTIAL_EVENT_DATA + 2)
  cpg.writePartialHead(group, buf)
  cpg.setPartial(buf, 7, 70, 1, 1000, 2)
  buf.set([9, 8], cpg.PARTIAL_EVENT_DATA)
  return buf
}

function readDelivery(buf: Uint8Array, off: number, len: number, isPartial: boolean): unknown {
  const delivery = { nodeId: 0, pid: 0, dataOff: 0, dataLength: 0, type: 0, total: 0 }
  if (!cpg.readDelivery(buf, off, len, isPartial, delivery)) return undefined
  const { dataOff, dataLength, ...rest } = delivery
  assert.ok(dataOff + dataLength <= len)
  return { ...rest, data: [...buf.subarray(off + dataOff, off + dataOff + dataLength)] }
}

const link = {
  enabled: true,
  connected: true,
  dynamicallyConnected: false,
  mtu: 1446,
  source: '10.0.0.1',
  destination: '10.0.0.2',
}
const nodeStatus = {
  reachable: true,
  remote: false,
  external: false,
  onwireMin: 1,
  onwireMax: 2,
  onwire: 2,
  links: [link, ...Array.from({ length: cfg.CFG_LINK_COUNT_MAX - 1 }, () => undefined)],
}
const info = {
  nodeId: 1,
  state: 1,
  votes: 2,
  expectedVotes: 5,
  highestExpected: 6,
  totalVotes: 4,
  quorum: 3,
  flags: 0x42,
  qdeviceVotes: 1,
  qdeviceName: 'device',
}

function answer(read: (buf: Uint8Array) => unknown): Reader['read'] {
  return (buf, off, len) => read(buf.slice(off, off + len))
}

const READERS: readonly Reader[] = [
  {
    name: 'members of a group',
    written: written(cpg.MEMBERSHIP_LENGTH, buf => {
      cpg.writeMembership(members, buf)
      return undefined
    }),
    read: answer(cpg.readMembership),
    value: members,
  },
  {
    name: 'a step of an iteration over groups',
    written: written(cpg.NEXT_LENGTH, buf => {
      cpg.writeIterationEntry({ group, nodeId: 5, pid: 50 }, buf)
      return undefined
    }),
    read: answer(cpg.readIterationEntry),
    value: { group, nodeId: 5, pid: 50 },
  },
  {
    name: 'a change of a group',
    written: cpg.membershipEvent(group, members, left, joined),
    read: cpg.readMembershipEvent,
    value: { group, members, left, joined },
  },
  {
    name: 'a ring under groups',
    written: cpg.ringEvent(ring.nodeId, ring.seq, [1, 2, 3]),
    read: cpg.readRingEvent,
    value: { ring, members: [1, 2, 3] },
  },
  {
    name: 'a message',
    written: deliver(),
    read: (buf, off, len) => readDelivery(buf, off, len, false),
    value: { nodeId: 7, pid: 70, type: 0, total: 3, data: [9, 8, 7] },
  },
  {
    name: 'a piece of a message',
    written: partial(),
    read: (buf, off, len) => readDelivery(buf, off, len, true),
    value: { nodeId: 7, pid: 70, type: 1, total: 1000, data: [9, 8] },
  },
  {
    name: 'a value of the map',
    written: written(cmap.CMAP_GET_VALUE + 4, buf => {
      const length = cmap.writeCmapGetAnswer(buf, 0, OK, cmap.CmapType.u32, 4, 4)
      buf.set([1, 0, 0, 0], cmap.CMAP_GET_VALUE)
      return length
    }),
    read: answer(cmap.readCmapGetAnswer),
    value: { type: 6, length: 4, bytes: Uint8Array.of(1, 0, 0, 0) },
  },
  {
    name: 'a handle of the map',
    written: written(100, buf => cmap.writeCmapHandleAnswer(buf, 0, cmap.CmapRequest.trackAdd, OK, 0x0102)),
    read: answer(cmap.readCmapHandleAnswer),
    value: Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0),
  },
  {
    name: 'a step of an iteration over the map',
    written: written(500, buf => cmap.writeCmapIterNextAnswer(buf, 0, OK, 'totem.token', cmap.CmapType.u32, 4)),
    read: answer(cmap.readCmapIterNextAnswer),
    value: { key: 'totem.token', type: 6, length: 4 },
  },
  {
    name: 'a change in the map',
    written: written(500, buf => {
      cmap.writeCmapNotify(buf, 0, instance, 'totem.token', 2, cmap.CmapType.u16, 2, cmap.CmapType.u8, 1)
      buf.set([7, 0, 6], cmap.CMAP_NOTIFY_LENGTH)
      return sized(buf)
    }),
    read: cmap.readCmapNotify,
    value: {
      instance,
      key: 'totem.token',
      event: 2,
      after: { type: 4, bytes: Uint8Array.of(7, 0) },
      before: { type: 2, bytes: Uint8Array.of(6) },
    },
  },
  {
    name: 'a decision about quorum, model 0',
    written: written(500, buf => quorum.writeQuorumNotification({ quorate: true, ring, members: [1, 2] }, OK, buf)),
    read: quorum.readQuorumNotification,
    value: { quorate: true, ring: { ...ring, nodeId: 0 }, members: [1, 2] },
  },
  {
    name: 'a decision about quorum',
    written: written(500, buf => quorum.writeQuorumV1Quorum({ quorate: false, ring, members: [1, 2] }, OK, buf)),
    read: quorum.readQuorumV1Quorum,
    value: { quorate: false, ring, members: [1, 2] },
  },
  {
    name: 'a membership',
    written: written(500, buf =>
      quorum.writeQuorumV1NodeList({ ring, members: [1, 2], joined: [2], left: [3, 4] }, OK, buf),
    ),
    read: quorum.readQuorumV1NodeList,
    value: { ring, members: [1, 2], joined: [2], left: [3, 4] },
  },
  {
    name: 'votes of a node',
    written: written(500, buf => votequorum.writeVotequorumInfo(OK, info, buf)),
    read: answer(votequorum.readVotequorumInfo),
    value: info,
  },
  {
    name: 'a decision about votes',
    written: written(500, buf =>
      votequorum.writeVotequorumQuorum(
        true,
        context,
        [
          { nodeId: 1, state: 1 },
          { nodeId: 2, state: 2 },
        ],
        OK,
        buf,
      ),
    ),
    read: votequorum.readVotequorumQuorum,
    value: {
      quorate: true,
      nodes: [
        { nodeId: 1, state: 1 },
        { nodeId: 2, state: 2 },
      ],
    },
  },
  {
    name: 'expected votes',
    written: written(500, buf => votequorum.writeVotequorumExpected(9, context, OK, buf)),
    read: votequorum.readVotequorumExpected,
    value: 9,
  },
  {
    name: 'voters',
    written: written(500, buf => votequorum.writeVotequorumNodeList(ring, [1, 2, 3], context, OK, buf)),
    read: votequorum.readVotequorumNodeList,
    value: { ring, members: [1, 2, 3] },
  },
  {
    name: 'the state of links',
    written: written(cfg.CFG_RING_STATUS_LENGTH, buf => {
      cfg.writeRingStatus([{ name: '0 10.0.0.1', status: 'n33' }], OK, buf, 0)
      return undefined
    }),
    read: answer(cfg.readRingStatus),
    value: [{ name: '0 10.0.0.1', status: 'n33' }],
  },
  {
    name: 'addresses of a node',
    written: written(cfg.CFG_ADDRESSES_LENGTH_MAX, buf =>
      cfg.writeNodeAddresses([Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 1, 1)], OK, buf, 0),
    ),
    read: answer(cfg.readNodeAddresses),
    value: [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 1, 1)],
  },
  {
    name: 'the state of a node',
    written: written(cfg.CFG_NODE_STATUS_LENGTH, buf => cfg.writeNodeStatus(2, nodeStatus, OK, buf, 0)),
    read: answer(cfg.readNodeStatus),
    value: nodeStatus,
  },
]

/** Small steps through large answers would take long and find the same. */
const CUTS_MAX = 700
const BREAKS = 400

/** A sequence that is the same in every run. */
function* numbers(): Generator<number, never, undefined> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state >>> 8
  }
}

for (const { name, written: sample, read, value } of READERS) {
  describe(`what programs read: ${name}`, () => {
    it('is what was written', () => {
      assert.deepEqual(read(sample, 0, sample.length), value)
    })

    it('does not depend on what stands around it', () => {
      const step = Math.max(1, Math.floor(sample.length / CUTS_MAX))
      for (let length = 0; length <= sample.length; length += step) {
        const found = [0, 0x41, 0xff].map(filler => {
          const buf = new Uint8Array(8 + sample.length + 64).fill(filler)
          buf.set(sample.subarray(0, length), 8)
          return read(buf, 8, length)
        })
        assert.deepEqual(found[1], found[0], `${length} bytes`)
        assert.deepEqual(found[2], found[0], `${length} bytes`)
      }
    })

    it('does not throw, whatever stands in it', () => {
      const random = numbers()
      for (let n = 0; n < BREAKS; n++) {
        const broken = sample.slice()
        for (let i = 0; i < 4; i++) broken[random.next().value % broken.length] = random.next().value & 0xff
        // Counts and lengths are where it hurts.
        if (n % 4 === 0 && broken.length > 64) broken.fill(0xff, 24 + (n % 40), 28 + (n % 40))
        read(broken, 0, broken.length)
      }
    })
  })
}
