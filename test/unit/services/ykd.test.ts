// Dynamic linear voting beyond what was captured.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LiveMap } from '../../../src/services/cmap/live-map.js'
import { Ykd } from '../../../src/services/ykd/ykd.js'
import type { QuorumView } from '../../../src/wire/quorum-ipc.js'
import { writeYkdAttempt, writeYkdState, YKD_STATE_LENGTH, type YkdState } from '../../../src/wire/ykd.js'
import { FakeCluster } from '../../support/fake-ring.js'
import { LibraryClient } from '../../support/library-client.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'

const LITTLE = true

/** One machine whose peers the test plays. */
class Played {
  readonly reports: QuorumView[] = []
  readonly sent: Uint8Array[] = []
  room = true
  readonly ykd = new Ykd({
    nodeId: 1,
    littleEndian: LITTLE,
    log: () => {},
    requestToken() {},
    send: (buf, off, len) => {
      if (this.room) this.sent.push(buf.slice(off, off + len))
      return this.room
    },
    report: view => this.reports.push(view),
  })

  ring(...members: number[]): void {
    this.ykd.configurationChanged(members, { nodeId: members[0]!, seq: 4 })
  }

  state(origin: number, state: Partial<YkdState> = {}, little = LITTLE): void {
    const buf = new Uint8Array(YKD_STATE_LENGTH)
    const lastPrimary = { members: [origin], id: 0 }
    writeYkdState({ lastPrimary, ambiguous: [], sessionId: 0, ...state }, buf, 0, little)
    this.ykd.receive(buf, 0, buf.length, origin, little)
  }

  attempt(origin: number, little = LITTLE): void {
    const buf = new Uint8Array(4)
    writeYkdAttempt(buf, 0, little)
    this.ykd.receive(buf, 0, buf.length, origin, little)
  }

  get primary(): boolean {
    return this.reports.at(-1)?.quorate ?? false
  }

  /** Whether it attempts to be primary. */
  attempts(): boolean {
    this.ykd.tokenSent()
    return this.sent.splice(0).some(bytes => bytes.length === 4)
  }
}

describe('a membership', () => {
  const decides = (states: readonly [number, Partial<YkdState>][], ...members: number[]) => {
    const node = new Played()
    node.ring(...members)
    for (const [origin, state] of states) node.state(origin, state)
    return node.attempts()
  }

  it('needs half of the newest primary one', () => {
    const newest = (...members: number[]): Partial<YkdState> => ({ lastPrimary: { members, id: 3 }, sessionId: 3 })
    assert.equal(
      decides(
        [
          [1, {}],
          [2, newest(2, 3)],
        ],
        1,
        2,
      ),
      true,
    )
    assert.equal(
      decides(
        [
          [1, {}],
          [2, newest(2, 3, 4)],
        ],
        1,
        2,
      ),
      false,
    )
    assert.equal(
      decides(
        [
          [1, newest(1, 2, 3, 4)],
          [2, newest(1, 2, 3, 4)],
        ],
        1,
        2,
      ),
      true,
    )
  })

  it('goes by the first of two that are equally new, as they come', () => {
    const lost = { lastPrimary: { members: [1, 5, 6], id: 2 }, sessionId: 2 }
    const kept = { lastPrimary: { members: [2], id: 2 }, sessionId: 2 }
    assert.equal(
      decides(
        [
          [2, kept],
          [1, lost],
        ],
        1,
        2,
      ),
      true,
    )
    assert.equal(
      decides(
        [
          [1, lost],
          [2, kept],
        ],
        1,
        2,
      ),
      false,
    )
  })

  it('needs half of every attempt that may have succeeded after that', () => {
    const attempt = (...members: number[]): Partial<YkdState> => ({ ambiguous: [{ members, id: 7 }] })
    assert.equal(
      decides(
        [
          [1, {}],
          [2, attempt(2, 3)],
        ],
        1,
        2,
      ),
      true,
    )
    assert.equal(
      decides(
        [
          [1, {}],
          [2, attempt(2, 3, 4)],
        ],
        1,
        2,
      ),
      false,
    )
  })

  it('is primary when everybody attempts, and not before', () => {
    const node = new Played()
    node.ring(1, 2)
    node.state(2)
    node.state(1)
    assert.ok(node.attempts())
    node.attempt(1)
    assert.ok(!node.primary)
    node.attempt(2)
    assert.ok(node.primary)
    node.ring(1)
    assert.ok(!node.primary)
  })

  it('understands peers of the other byte order', () => {
    const node = new Played()
    node.ring(1, 2)
    node.state(1)
    node.state(2, { lastPrimary: { members: [2], id: 0x01020304 }, sessionId: 0x01020304 }, !LITTLE)
    assert.ok(node.attempts())
    node.attempt(1)
    node.attempt(2, !LITTLE)
    assert.ok(node.primary)
  })
})

describe('the machine', () => {
  it('takes no notice of strangers and of what is no message', () => {
    const node = new Played()
    node.ring(1, 2)
    node.state(1)
    node.state(3)
    node.ykd.receive(new Uint8Array(3), 0, 3, 2, LITTLE)
    assert.equal(node.attempts(), false)
    node.state(2)
    assert.equal(node.attempts(), true)
  })

  it('says what did not fit the queue when the token has been there', () => {
    const node = new Played()
    node.room = false
    node.ring(1)
    assert.equal(node.sent.length, 0)
    node.room = true
    node.ykd.tokenSent()
    assert.equal(node.sent.length, 1)
    node.ykd.tokenSent()
    assert.equal(node.sent.length, 1)
  })

  it('is never primary with more nodes than its messages have room for', () => {
    const node = new Played()
    node.ring(...Array.from({ length: 33 }, (_, i) => i + 1))
    assert.equal(node.sent.length, 0)
    assert.equal(node.primary, false)
    node.ring(1)
    assert.equal(node.sent.length, 1)
  })

  it('keeps as many attempts as the message has room for', () => {
    const node = new Played()
    for (let i = 0; i < 40; i++) {
      node.ring(1, 2)
      node.state(1)
      node.state(2)
      assert.ok(node.attempts(), `${i}`)
    }
  })
})

describe('programs on a ring with dynamic linear voting', () => {
  it('hear of no quorum and then of quorum, both before they hear who came and went', () => {
    const cluster = new FakeCluster()
    const nodes = [1, 2].map((id): ServiceNode => {
      const map = new LiveMap()
      map.set('quorum.provider', { type: 'str', value: 'corosync_ykd' })
      return startNode(cluster, id, { map })
    })
    const client = new LibraryClient(nodes[0]!.quorum.library)
    client.request(4, 24, view => view.setUint32(16, 1, true))
    client.request(1, 24, view => view.setUint32(16, 4, true))
    cluster.run(cluster.form([1, 2]))
    const heard = client.look().map(event => [event[0], event[24]])
    assert.deepEqual(heard.slice(0, 2), [
      [6, 0],
      [6, 1],
    ])
    assert.deepEqual(
      heard.map(([kind]) => kind),
      [6, 6, 7],
    )
    assert.ok(nodes[0]!.logged.includes('notice YKD This processor is within the primary component.'))
  })
})
