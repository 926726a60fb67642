// The negotiation before a shutdown, through the requests of programs and the ring.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SHUTDOWN_TIMEOUT_MS } from '../../../../src/services/cfg/service.js'
import { CsError } from '../../../../src/services/errors.js'
import { ShutdownFlag } from '../../../../src/wire/cfg-ipc.js'
import { type CfgClient, type CfgNode, cfgNodes, request } from '../../../support/cfg-node.js'
import { FakeCluster } from '../../../support/fake-ring.js'

const TRACK_START = request(10, 24)
const TRACK_STOP = request(11)
const tryShutdown = (flags: number) => request(3, 24, bytes => bytes.writeUInt32LE(flags, 16))
const reply = (yes: boolean) => request(4, 24, bytes => bytes.writeUInt32LE(yes ? 1 : 0, 16))

const TRY = 9
const REPLY = 13
const TRACKED = 2
const STOPPED = 3

class Scene {
  readonly cluster = new FakeCluster()
  readonly nodes: CfgNode[]
  readonly node: CfgNode
  readonly requester: CfgClient

  constructor(count = 1) {
    this.nodes = cfgNodes(this.cluster, count)
    this.node = this.nodes[0]!
    this.requester = this.node.connect()
  }

  tracker(): CfgClient {
    const tracker = this.node.connect()
    tracker.send(TRACK_START)
    assert.deepEqual(tracker.result(), [TRACKED, CsError.OK])
    return tracker
  }

  run(): void {
    this.cluster.run(this.cluster.rings.at(-1)!)
  }

  get ends(): boolean {
    this.run()
    return this.node.asked.includes('shutdown: Node 1 was shut down by sysadmin')
  }
}

describe('a shutdown that is asked for', () => {
  it('is agreed at once when nobody wants to be asked', () => {
    const scene = new Scene()
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
    assert.ok(scene.ends)
  })

  it('does not ask the requester itself', () => {
    const scene = new Scene()
    scene.requester.send(TRACK_START)
    scene.requester.result()
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
    assert.equal(scene.requester.events.length, 0)
  })

  it('is told to every node, and ends only the one that it is about', () => {
    const scene = new Scene(3)
    scene.requester.send(tryShutdown(ShutdownFlag.immediate))
    assert.ok(scene.ends)
    for (const node of scene.nodes) {
      assert.deepEqual(node.lines(), ['notice CFG Node 1 was shut down by sysadmin'])
      assert.equal(node.asked.length, node === scene.node ? 1 : 0)
    }
  })

  it('asks those who track, with its flags', () => {
    const scene = new Scene()
    const trackers = [scene.tracker(), scene.tracker()]
    scene.requester.send(tryShutdown(ShutdownFlag.regardless))
    assert.equal(scene.requester.answers.length, 0)
    for (const tracker of trackers) {
      const events = tracker.look().map(event => Buffer.from(event))
      assert.equal(events.length, 1)
      assert.deepEqual([events[0]!.readInt32LE(0), events[0]!.length], [10, 32])
      assert.deepEqual([events[0]!.readInt32LE(16), events[0]!.readUInt32LE(24)], [CsError.OK, 1])
    }
  })

  it('is refused when one says no', () => {
    const scene = new Scene()
    const [one, two] = [scene.tracker(), scene.tracker()]
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    one.send(reply(true))
    assert.deepEqual(one.result(), [REPLY, CsError.OK])
    assert.equal(scene.requester.answers.length, 0)
    two.send(reply(false))
    assert.deepEqual(two.result(), [REPLY, CsError.OK])
    assert.deepEqual(scene.requester.result(), [TRY, CsError.BUSY])
    assert.ok(!scene.ends)
  })

  it('is agreed when all say yes', () => {
    const scene = new Scene()
    const trackers = [scene.tracker(), scene.tracker()]
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    for (const tracker of trackers) tracker.send(reply(true))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
    assert.ok(scene.ends)
  })

  it('regardless waits for the votes and then goes on, whatever they are', () => {
    const scene = new Scene()
    const tracker = scene.tracker()
    scene.requester.send(tryShutdown(ShutdownFlag.regardless))
    assert.equal(scene.requester.answers.length, 0)
    tracker.send(reply(false))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
    assert.ok(scene.ends)
  })

  it('immediately asks nobody, also while votes are awaited', () => {
    const scene = new Scene()
    const tracker = scene.tracker()
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    const other = scene.node.connect()
    other.send(tryShutdown(ShutdownFlag.immediate))
    assert.deepEqual(other.result(), [TRY, CsError.OK])
    assert.equal(tracker.events.length, 1)
    assert.ok(scene.ends)
  })

  it('is not taken twice at a time', () => {
    const scene = new Scene()
    const tracker = scene.tracker()
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    const other = scene.node.connect()
    other.send(tryShutdown(ShutdownFlag.regardless))
    assert.deepEqual(other.result(), [TRY, CsError.EXIST])
    tracker.send(reply(false))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.BUSY])
    other.send(tryShutdown(ShutdownFlag.request))
    assert.equal(other.answers.length, 0)
  })

  it('with flags that mean nothing is refused', () => {
    const scene = new Scene()
    scene.requester.send(tryShutdown(3))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.INVALID_PARAM])
    assert.ok(!scene.ends)
  })
})

