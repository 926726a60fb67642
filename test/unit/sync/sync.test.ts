import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Synchronisation } from '../../../src/sync/sync.js'
import {
  BARRIER_LENGTH,
  createBarrier,
  createServiceBuild,
  readBarrier,
  readServiceBuild,
  SERVICE_BUILD_LENGTH,
  writeBarrier,
  writeServiceBuild,
} from '../../../src/wire/sync.js'

const RING = { nodeId: 1, seq: 9 }
const LITTLE = true

/** A barrier layer alone, whose messages go nowhere by themselves; everything that happens is noted in order. */
function layer(ids: readonly number[] = [0, 2]) {
  const happened: string[] = []
  const state = { room: true, tokens: 0, share: new Map<number, boolean>() }
  const sync = new Synchronisation({
    littleEndian: LITTLE,
    send: (buf, off, len) => {
      if (!state.room) return false
      happened.push(describeMessage(buf, off, len))
      return true
    },
    requestToken: () => {
      state.tokens++
    },
    completed: () => happened.push('completed'),
    log: () => {},
  })
  for (const id of ids) {
    sync.register({
      id,
      name: `service ${id}`,
      sync: {
        init: (transitional, members, ring) => {
          happened.push(`init ${id} [${transitional}] [${members}] ${ring.nodeId}.${ring.seq}`)
        },
        process: () => {
          happened.push(`process ${id}`)
          return state.share.get(id) ?? true
        },
        activate: () => happened.push(`activate ${id}`),
        abort: () => happened.push(`abort ${id}`),
      },
    })
  }
  /** What happened since the last look. */
  const look = () => happened.splice(0)
  return { sync, state, look }
}

function describeMessage(buf: Uint8Array, off: number, len: number): string {
  const [barrier, build] = [createBarrier(), createServiceBuild()]
  if (readBarrier(buf, off, len, LITTLE, barrier)) return `barrier ${barrier.ring.rep}.${barrier.ring.seq}`
  if (readServiceBuild(buf, off, len, LITTLE, build)) {
    return `build ${build.ring.rep}.${build.ring.seq} [${build.services}]`
  }
  return 'something else'
}

function build(services: readonly number[], little = LITTLE, ring = RING): Uint8Array {
  const bytes = new Uint8Array(SERVICE_BUILD_LENGTH)
  const message = createServiceBuild()
  message.ring = { rep: ring.nodeId, seq: ring.seq }
  message.services = [...services]
  writeServiceBuild(message, bytes, 0, little)
  return bytes
}

function barrier(little = LITTLE, ring = RING): Uint8Array {
  const bytes = new Uint8Array(BARRIER_LENGTH)
  writeBarrier({ ring: { rep: ring.nodeId, seq: ring.seq } }, bytes, 0, little)
  return bytes
}

function give(sync: Synchronisation, bytes: Uint8Array, origin: number, little = LITTLE): void {
  sync.receive(bytes, 0, bytes.length, origin, little)
}

/** All of one step: the token has been here, then the barriers of these nodes come. */
function step(sync: Synchronisation, members: readonly number[]): void {
  sync.tokenSent()
  for (const node of members) give(sync, barrier(), node)
}

