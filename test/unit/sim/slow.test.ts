// One slow program by hand, on a service that a test speaks for: what is told too late, twice, not at all or otherwise
// breaks S6, and so does an end that comes too early or never.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalMembers } from '../../../src/daemon/local-members.js'
import type { CpgListener } from '../../../src/services/cpg/types.js'
import { CsError } from '../../../src/services/errors.js'
import { factoryFor } from '../../../src/sim/run.js'
import type { SlowPlan } from '../../../src/sim/scenario.js'
import { generateScenario } from '../../../src/sim/scenario.js'
import { Simulation } from '../../../src/sim/simulation.js'
import { SlowProgram } from '../../../src/sim/workload/slow.js'
import type { WorkloadContext } from '../../../src/sim/workload/types.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'

const PLAN: SlowPlan = { takeMs: 100, takeEvents: 1, ringBytes: 1024, maxQueuedBytes: 10_000 }

type Change = (channel: CpgListener) => CpgListener

function stage(change: Change = channel => channel, boundOfExecutive = PLAN.maxQueuedBytes) {
  const failures: string[] = []
  const scenario = generateScenario(1, { nodes: 1, engine: 'node' })
  const wire = () => createGeneration3()
  const simulation = new Simulation(scenario, { factory: factoryFor(scenario), wire })
  const context = {
    ...simulation,
    fail: (property: string, _host: unknown, text: string) => failures.push(`${property} ${text}`),
    tell: () => {},
  } as unknown as WorkloadContext
  const program = new SlowProgram(context, PLAN, simulation.hosts[0]!, 500_000, 'group')
  let listener: CpgListener | undefined
  const service = {
    connect: (given: CpgListener) => {
      listener = given
      return {
        // Not joined: what follows are events of nobody's session.
        join: () => CsError.TRY_AGAIN,
        leave: () => CsError.OK,
        mcast: () => CsError.OK,
        mcastPartial: () => CsError.OK,
        membership: () => [],
        close: () => {},
      }
    },
  }
  const members = new LocalMembers({
    cpg: { connect: channel => program.connect(service, change(channel)) },
    nodeId: 1,
    ringUser: () => {},
    maxQueuedBytes: boundOfExecutive,
  })
  members.add(program.memory)
  const tell = (count: number, length = 100) => {
    for (let i = 0; i < count; i++) listener!.deliver(1, 1000, new Uint8Array(length).fill(i), 0, length)
  }
  const take = (count: number) => {
    const roomMade = program.take(count)
    if (roomMade) members.service()
    return roomMade
  }
  const takeAll = () => {
    while (take(Number.POSITIVE_INFINITY)) {}
  }
  return { failures, program, tell, take, takeAll }
}

/** The channel's listener with another `deliver`. */
function delivering(deliver: (channel: CpgListener, ...message: Parameters<CpgListener['deliver']>) => void): Change {
  return channel => ({
    deliver: (...message) => deliver(channel, ...message),
    deliverPartial: (...piece) => channel.deliverPartial(...piece),
    membershipChanged: membership => channel.membershipChanged(membership),
    ringChanged: (...ring) => channel.ringChanged(...ring),
  })
}

describe('a slow program', () => {
  it('gets everything in order, however late it comes', () => {
    const { failures, program, tell, take, takeAll } = stage()
    tell(20)
    take(1)
    // Longer than the ring.
    tell(1, 1500)
    take(3)
    takeAll()
    assert.deepEqual(failures, [])
    assert.equal(program.waiting, 0)
    assert.equal(program.over, false)
  })

  it('is told when it was cut off, after what fitted', () => {
    const { failures, program, tell, takeAll } = stage()
    tell(200)
    takeAll()
    assert.deepEqual(failures, [])
    assert.equal(program.over, true)
  })

  const broken: [name: string, change: Change, message: RegExp][] = [
    [
      'an event that does not come',
      delivering((channel, nodeId, pid, buf, off, len) => {
        if (buf[0] !== 7) channel.deliver(nodeId, pid, buf, off, len)
      }),
      /not the next one/,
    ],
    [
      'an event that comes twice',
      delivering((channel, ...message) => {
        channel.deliver(...message)
        if (message[2][0] === 7) channel.deliver(...message)
      }),
      /not the next one/,
    ],
    [
      'an event of other bytes',
      delivering((channel, nodeId, pid, buf, off, len) => {
        channel.deliver(nodeId, pid, buf[0] === 7 ? new Uint8Array(len) : buf, off, len)
      }),
      /not the next one/,
    ],
    [
      'an event of another sender',
      delivering((channel, nodeId, pid, ...bytes) => channel.deliver(nodeId, pid + 1, ...bytes)),
      /not the next one/,
    ],
  ]
  for (const [name, change, message] of broken) {
    it(`notices ${name} (S6)`, () => {
      const { failures, tell, takeAll } = stage(change)
      tell(20)
      takeAll()
      assert.match(failures[0] ?? 'none', /^S6 /)
      assert.match(failures[0]!, message)
    })
  }

  it('notices that it was cut off although little was waiting (S6)', () => {
    const { failures, tell, takeAll } = stage(undefined, 500)
    tell(20)
    takeAll()
    assert.match(failures[0] ?? 'none', /^S6 .* was cut off although little was waiting/)
  })

  it('notices that it is never cut off (S6)', () => {
    const { failures, tell, takeAll } = stage(undefined, 1 << 30)
    tell(200)
    takeAll()
    assert.match(failures[0] ?? 'none', /^S6 .* got an event behind more than 10000 bytes/)
  })
})
