// The cluster messages of votequorum and what programs ask it: samples read by hand, both byte orders, bounds.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as quorumIpc from '../../../src/wire/quorum-ipc.js'
import * as votequorum from '../../../src/wire/votequorum.js'
import * as ipc from '../../../src/wire/votequorum-ipc.js'
import { hex } from '../../support/library-client.js'

const u32 = fc.integer({ min: 0, max: 0xffffffff })
/** As it may stand in a field: any bytes but zero. */
const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: votequorum.QDEVICE_NAME_FIELD - 1 })
  .map(bytes => String.fromCharCode(...bytes))

/** What `write` writes into memory that was not clean. */
function written(length: number, write: (buf: Uint8Array, off: number) => number): Uint8Array {
  const buf = new Uint8Array(length + 20).fill(0xaa)
  assert.equal(write(buf, 7), length)
  assert.ok(buf.subarray(7 + length).every(b => b === 0xaa))
  return buf.subarray(7, 7 + length)
}

describe('nodeinfo', () => {
  const SAMPLE = hex('00 00 05 00 .. .. .. .. 20 00 00 00 .. .. .. .. 02 00 00 00 01 00 00 00 04 00 00 00 71 00 00 00')
  const RECORD = { nodeId: 2, votes: 1, expected: 4, flags: 0x71 }

  it('is read and written as recorded', () => {
    const info = votequorum.createNodeInfo()
    assert.ok(votequorum.readNodeInfo(SAMPLE, 0, SAMPLE.length, true, info))
    assert.deepEqual(info, RECORD)
    assert.deepEqual(
      written(32, (buf, off) => votequorum.writeNodeInfo(RECORD, buf, off, true)),
      SAMPLE,
    )
  })

  it('keeps all fields in either byte order', () => {
    const info = fc.record({ nodeId: u32, votes: u32, expected: u32, flags: u32 }, { noNullPrototype: true })
    fc.assert(
      fc.property(info, fc.boolean(), (info, little) => {
        const bytes = written(32, (buf, off) => votequorum.writeNodeInfo(info, buf, off, little))
        const read = votequorum.createNodeInfo()
        assert.ok(votequorum.readNodeInfo(bytes, 0, bytes.length, little, read))
        assert.deepEqual(read, info)
      }),
    )
  })

  it('is not read when it is short', () => {
    assert.ok(!votequorum.readNodeInfo(SAMPLE, 0, 31, true, votequorum.createNodeInfo()))
  })
})

describe('reconfigure', () => {
  const SAMPLE = hex('01 00 05 00 .. .. .. .. 20 00 00 00 .. .. .. .. 02 00 00 00 03 00 00 00 01 .. .. .. .. .. .. ..')
  const RECORD = { nodeId: 2, value: 3, param: votequorum.ReconfigureParam.EXPECTED_VOTES }

  it('is read and written as recorded', () => {
    assert.deepEqual(votequorum.readReconfigure(SAMPLE, 0, SAMPLE.length, true), RECORD)
    assert.deepEqual(
      written(32, (buf, off) => votequorum.writeReconfigure(RECORD, buf, off, true)),
      SAMPLE,
    )
    assert.equal(votequorum.readReconfigure(SAMPLE, 0, 31, true), undefined)
  })

  it('keeps all fields in either byte order', () => {
    const param = fc.integer({ min: 0, max: 255 })
    const record = fc.record({ nodeId: u32, value: u32, param }, { noNullPrototype: true })
    fc.assert(
      fc.property(record, fc.boolean(), (message, little) => {
        const bytes = written(32, (buf, off) => votequorum.writeReconfigure(message, buf, off, little))
        assert.deepEqual(votequorum.readReconfigure(bytes, 0, bytes.length, little), message)
      }),
    )
  })
})

describe('messages about devices', () => {
  it('keep operation and names in either byte order', () => {
    fc.assert(
      fc.property(name, name, fc.boolean(), fc.boolean(), (one, other, register, little) => {
        const reg = written(280, (buf, off) => votequorum.writeQdeviceReg({ register, name: one }, buf, off, little))
        assert.deepEqual(votequorum.readQdeviceReg(reg, 0, reg.length, little), { register, name: one })
        const names = { oldName: one, newName: other }
        const rename = written(528, (buf, off) => votequorum.writeQdeviceReconfigure(names, buf, off, little))
        assert.deepEqual(votequorum.readQdeviceReconfigure(rename, 0, rename.length), names)
      }),
    )
  })

  it('are read up to the end of a name, whatever stands behind it', () => {
    const bytes = written(280, (buf, off) => votequorum.writeQdeviceReg({ register: true, name: 'QD' }, buf, off, true))
    bytes.fill(0x5a, 23, 275)
    assert.equal(votequorum.readQdeviceReg(bytes, 0, bytes.length, true)?.name, 'QD')
    bytes.fill(0x5a, 20, 280)
    assert.equal(votequorum.readQdeviceReg(bytes, 0, bytes.length, true)?.name, 'Z'.repeat(255))
  })

  it('are refused when short, or with an operation that nobody knows', () => {
    const bytes = written(280, (buf, off) => votequorum.writeQdeviceReg({ register: true, name: 'QD' }, buf, off, true))
    assert.equal(votequorum.readQdeviceReg(bytes, 0, 279, true), undefined)
    bytes[16] = 2
    assert.equal(votequorum.readQdeviceReg(bytes, 0, 280, true), undefined)
    assert.equal(votequorum.readQdeviceReconfigure(new Uint8Array(528), 0, 527), undefined)
  })
})