describe('a synchronisation', () => {
  it('takes the services one after the other through share, barrier, activation', () => {
    const { sync, look } = layer([2, 0])
    sync.transitional([1])
    sync.regular([1, 2], RING)
    assert.deepEqual(look(), ['build 1.9 [0,2]', 'init 0 [1] [1,2] 1.9', 'init 2 [1] [1,2] 1.9'])
    assert.equal(sync.running, true)
    give(sync, build([0, 2]), 2)
    sync.tokenSent()
    assert.deepEqual(look(), [], 'nothing before all lists are there')
    give(sync, build([0, 2]), 1)
    sync.tokenSent()
    assert.deepEqual(look(), ['process 0', 'barrier 1.9'])
    give(sync, barrier(), 1)
    assert.deepEqual(look(), [])
    give(sync, barrier(), 2)
    assert.deepEqual(look(), ['activate 0'])
    step(sync, [2, 1])
    assert.deepEqual(look(), ['process 2', 'barrier 1.9', 'activate 2', 'completed'])
    assert.equal(sync.running, false)
    assert.equal(sync.stats.completed, 1)
  })

  it('hands on only those of the transitional members that came to the ring', () => {
    const { sync, look } = layer([0])
    sync.transitional([1, 2, 3])
    sync.regular([1, 3], RING)
    assert.deepEqual(look()[1], 'init 0 [1,3] [1,3] 1.9')
  })

  it('asks for the token whenever it has work to do', () => {
    const { sync, state } = layer([0])
    sync.transitional([])
    sync.regular([1], RING)
    state.tokens = 0
    give(sync, build([0]), 1)
    assert.equal(state.tokens, 1)
    step(sync, [1])
    assert.equal(state.tokens, 1)
  })

  it('walks through services that only others have without doing anything', () => {
    const { sync, look } = layer([0, 3])
    sync.transitional([1])
    sync.regular([1, 2], RING)
    give(sync, build([5, 2, 0]), 2)
    give(sync, build([0, 3]), 1)
    look()
    for (let i = 0; i < 4; i++) step(sync, [1, 2])
    assert.deepEqual(look(), [
      'process 0',
      'barrier 1.9',
      'activate 0',
      'barrier 1.9',
      'process 3',
      'barrier 1.9',
      'activate 3',
      'barrier 1.9',
      'completed',
    ])
  })

  it('forgets such services with the next ring', () => {
    const { sync, look } = layer([0])
    sync.transitional([1])
    sync.regular([1, 2], RING)
    give(sync, build([0, 5]), 2)
    sync.transitional([1])
    const next = { nodeId: 1, seq: 13 }
    sync.regular([1], next)
    give(sync, build([0], LITTLE, next), 1)
    look()
    sync.tokenSent()
    give(sync, barrier(LITTLE, next), 1)
    assert.deepEqual(look(), ['process 0', 'barrier 1.13', 'activate 0', 'completed'])
  })

  it('counts a barrier that comes before the own one has been sent', () => {
    const { sync, look } = layer([0])
    sync.transitional([1])
    sync.regular([1, 2], RING)
    give(sync, build([0]), 1)
    give(sync, build([0]), 2)
    give(sync, barrier(), 2)
    sync.tokenSent()
    look()
    give(sync, barrier(), 1)
    assert.deepEqual(look(), ['activate 0', 'completed'])
  })

  it('understands nodes of either byte order', () => {
    const { sync, look } = layer([0])
    sync.transitional([1])
    sync.regular([1, 2], RING)
    give(sync, build([0, 7], false), 2, false)
    give(sync, build([0]), 1)
    sync.tokenSent()
    give(sync, barrier(false), 2, false)
    look()
    give(sync, barrier(), 1)
    sync.tokenSent()
    give(sync, barrier(false), 2, false)
    give(sync, barrier(), 1)
    assert.deepEqual(look(), ['activate 0', 'barrier 1.9', 'completed'])
  })
})

describe('when the queue is full', () => {
  it('the service list goes out after a later token', () => {
    const { sync, state, look } = layer([0])
    state.room = false
    sync.transitional([])
    sync.regular([1], RING)
    assert.deepEqual(look(), ['init 0 [] [1] 1.9'])
    sync.tokenSent()
    state.room = true
    sync.tokenSent()
    sync.tokenSent()
    assert.deepEqual(look(), ['build 1.9 [0]'])
  })

  it('a service is asked again until it has sent its share', () => {
    const { sync, state, look } = layer([0])
    sync.transitional([])
    sync.regular([1], RING)
    give(sync, build([0]), 1)
    look()
    state.share.set(0, false)
    sync.tokenSent()
    sync.tokenSent()
    assert.deepEqual(look(), ['process 0', 'process 0'])
    state.share.set(0, true)
    sync.tokenSent()
    assert.deepEqual(look(), ['process 0', 'barrier 1.9'])
  })

  it('the barrier waits, but the share is not sent twice', () => {
    const { sync, state, look } = layer([0])
    sync.transitional([])
    sync.regular([1], RING)
    give(sync, build([0]), 1)
    look()
    state.room = false
    sync.tokenSent()
    assert.deepEqual(look(), ['process 0'])
    state.room = true
    sync.tokenSent()
    sync.tokenSent()
    assert.deepEqual(look(), ['barrier 1.9'])
  })
})

