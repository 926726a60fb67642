import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CpgAddress, CpgReason, type CpgReasonCode } from '../../../src/services/cpg/types.js'
import { Checker } from '../../../src/sim/checker/checker.js'
import { GroupChecker, type Session } from '../../../src/sim/checker/groups.js'
import { writeMessage } from '../../../src/sim/workload/message.js'

const RING = { nodeId: 1, seq: 4 }
const NEXT = { nodeId: 1, seq: 8 }
const GROUP = 'group'

/** Two nodes on one ring, a program with pid 10 on node 1 and one with pid 20 on node 2. */
class Stage {
  readonly checker = new Checker()
  readonly groups = new GroupChecker(this.checker.model)
  readonly one: Session
  readonly two: Session
  #seq = 0

  constructor() {
    for (const nodeId of [1, 2]) this.install(this.checker.start(nodeId), RING, [1, 2])
    this.one = this.groups.begin(10, GROUP, this.checker.model.processes[0]!)
    this.two = this.groups.begin(20, GROUP, this.checker.model.processes[1]!)
  }

  /** Both have joined, and know it. */
  joined(): this {
    this.change(this.one, [[1, 10]], [], [[1, 10, CpgReason.JOIN]])
    for (const session of [this.one, this.two]) {
      this.change(
        session,
        [
          [1, 10],
          [2, 20],
        ],
        [],
        [[2, 20, CpgReason.JOIN]],
      )
    }
    return this
  }

  install(process: number, ring: { nodeId: number; seq: number }, members: number[]): void {
    const before = this.checker.model.processes[process]!.view?.ring
    const previous = before === undefined ? { nodeId: 0, seq: 0 } : { nodeId: before.nodeId, seq: before.seq }
    const along = before === undefined ? [] : members
    for (const [kind, list] of [
      ['transitional', along],
      ['regular', members],
    ] as const) {
      this.checker.configured(process, { kind, members: list, left: [], joined: [], ring, previous })
    }
    this.groups.installed(this.checker.model.processes[process]!)
  }

  change(
    receiver: Session,
    members: [number, number][],
    left: [number, number, CpgReasonCode][],
    joined: [number, number, CpgReasonCode][],
  ): void {
    const address = ([nodeId, pid, reason]: [number, number, CpgReasonCode?]): CpgAddress => ({
      nodeId,
      pid,
      reason: reason ?? CpgReason.UNDEFINED,
    })
    this.groups.membershipChanged(receiver, {
      group: new TextEncoder().encode(GROUP),
      members: members.map(address),
      left: left.map(address),
      joined: joined.map(address),
    })
  }

  /** The program's next message, as its bytes. */
  accept(sender: Session, length = 40): Uint8Array {
    const bytes = new Uint8Array(length)
    writeMessage(bytes, sender.pid, sender.places.length, 7, length)
    this.groups.accepted(sender, 7, length)
    return bytes
  }

  /** A packet that carries the next deliveries goes through both nodes. */
  packet(receivers: readonly Session[]): void {
    const seq = ++this.#seq
    this.checker.numbered(0, RING, seq, 1)
    for (const receiver of receivers) this.checker.delivered(receiver.process.index, RING, seq, 1, 1)
  }

  deliver(receiver: Session, sender: Session, bytes: Uint8Array): void {
    this.groups.delivered(receiver, sender.process.nodeId, sender.pid, bytes, 0, bytes.length)
  }

  get found(): string[] {
    return [...new Set(this.checker.violations.map(violation => violation.property))]
  }
}