describe('a vote', () => {
  it('that nobody asked for is refused', () => {
    const scene = new Scene()
    const tracker = scene.tracker()
    tracker.send(reply(true))
    assert.deepEqual(tracker.result(), [REPLY, CsError.ACCESS])
  })

  it('given twice counts once, the last word', () => {
    const scene = new Scene()
    const [one, two] = [scene.tracker(), scene.tracker()]
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    one.send(reply(false))
    one.send(reply(true))
    assert.equal(scene.requester.answers.length, 0)
    two.send(reply(true))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
  })

  it('may come from a program that was not asked', () => {
    const scene = new Scene()
    scene.tracker()
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    scene.node.connect().send(reply(false))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.BUSY])
  })

  it('is a yes when the program stops tracking or goes', () => {
    const scene = new Scene()
    const [one, two] = [scene.tracker(), scene.tracker()]
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    one.send(reply(false))
    one.send(TRACK_STOP)
    one.result()
    assert.deepEqual(one.result(), [STOPPED, CsError.OK])
    assert.equal(scene.requester.answers.length, 0)
    two.disconnect()
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
  })

  it('is awaited of a program that begins to track meanwhile', () => {
    const scene = new Scene()
    const one = scene.tracker()
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    const late = scene.tracker()
    assert.equal(late.events.length, 1)
    late.send(TRACK_START)
    assert.equal(late.events.length, 1)
    one.send(reply(true))
    assert.equal(scene.requester.answers.length, 0)
    late.send(reply(true))
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
  })
})

describe('votes that do not come', () => {
  const START = 1000

  function waiting(flags: number): Scene {
    const scene = new Scene()
    scene.tracker().send(TRACK_START)
    assert.equal(scene.node.cfg.nextDeadline(), Number.POSITIVE_INFINITY)
    scene.requester.send(tryShutdown(flags))
    // The clock has to be looked at before a deadline can be told.
    assert.ok(scene.node.cfg.nextDeadline() <= START)
    scene.node.cfg.expire(START)
    return scene
  }

  it('count as no after five seconds', () => {
    const { node, requester } = waiting(ShutdownFlag.request)
    assert.equal(node.cfg.nextDeadline(), START + SHUTDOWN_TIMEOUT_MS)
    node.cfg.expire(START + SHUTDOWN_TIMEOUT_MS - 1)
    assert.equal(requester.answers.length, 0)
    node.cfg.expire(START + SHUTDOWN_TIMEOUT_MS)
    assert.deepEqual(requester.result(), [TRY, CsError.BUSY])
    assert.equal(node.cfg.nextDeadline(), Number.POSITIVE_INFINITY)
  })

  it('do not keep a shutdown that is regardless', () => {
    const scene = waiting(ShutdownFlag.regardless)
    scene.node.cfg.expire(START + SHUTDOWN_TIMEOUT_MS)
    assert.deepEqual(scene.requester.result(), [TRY, CsError.OK])
    assert.ok(scene.ends)
  })

  it('are awaited as long as cfg.shutdown_timeout says', () => {
    const scene = new Scene()
    scene.tracker()
    scene.node.map.set('cfg.shutdown_timeout', { type: 'u32', value: 700 })
    scene.requester.send(tryShutdown(ShutdownFlag.request))
    scene.node.cfg.expire(START)
    assert.equal(scene.node.cfg.nextDeadline(), START + 700)
  })

  it('are not awaited any more when the requester has gone', () => {
    const { node, requester } = waiting(ShutdownFlag.request)
    requester.disconnect()
    assert.equal(node.cfg.nextDeadline(), Number.POSITIVE_INFINITY)
    const other = node.connect()
    other.send(reply(false))
    assert.deepEqual(other.result(), [REPLY, CsError.ACCESS])
  })

  it('do not matter when the node ends for another reason', () => {
    const { node, requester } = waiting(ShutdownFlag.request)
    node.executive.exit()
    assert.deepEqual(requester.result(), [TRY, CsError.OK])
  })
})