describe('requests of programs', () => {
  it('are read as they are written', () => {
    const poll = ipc.writeVotequorumRequest(ipc.VotequorumRequest.qdevicePoll, {
      name: 'QD',
      value: 1,
      ring: { nodeId: 3, seq: 0x1_0000_0002 },
    })
    assert.equal(ipc.readRequestName(poll, 0), 'QD')
    assert.equal(ipc.readPollCastVote(poll, 0), true)
    assert.equal(ipc.isPollRing(poll, 0, 3, 0x1_0000_0002), true)
    for (const [nodeId, seq] of [
      [3, 2],
      [4, 0x1_0000_0002],
      [3, 0x2_0000_0002],
    ] as const) {
      assert.equal(ipc.isPollRing(poll, 0, nodeId, seq), false)
    }
    const update = ipc.writeVotequorumRequest(ipc.VotequorumRequest.qdeviceUpdate, { name: 'old', newName: 'new' })
    assert.deepEqual([ipc.readRequestName(update, 0), ipc.readUpdateNewName(update, 0)], ['old', 'new'])
    const votes = ipc.writeVotequorumRequest(ipc.VotequorumRequest.setVotes, { value: 5, nodeId: 9 })
    assert.deepEqual([ipc.readFirstField(votes, 0), ipc.readSetVotesNodeId(votes, 0)], [5, 9])
    const context = { low: 0xfffffffe, high: 7 }
    const track = ipc.writeVotequorumRequest(ipc.VotequorumRequest.trackStart, { context, flags: 2 })
    assert.deepEqual([ipc.readTrackContext(track, 0), ipc.readTrackFlags(track, 0)], [context, 2])
    assert.throws(() => ipc.writeVotequorumRequest(10, {}), RangeError)
  })

  it('have the lengths of the C structures', () => {
    for (const [id, length] of ipc.VOTEQUORUM_REQUEST_LENGTHS.entries()) {
      assert.equal(ipc.writeVotequorumRequest(id, {}).length, length)
    }
  })
})

describe('events with lists', () => {
  const ids = [1, 2, 3]
  const ring = { nodeId: 1, seq: 9 }

  it('of quorum end behind the list, with bytes that say nothing', () => {
    const buf = new Uint8Array(quorumIpc.QUORUM_MESSAGE_MAX).fill(0xaa)
    const view = { quorate: true, ring, members: ids }
    assert.equal(quorumIpc.writeQuorumNotification(view, 1, buf), 48 + 12)
    assert.equal(quorumIpc.writeQuorumV1Quorum(view, 1, buf), 56 + 12)
    const length = quorumIpc.writeQuorumV1NodeList({ ring, members: ids, joined: [2], left: [4, 5] }, 1, buf)
    assert.equal(length, 64 + 4 * 6)
    const words = new DataView(buf.buffer)
    const list = Array.from({ length: 6 }, (_, i) => words.getUint32(60 + 4 * i, true))
    assert.deepEqual(list, [1, 2, 3, 2, 4, 5])
    assert.equal(words.getUint32(84, true), 0)
  })

  it('of votequorum end with it', () => {
    const buf = new Uint8Array(ipc.VOTEQUORUM_IPC_MAX).fill(0xaa)
    const context = { low: 1, high: 2 }
    assert.equal(ipc.writeVotequorumNodeList(ring, ids, context, 1, buf), 56 + 12)
    const nodes = ids.map(nodeId => ({ nodeId, state: 1 }))
    assert.equal(ipc.writeVotequorumQuorum(true, context, nodes, 1, buf), 48 + 24)
    assert.equal(ipc.writeVotequorumExpected(7, context, 1, buf), 40)
  })

  it('have room for all nodes that there can be', () => {
    const all = Array.from({ length: 384 }, (_, i) => i + 1)
    const buf = new Uint8Array(quorumIpc.QUORUM_MESSAGE_MAX)
    const list = { ring, members: all, joined: all, left: all }
    assert.equal(quorumIpc.writeQuorumV1NodeList(list, 1, buf), buf.length)
    const known = [...all, 0].map(nodeId => ({ nodeId, state: 1 }))
    const room = new Uint8Array(ipc.VOTEQUORUM_IPC_MAX)
    assert.equal(ipc.writeVotequorumQuorum(true, { low: 0, high: 0 }, known, 1, room), room.length)
  })
})
