// The 3.x messages: samples read by hand, both byte orders, bounds, refusals.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  createCommitToken,
  createJoin,
  createMcastHeader,
  createMergeDetect,
  createOrfToken,
  createTokenHoldCancel,
  MessageType,
  PROCESSOR_COUNT_MAX,
  RETRANSMIT_ENTRIES_MAX,
} from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import * as samples from '../../support/wire-samples.js'

const little = createGeneration3({ littleEndian: true })
const big = createGeneration3({ littleEndian: false })
const wires = [little, big]

/** What `write` writes. */
function written(length: number, write: (buf: Uint8Array, off: number) => number): Uint8Array {
  const buf = new Uint8Array(length + 8)
  assert.equal(write(buf, 5), length)
  return buf.subarray(5, 5 + length)
}

describe('3.x samples', () => {
  it('a token with requests', () => {
    const token = createOrfToken()
    assert.equal(little.open(samples.TOKEN, 0, samples.TOKEN.length), MessageType.orfToken)
    assert.deepEqual(little.header, {
      type: 0,
      encapsulated: 0,
      nodeId: 3,
      targetNodeId: 0x02000000,
      foreign: false,
    })
    assert.equal(little.readToken(samples.TOKEN, 0, samples.TOKEN.length, token), true)
    const { retransmitRings, retransmitSeqs, ...fields } = token
    assert.deepEqual(fields, {
      nodeId: 3,
      targetNodeId: 0x02000000,
      seq: 0xa6,
      tokenSeq: 0x188c,
      aru: 0xa3,
      aruAddr: 3,
      ring: { rep: 1, seq: 0x3c },
      backlog: 0,
      fcc: 0,
      retransFlag: 0,
      retransmitCount: 2,
    })
    assert.deepEqual(retransmitRings.slice(0, 2), [
      { rep: 1, seq: 0x3c },
      { rep: 1, seq: 0x3c },
    ])
    assert.deepEqual([...retransmitSeqs.subarray(0, 2)], [0xa4, 0xa6])
    assert.deepEqual(
      written(samples.TOKEN.length, (buf, off) => little.writeToken(token, buf, off)),
      samples.TOKEN,
    )
  })

  it('a multicast', () => {
    const mcast = createMcastHeader()
    assert.equal(little.open(samples.MCAST, 0, samples.MCAST.length), MessageType.mcast)
    assert.equal(little.readMcast(samples.MCAST, 0, samples.MCAST.length, mcast), true)
    assert.deepEqual(mcast, {
      encapsulated: 2,
      nodeId: 1,
      targetNodeId: 0,
      systemFrom: 1,
      seq: 6,
      thisSeqno: 5,
      ring: { rep: 1, seq: 5 },
      nodeIdField: 0,
      guarantee: 0,
    })
    assert.deepEqual(
      written(45, (buf, off) => little.writeMcast(mcast, buf, off)),
      samples.MCAST.subarray(0, 45),
    )
  })

  it('a merge detection', () => {
    const merge = createMergeDetect()
    assert.equal(little.open(samples.MERGE_DETECT, 0, samples.MERGE_DETECT.length), MessageType.mergeDetect)
    assert.equal(little.readMergeDetect(samples.MERGE_DETECT, 0, samples.MERGE_DETECT.length, merge), true)
    assert.deepEqual(merge, { nodeId: 1, targetNodeId: 0x7566c574, systemFrom: 1, ring: { rep: 1, seq: 9 } })
    assert.deepEqual(
      written(samples.MERGE_DETECT.length, (buf, off) => little.writeMergeDetect(merge, buf, off)),
      samples.MERGE_DETECT,
    )
  })

  it('a join', () => {
    const join = createJoin()
    assert.equal(little.open(samples.JOIN, 0, samples.JOIN.length), MessageType.join)
    assert.equal(little.readJoin(samples.JOIN, 0, samples.JOIN.length, join), true)
    assert.deepEqual(join, {
      nodeId: 1,
      targetNodeId: 0,
      systemFrom: 1,
      leave: false,
      procList: [1, 2, 3],
      failedList: [],
      ringSeq: 9,
    })
    assert.deepEqual(
      written(samples.JOIN.length, (buf, off) => little.writeJoin(join, buf, off)),
      samples.JOIN,
    )
  })

  it('a join of a big-endian node, and back', () => {
    const join = createJoin()
    const native = createJoin()
    assert.equal(little.open(samples.JOIN_BIG_ENDIAN, 0, samples.JOIN_BIG_ENDIAN.length), MessageType.join)
    assert.equal(little.header.foreign, true)
    assert.equal(little.header.nodeId, 1)
    assert.equal(little.readJoin(samples.JOIN_BIG_ENDIAN, 0, samples.JOIN_BIG_ENDIAN.length, join), true)
    little.open(samples.JOIN, 0, samples.JOIN.length)
    little.readJoin(samples.JOIN, 0, samples.JOIN.length, native)
    assert.deepEqual(join, native)
    assert.deepEqual(
      written(samples.JOIN.length, (buf, off) => big.writeJoin(join, buf, off)),
      samples.JOIN_BIG_ENDIAN,
    )
    assert.equal(big.open(samples.JOIN_BIG_ENDIAN, 0, samples.JOIN_BIG_ENDIAN.length), MessageType.join)
    assert.equal(big.header.foreign, false)
  })

  it('a leave', () => {
    const join = createJoin()
    assert.equal(little.open(samples.LEAVE, 0, samples.LEAVE.length), MessageType.join)
    assert.equal(little.readJoin(samples.LEAVE, 0, samples.LEAVE.length, join), true)
    assert.deepEqual(join, {
      nodeId: 0,
      targetNodeId: 0,
      systemFrom: 3,
      leave: true,
      procList: [1, 2],
      failedList: [3],
      ringSeq: 13,
    })
    assert.deepEqual(
      written(samples.LEAVE.length, (buf, off) => little.writeJoin({ ...join, nodeId: 3 }, buf, off)),
      samples.LEAVE,
    )
  })

  it('a commit token on its way', () => {
    const token = createCommitToken()
    assert.equal(little.open(samples.COMMIT_TOKEN, 0, samples.COMMIT_TOKEN.length), MessageType.commitToken)
    assert.equal(little.readCommitToken(samples.COMMIT_TOKEN, 0, samples.COMMIT_TOKEN.length, token), true)
    const visited = { ring: { rep: 1, seq: 9 }, aru: 14, highDelivered: 14, receivedFlag: 1 }
    assert.deepEqual(token, {
      nodeId: 2,
      targetNodeId: 0,
      tokenSeq: 2,
      ring: { rep: 1, seq: 13 },
      retransFlag: 0,
      memberIndex: 2,
      members: [1, 2, 3],
      entries: [visited, visited, { ring: { rep: 0, seq: 0 }, aru: 0, highDelivered: 0, receivedFlag: 0 }],
    })
    assert.deepEqual(
      written(samples.COMMIT_TOKEN.length, (buf, off) => little.writeCommitToken(token, buf, off)),
      samples.COMMIT_TOKEN,
    )
  })

  it('a hold cancel', () => {
    const cancel = createTokenHoldCancel()
    assert.equal(little.open(samples.HOLD_CANCEL, 0, samples.HOLD_CANCEL.length), MessageType.tokenHoldCancel)
    assert.equal(little.readTokenHoldCancel(samples.HOLD_CANCEL, 0, samples.HOLD_CANCEL.length, cancel), true)
    assert.deepEqual(cancel, { nodeId: 2, targetNodeId: 0, ring: { rep: 1, seq: 0x3c } })
    assert.deepEqual(
      written(samples.HOLD_CANCEL.length, (buf, off) => little.writeTokenHoldCancel(cancel, buf, off)),
      samples.HOLD_CANCEL,
    )
  })
})