describe('a change that comes before the end', () => {
  const next = { nodeId: 2, seq: 13 }

  function untilProcess() {
    const made = layer()
    made.sync.transitional([1])
    made.sync.regular([1, 2], RING)
    give(made.sync, build([0, 2]), 1)
    give(made.sync, build([0, 2]), 2)
    made.look()
    return made
  }

  it('counts those as away who were away in any ring since the service was last active', () => {
    const { sync, look } = layer([0])
    sync.transitional([])
    sync.regular([1, 2, 3], RING)
    for (const node of [1, 2, 3]) give(sync, build([0]), node)
    step(sync, [1, 2, 3])
    look()
    // 3 is away for one ring and back in the next, whose synchronisation does not finish either.
    for (const [seq, along, members] of [
      [13, [1, 2], [1, 2]],
      [17, [1, 2], [1, 2, 3]],
    ] as const) {
      sync.transitional(along)
      sync.regular(members, { nodeId: 1, seq })
    }
    look()
    const last = { nodeId: 1, seq: 21 }
    sync.transitional([1, 2, 3])
    sync.regular([1, 2, 3], last)
    assert.ok(look().includes('init 0 [1,2] [1,2,3] 1.21'), '3 has to be taken for one that comes anew')
    // Once the service is active again, the past is past.
    for (const node of [1, 2, 3]) give(sync, build([0], LITTLE, last), node)
    sync.tokenSent()
    for (const node of [1, 2, 3]) give(sync, barrier(LITTLE, last), node)
    sync.transitional([1, 2, 3])
    sync.regular([1, 2, 3], { nodeId: 1, seq: 25 })
    assert.ok(look().includes('init 0 [1,2,3] [1,2,3] 1.25'))
  })

  it('aborts the service that is sending its share', () => {
    const { sync, look } = untilProcess()
    sync.transitional([1])
    assert.deepEqual(look(), ['abort 0'])
    sync.tokenSent()
    assert.deepEqual(look(), [])
    assert.equal(sync.running, true)
    assert.equal(sync.stats.aborted, 1)
  })

  it('aborts the service that waits at its barrier, and not one that is active', () => {
    const { sync, look } = untilProcess()
    step(sync, [1, 2])
    sync.tokenSent()
    look()
    sync.transitional([1])
    assert.deepEqual(look(), ['abort 2'])
  })

  it('leaves services alone that have only been initialised', () => {
    const { sync, look } = layer()
    sync.transitional([1])
    sync.regular([1, 2], RING)
    look()
    sync.transitional([1])
    assert.deepEqual(look(), [])
  })

  it('makes late messages of the old ring count for nothing', () => {
    const { sync, look } = untilProcess()
    sync.tokenSent()
    sync.transitional([1])
    give(sync, barrier(), 1)
    give(sync, barrier(), 2)
    sync.regular([1, 2], next)
    look()
    give(sync, build([0, 2]), 1)
    give(sync, build([0, 2]), 2)
    give(sync, barrier(), 1)
    give(sync, barrier(), 2)
    sync.tokenSent()
    assert.deepEqual(look(), [])
    assert.equal(sync.state, 'build')
    assert.ok(sync.stats.oldRingMessages >= 6)
    give(sync, build([0, 2], LITTLE, next), 1)
    give(sync, build([0, 2], LITTLE, next), 2)
    sync.tokenSent()
    assert.deepEqual(look(), ['process 0', 'barrier 2.13'])
  })

  it('does not let a service list that never fitted out on the next ring', () => {
    const { sync, state, look } = layer([0])
    state.room = false
    sync.transitional([])
    sync.regular([1], RING)
    sync.transitional([1])
    state.room = true
    sync.tokenSent()
    assert.deepEqual(look(), ['init 0 [] [1] 1.9'])
  })
})

describe('messages that cannot be', () => {
  function started() {
    const made = layer([0])
    made.sync.transitional([1])
    made.sync.regular([1, 2], RING)
    made.look()
    return made
  }

  it('are rejected at every length and with every wrong byte, without an exception', () => {
    for (const good of [build([0, 2]), barrier()]) {
      for (let length = 0; length < good.length; length++) {
        const { sync, look } = started()
        sync.receive(good.subarray(0, length), 0, length, 2, LITTLE)
        assert.equal(sync.stats.rejectedMessages, 1, `length ${length}`)
        assert.deepEqual(look(), [])
      }
      for (let at = 0; at < 48 && at < good.length; at++) {
        const { sync } = started()
        const bad = good.slice()
        bad[at]! ^= 0xff
        give(sync, bad, 2)
        assert.equal(sync.running, true)
      }
    }
  })

  it('of nodes that are no members count for nothing', () => {
    const { sync } = started()
    give(sync, build([0]), 1)
    give(sync, build([0]), 3)
    assert.equal(sync.state, 'build')
    assert.equal(sync.stats.rejectedMessages, 1)
  })

  it('sent twice count once', () => {
    const { sync } = started()
    give(sync, build([0]), 2)
    give(sync, build([0]), 2)
    assert.equal(sync.state, 'build')
  })

  it('out of their order change nothing', () => {
    const { sync, look } = started()
    give(sync, barrier(), 2)
    give(sync, build([0]), 1)
    give(sync, build([0]), 2)
    give(sync, build([0, 5]), 2)
    sync.tokenSent()
    look()
    give(sync, barrier(), 1)
    assert.deepEqual(look(), [], 'the barrier before the lists does not count')
    give(sync, barrier(), 2)
    assert.deepEqual(look(), ['activate 0', 'completed'])
  })

  it('before any ring and after the end are ignored', () => {
    const { sync, look } = layer([0])
    give(sync, barrier(), 1)
    sync.transitional([])
    sync.regular([1], RING)
    give(sync, build([0]), 1)
    step(sync, [1])
    look()
    give(sync, barrier(), 1)
    give(sync, build([0]), 1)
    sync.tokenSent()
    assert.deepEqual(look(), [])
    assert.equal(sync.running, false)
  })
})