describe('the checker of groups', () => {
  it('finds nothing in a correct history', () => {
    const stage = new Stage().joined()
    const { one, two, groups } = stage
    for (const length of [40, 0, 5, 2000]) {
      const bytes = stage.accept(one, length)
      stage.packet([one, two])
      stage.deliver(one, one, bytes)
      stage.deliver(two, one, bytes)
    }
    groups.ending(two, 'leave')
    for (const session of [one, two]) stage.change(session, [[1, 10]], [[2, 20, CpgReason.LEAVE]], [])
    groups.finish()
    assert.deepEqual(stage.found, [])
  })

  it('finds a message from nobody (B1)', () => {
    const stage = new Stage().joined()
    stage.groups.delivered(stage.one, 2, 99, new Uint8Array(4), 0, 4)
    assert.deepEqual(stage.found, ['B1'])
  })

  it('finds a message delivered twice (B2)', () => {
    const stage = new Stage().joined()
    const bytes = stage.accept(stage.one)
    stage.deliver(stage.two, stage.one, bytes)
    stage.deliver(stage.two, stage.one, bytes)
    assert.deepEqual(stage.found, ['B2'])
  })

  it('finds a message with a changed byte (B5)', () => {
    const stage = new Stage().joined()
    const bytes = stage.accept(stage.one, 100)
    bytes[60]! ^= 1
    stage.deliver(stage.two, stage.one, bytes)
    assert.deepEqual(stage.found, ['B5'])
  })

  it('finds a short message with a changed byte (B5)', () => {
    const stage = new Stage().joined()
    // The first saw the second join, so it knows which message has to come.
    const bytes = stage.accept(stage.two, 3)
    bytes[2]! ^= 1
    stage.deliver(stage.one, stage.two, bytes)
    assert.deepEqual(stage.found, ['B5'])
  })

  it('finds messages of one sender out of order (B6)', () => {
    const stage = new Stage().joined()
    const messages = [stage.accept(stage.one), stage.accept(stage.one), stage.accept(stage.one)]
    stage.deliver(stage.two, stage.one, messages[0]!)
    stage.deliver(stage.two, stage.one, messages[1]!)
    stage.deliver(stage.two, stage.one, messages[0]!)
    assert.deepEqual(stage.found, ['B6'])
  })

  it('finds a message that is missing at another member (D2)', () => {
    const stage = new Stage().joined()
    stage.accept(stage.two)
    stage.deliver(stage.one, stage.two, stage.accept(stage.two))
    assert.deepEqual(stage.found, ['D2'])
  })

  it('finds a message that never comes back (D1)', () => {
    const stage = new Stage().joined()
    stage.accept(stage.one)
    stage.groups.finish()
    assert.deepEqual(stage.found, ['D1'])
  })

  it('finds replicated logs that differ (D2)', () => {
    const stage = new Stage().joined()
    const { one, two } = stage
    stage.groups.beginReplica(one, 0)
    const messages = [stage.accept(one), stage.accept(two)]
    stage.packet([one, two])
    stage.deliver(one, one, messages[0]!)
    stage.deliver(one, two, messages[1]!)
    stage.deliver(two, one, messages[0]!)
    two.expected.set(two.pid, 1)
    stage.groups.finish()
    assert.deepEqual(stage.found, ['D2'])
  })

  it('finds a delivery before the end of the synchronisation (S1)', () => {
    const stage = new Stage().joined()
    const bytes = stage.accept(stage.one)
    for (const process of [0, 1]) stage.install(process, NEXT, [1, 2])
    stage.deliver(stage.two, stage.one, bytes)
    assert.deepEqual(stage.found, ['S1'])
  })

  it('accepts the same delivery once the group service is synchronised', () => {
    const stage = new Stage().joined()
    const bytes = stage.accept(stage.one)
    for (const process of [0, 1]) stage.install(process, NEXT, [1, 2])
    stage.groups.ringChanged(stage.two, NEXT)
    stage.deliver(stage.two, stage.one, bytes)
    assert.deepEqual(stage.found, [])
  })

  it('finds a member list that does not follow from the events (S2)', () => {
    const stage = new Stage().joined()
    stage.groups.ending(stage.two, 'leave')
    stage.change(
      stage.one,
      [
        [1, 10],
        [2, 20],
      ],
      [[2, 20, CpgReason.LEAVE]],
      [],
    )
    assert.deepEqual(stage.found, ['S2'])
  })

  it('finds a leave of one that was not a member (S2)', () => {
    const stage = new Stage()
    stage.change(stage.one, [[1, 10]], [], [[1, 10, CpgReason.JOIN]])
    stage.change(stage.one, [[1, 10]], [[2, 20, CpgReason.NODEDOWN]], [])
    assert.deepEqual(stage.found, ['S2'])
  })

  it('finds a join of one that is a member already (S2)', () => {
    const stage = new Stage().joined()
    stage.change(
      stage.one,
      [
        [1, 10],
        [2, 20],
      ],
      [],
      [[2, 20, CpgReason.NODEUP]],
    )
    assert.deepEqual(stage.found, ['S2'])
  })

  it('finds members that disagree about the members at the end (S2)', () => {
    const stage = new Stage().joined()
    stage.change(stage.one, [[1, 10]], [[2, 20, CpgReason.NODEDOWN]], [])
    stage.groups.finish()
    assert.deepEqual(stage.found, ['S2'])
  })

  it('finds a message completed by different packets (S3)', () => {
    const stage = new Stage().joined()
    const bytes = stage.accept(stage.one)
    stage.packet([stage.one, stage.two])
    stage.deliver(stage.one, stage.one, bytes)
    stage.packet([stage.one, stage.two])
    stage.deliver(stage.two, stage.one, bytes)
    assert.deepEqual(stage.found, ['S3'])
  })

  it('finds different membership events behind the same rings (S3)', () => {
    const stage = new Stage().joined()
    for (const process of [0, 1]) stage.install(process, NEXT, [1, 2])
    for (const session of [stage.one, stage.two]) stage.groups.ringChanged(session, NEXT)
    const third = { nodeId: 1, seq: 12 }
    for (const process of [0, 1]) stage.install(process, third, [1, 2])
    const pids = [30, 31]
    for (const pid of pids) stage.groups.begin(pid, GROUP, stage.checker.model.processes[0]!)
    for (const pid of pids) {
      const before: [number, number][] = [
        [1, 10],
        [2, 20],
        ...pids.slice(0, pids.indexOf(pid)).map((p): [number, number] => [1, p]),
      ]
      stage.change(stage.one, [...before, [1, pid]], [], [[1, pid, CpgReason.JOIN]])
    }
    for (const pid of pids.toReversed()) {
      const before: [number, number][] = [[1, 10], [2, 20], ...(pid === 30 ? [[1, 31] as [number, number]] : [])]
      stage.change(stage.two, [...before, [1, pid]], [], [[1, pid, CpgReason.JOIN]])
    }
    for (const process of [0, 1]) stage.install(process, { nodeId: 1, seq: 16 }, [1, 2])
    assert.deepEqual(stage.found, ['S3'])
  })

  it('finds a message to one that has not joined, or has left (S4)', () => {
    const before = new Stage()
    const bytes = before.accept(before.one)
    before.deliver(before.one, before.one, bytes)
    assert.deepEqual(before.found, ['S4'])

    const after = new Stage().joined()
    const late = after.accept(after.one)
    after.groups.ending(after.two, 'leave')
    after.change(after.two, [[1, 10]], [[2, 20, CpgReason.LEAVE]], [])
    after.deliver(after.two, after.one, late)
    assert.deepEqual(after.found, ['S4'])
  })

  it('finds reasons that do not match what happened (S5)', () => {
    const cases: ((stage: Stage) => void)[] = [
      stage => stage.change(stage.one, [[1, 10]], [[2, 20, CpgReason.LEAVE]], []),
      stage => stage.change(stage.one, [[1, 10]], [[2, 20, CpgReason.PROCDOWN]], []),
      stage => stage.change(stage.one, [[1, 10]], [[2, 20, CpgReason.JOIN]], []),
      stage =>
        stage.change(
          stage.one,
          [
            [1, 10],
            [2, 20],
            [2, 77],
          ],
          [],
          [[2, 77, CpgReason.JOIN]],
        ),
      stage => {
        stage.groups.begin(30, GROUP, stage.checker.model.processes[0]!)
        stage.change(
          stage.one,
          [
            [1, 10],
            [2, 20],
            [1, 30],
          ],
          [],
          [[1, 30, CpgReason.LEAVE]],
        )
      },
    ]
    for (const act of cases) {
      const stage = new Stage().joined()
      act(stage)
      assert.deepEqual(stage.found, ['S5'])
    }
  })
})