describe('the 3.x header', () => {
  const refuse = (change: (bytes: Uint8Array) => void, length = samples.JOIN.length) => {
    const copy = Uint8Array.from(samples.JOIN)
    change(copy)
    return little.open(copy, 0, length)
  }

  it('is refused when short', () => {
    assert.equal(
      refuse(() => {}, 12),
      'short',
    )
    assert.equal(
      refuse(() => {}, 13),
      MessageType.join,
    )
  })

  it('is refused with another magic, version or type', () => {
    const at = (...values: number[]) => refuse(b => b.set(values))
    for (const [first, second] of [
      [0x71, 0xc0],
      [0x70, 0xc1],
      [0xc1, 0x70],
      [0xc0, 0x71],
      [0xc0, 0xc0],
      [0x70, 0x70],
    ]) {
      assert.equal(at(first!, second!), 'magic')
    }
    assert.equal(at(0x70, 0xc0, 4), 'version')
    assert.equal(at(0x70, 0xc0, 2), 'version')
    assert.equal(at(0x70, 0xc0, 3, 6), 'type')
    assert.equal(at(0x70, 0xc0, 3, 5), MessageType.tokenHoldCancel)
    assert.equal(at(0xc0, 0x70, 3, 3), MessageType.join)
  })

  it('guesses who sent a wrong magic', () => {
    const guess = (...first: number[]) => little.guessSender(Uint8Array.of(9, ...first, 0, 0), 1)
    assert.equal(guess(0xff, 0xff), 'Corosync 2.2')
    assert.equal(guess(0xfe, 0xfe), 'Corosync 2.3+')
    assert.equal(guess(1, 0), 'unencrypted Kronosnet')
    assert.equal(guess(0, 0), 'unencrypted Corosync 2.0/2.1/1.x/OpenAIS')
    assert.equal(guess(5, 0), 'unencrypted Corosync 2.0/2.1/1.x/OpenAIS')
    assert.equal(guess(6, 0), 'encrypted Kronosnet/Corosync 2.0/2.1/1.x/OpenAIS or unknown')
    assert.equal(guess(0xff, 0xfe), 'encrypted Kronosnet/Corosync 2.0/2.1/1.x/OpenAIS or unknown')
  })

  it('names processors by node id, ordered without sign', () => {
    const ids = [0xffff_fffe, 3, 0x8000_0000, 0x7fff_ffff]
    assert.deepEqual(ids.toSorted(little.compare), [3, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe])
    for (const id of ids) {
      assert.equal(little.processorOfNode(id), id)
      assert.equal(little.nodeIdOf(id), id)
      assert.equal(little.processorOf(little.repOf(id)), id)
    }
  })
})

/** Writes a u32 into a copy. */
function patched(sample: Uint8Array, off: number, value: number, length = sample.length): Uint8Array {
  const copy = new Uint8Array(length)
  copy.set(sample.subarray(0, Math.min(length, sample.length)))
  new DataView(copy.buffer).setUint32(off, value, true)
  return copy
}

/** All node ids 1, so that no list entry names nobody. */
function roomy(sample: Uint8Array, fixed: number, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  copy.set(sample.subarray(0, fixed))
  for (let at = fixed; at + 4 <= length; at += 4) copy[at] = 1
  return copy
}

describe('counts in 3.x messages', () => {
  const readToken = (b: Uint8Array) => {
    assert.equal(little.open(b, 0, b.length), MessageType.orfToken)
    return little.readToken(b, 0, b.length, createOrfToken())
  }
  const readJoin = (b: Uint8Array) => {
    assert.equal(little.open(b, 0, b.length), MessageType.join)
    return little.readJoin(b, 0, b.length, createJoin())
  }
  const readCommit = (b: Uint8Array) => {
    assert.equal(little.open(b, 0, b.length), MessageType.commitToken)
    return little.readCommitToken(b, 0, b.length, createCommitToken())
  }

  it('a token holds 30 requests, not 31, not -1', () => {
    assert.equal(little.maxTokenLength, 57 + 16 * RETRANSMIT_ENTRIES_MAX)
    assert.equal(readToken(patched(samples.TOKEN, 53, 30, 57 + 16 * 30)), true)
    assert.equal(readToken(patched(samples.TOKEN, 53, 30, 57 + 16 * 30 - 1)), false)
    assert.equal(readToken(patched(samples.TOKEN, 53, 31, 57 + 16 * 31)), false)
    assert.equal(readToken(patched(samples.TOKEN, 53, 0xffffffff, 2000)), false)
  })

  it('a join holds lists of 384, not 385', () => {
    const lists = roomy(samples.JOIN, 33, little.joinLength(385, 385))
    const counted = (procs: number, failed: number) => {
      const b = patched(patched(lists, 17, procs), 21, failed)
      return readJoin(b)
    }
    assert.equal(counted(PROCESSOR_COUNT_MAX, PROCESSOR_COUNT_MAX), true)
    assert.equal(counted(PROCESSOR_COUNT_MAX + 1, 0), false)
    assert.equal(counted(0, PROCESSOR_COUNT_MAX + 1), false)
    assert.equal(counted(0xffffffff, 0), false)
    assert.equal(counted(2, 0xffffffff), false)
  })

  it('a commit token holds 384 members, not 385, and its index is one of them or their number', () => {
    const lists = roomy(samples.COMMIT_TOKEN, 41, little.commitTokenLength(385))
    // Ring sequences of the entries must be small numbers.
    lists.fill(0, 41 + 4 * 385)
    assert.equal(readCommit(patched(lists, 37, PROCESSOR_COUNT_MAX)), true)
    assert.equal(readCommit(patched(lists, 37, PROCESSOR_COUNT_MAX + 1)), false)
    assert.equal(readCommit(patched(lists, 37, 0xffffffff)), false)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 33, 0)), true)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 33, 3)), true)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 33, 4)), false)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 33, 0xffffffff)), false)
  })

  it('a short commit token is refused', () => {
    for (let length = 13; length < samples.COMMIT_TOKEN.length; length++) {
      assert.equal(readCommit(samples.COMMIT_TOKEN.subarray(0, length)), false)
    }
  })

  it('bytes behind the end are ignored', () => {
    const longer = (sample: Uint8Array) => Uint8Array.from([...sample, 1, 2, 3])
    assert.equal(readToken(longer(samples.TOKEN)), true)
    assert.equal(readJoin(longer(samples.JOIN)), true)
    assert.equal(readCommit(longer(samples.COMMIT_TOKEN)), true)
  })

  it('ring sequences reach 2^53 - 1', () => {
    const join = createJoin()
    const most = patched(patched(samples.JOIN, 25, 0xffffffff), 29, 0x1fffff)
    assert.equal(little.open(most, 0, most.length), MessageType.join)
    assert.equal(little.readJoin(most, 0, most.length, join), true)
    assert.equal(join.ringSeq, Number.MAX_SAFE_INTEGER)
    assert.equal(readJoin(patched(samples.JOIN, 29, 0x200000)), false)
    assert.equal(readToken(patched(samples.TOKEN, 37, 0x200000)), false)
    assert.equal(readToken(patched(samples.TOKEN, 81, 0x200000)), false)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 25, 0x200000)), false)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 61, 0x200000)), false)
  })

  it('nobody sends nothing and is in no list', () => {
    assert.equal(readJoin(patched(samples.JOIN, 13, 0)), false)
    assert.equal(readJoin(patched(samples.JOIN, 41, 0)), false)
    assert.equal(readJoin(patched(samples.LEAVE, 41, 0)), false)
    assert.equal(readCommit(patched(samples.COMMIT_TOKEN, 45, 0)), false)
    for (const field of [5, 13]) {
      const mcast = patched(samples.MCAST, field, 0)
      assert.equal(little.open(mcast, 0, mcast.length), MessageType.mcast)
      assert.equal(little.readMcast(mcast, 0, mcast.length, createMcastHeader()), false)
    }
    const merge = patched(samples.MERGE_DETECT, 13, 0)
    assert.equal(little.open(merge, 0, merge.length), MessageType.mergeDetect)
    assert.equal(little.readMergeDetect(merge, 0, merge.length, createMergeDetect()), false)
  })
})

/** Plain objects, which deepEqual tells from those without a prototype. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

describe('3.x records survive encoding and decoding', () => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff })
  const s32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
  const node = fc.integer({ min: 1, max: 0xffffffff })
  const seq64 = fc.oneof(fc.maxSafeNat(), fc.nat(100))
  const ring = record({ rep: u32, seq: seq64 })
  const sender = { nodeId: node, targetNodeId: u32 }
  const off = fc.nat(17)
  const wire = fc.constantFrom(...wires)

  /** Encodes with one order and decodes with both. */
  function check<T>(
    type: number,
    record: T,
    at: number,
    length: number,
    write: (buf: Uint8Array, off: number) => number,
    fresh: () => T,
    read: (wire: typeof little, buf: Uint8Array, off: number, len: number, into: T) => boolean,
    writer: typeof little,
  ): void {
    const buf = new Uint8Array(at + length).fill(0xaa)
    assert.equal(write(buf, at), length)
    assert.ok(buf.subarray(0, at).every(b => b === 0xaa))
    for (const reader of wires) {
      const into = fresh()
      assert.equal(reader.open(buf, at, length), type)
      assert.equal(reader.header.foreign, reader !== writer)
      assert.equal(read(reader, buf, at, length, into), true)
      assert.deepEqual(into, record)
    }
  }

  it('tokens', () => {
    const requests = fc.array(record({ ring, seq: u32 }), { maxLength: RETRANSMIT_ENTRIES_MAX })
    const fields = record({
      ...sender,
      seq: u32,
      tokenSeq: u32,
      aru: u32,
      aruAddr: u32,
      ring,
      backlog: u32,
      fcc: u32,
      retransFlag: s32,
    })
    fc.assert(
      fc.property(fields, requests, off, wire, (some, list, at, w) => {
        const token = { ...createOrfToken(), ...some, retransmitCount: list.length }
        list.forEach((request, i) => {
          token.retransmitRings[i] = request.ring
          token.retransmitSeqs[i] = request.seq
        })
        const length = 57 + 16 * list.length
        const write = (buf: Uint8Array, o: number) => w.writeToken(token, buf, o)
        check(0, token, at, length, write, createOrfToken, (r, b, o, l, into) => r.readToken(b, o, l, into), w)
      }),
    )
  })

  it('multicast headers', () => {
    const mcast = record({
      encapsulated: fc.constantFrom(1, 2),
      ...sender,
      systemFrom: node,
      seq: u32,
      thisSeqno: s32,
      ring,
      nodeIdField: u32,
      guarantee: s32,
    })
    fc.assert(
      fc.property(mcast, off, wire, (m, at, w) => {
        const write = (buf: Uint8Array, o: number) => w.writeMcast(m, buf, o)
        check(1, m, at, 45, write, createMcastHeader, (r, b, o, l, into) => r.readMcast(b, o, l, into), w)
      }),
    )
  })

  it('merge detections', () => {
    fc.assert(
      fc.property(record({ ...sender, systemFrom: node, ring }), off, wire, (m, at, w) => {
        const write = (buf: Uint8Array, o: number) => w.writeMergeDetect(m, buf, o)
        check(2, m, at, 29, write, createMergeDetect, (r, b, o, l, into) => r.readMergeDetect(b, o, l, into), w)
      }),
    )
  })

  it('joins and leaves', () => {
    const list = fc.array(node, { maxLength: PROCESSOR_COUNT_MAX })
    const join = record({
      ...sender,
      systemFrom: node,
      leave: fc.boolean(),
      procList: list,
      failedList: list,
      ringSeq: seq64,
    }).map(j => (j.leave ? { ...j, nodeId: 0 } : j))
    fc.assert(
      fc.property(join, off, wire, (j, at, w) => {
        const length = w.joinLength(j.procList.length, j.failedList.length)
        const write = (buf: Uint8Array, o: number) => w.writeJoin(j, buf, o)
        check(3, j, at, length, write, createJoin, (r, b, o, l, into) => r.readJoin(b, o, l, into), w)
      }),
    )
  })

  it('commit tokens', () => {
    const entry = record({ ring, aru: u32, highDelivered: u32, receivedFlag: u32 })
    const token = record({
      ...sender,
      tokenSeq: u32,
      ring,
      retransFlag: s32,
      memberIndex: fc.nat(),
      places: fc.array(record({ member: node, entry }), { maxLength: PROCESSOR_COUNT_MAX }),
    }).map(({ places, ...t }) => ({
      ...t,
      memberIndex: t.memberIndex % (places.length + 1),
      members: places.map(p => p.member),
      entries: places.map(p => p.entry),
    }))
    fc.assert(
      fc.property(token, off, wire, (t, at, w) => {
        const length = w.commitTokenLength(t.members.length)
        const write = (buf: Uint8Array, o: number) => w.writeCommitToken(t, buf, o)
        check(4, t, at, length, write, createCommitToken, (r, b, o, l, into) => r.readCommitToken(b, o, l, into), w)
      }),
    )
  })

  it('hold cancels', () => {
    fc.assert(
      fc.property(record({ ...sender, ring }), off, wire, (c, at, w) => {
        const write = (buf: Uint8Array, o: number) => w.writeTokenHoldCancel(c, buf, o)
        check(5, c, at, 25, write, createTokenHoldCancel, (r, b, o, l, into) => r.readTokenHoldCancel(b, o, l, into), w)
      }),
    )
  })
})

describe('a record that is filled again', () => {
  it('keeps nothing of a longer list', () => {
    const join = createJoin()
    const token = createCommitToken()
    const long = roomy(samples.COMMIT_TOKEN, 41, little.commitTokenLength(3))
    long.fill(0, 41 + 4 * 3)
    assert.equal(little.open(long, 0, long.length), MessageType.commitToken)
    assert.equal(little.readCommitToken(long, 0, long.length, token), true)
    assert.equal(token.entries.length, 3)
    const short = patched(patched(samples.COMMIT_TOKEN, 37, 1), 33, 1)
    short.fill(0, 45)
    assert.equal(little.open(short, 0, short.length), MessageType.commitToken)
    assert.equal(little.readCommitToken(short, 0, short.length, token), true)
    assert.equal(token.entries.length, 1)
    assert.deepEqual(token.members, [1])

    little.open(samples.JOIN, 0, samples.JOIN.length)
    little.readJoin(samples.JOIN, 0, samples.JOIN.length, join)
    little.open(samples.LEAVE, 0, samples.LEAVE.length)
    little.readJoin(samples.LEAVE, 0, samples.LEAVE.length, join)
    assert.deepEqual([join.procList, join.failedList, join.leave], [[1, 2], [3], true])
  })
})
