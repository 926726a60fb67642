// What a program does with the library as a client of a daemon, to be run on the daemon's host: one scenario per name, which
// ends with status 0 when everything was as it must be.
// Run as: node client-scenarios.js SCENARIO [ARGUMENT]. Lines on standard output tell the test how far it is.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  AlreadyJoinedError,
  type Cluster,
  ConnectionError,
  ConnectionLostError,
  connect,
  type Group,
  type GroupEvent,
  NotJoinedError,
  replicate,
  SlowConsumerError,
} from '../../src/index.js'
import { pattern, rejects, serviceChecks } from './service-checks.js'

/** Messages of each member. */
const CHORUS_MESSAGES = 300

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** A line from the test. */
async function told(): Promise<string> {
  const [chunk] = (await once(process.stdin, 'data')) as [Buffer]
  return chunk.toString().trim()
}

/** Takes events until `enough`. */
async function take(group: Group, enough: (events: readonly GroupEvent[]) => boolean): Promise<GroupEvent[]> {
  const events: GroupEvent[] = []
  for await (const event of group) {
    events.push(event)
    if (enough(events)) break
  }
  return events
}

function messages(events: readonly GroupEvent[]): Uint8Array[] {
  return events.flatMap(event => (event.type === 'message' ? [event.data] : []))
}

const scenarios: Readonly<Record<string, (cluster: Cluster, argument: string) => Promise<void>>> = {
  ...serviceChecks,

  async about(cluster, nodes) {
    const ids = nodes.split(',').map(Number)
    assert.ok(ids.includes(cluster.nodeId))
    assert.deepEqual(cluster.nodes, ids)
    assert.deepEqual(cluster.members, ids)
    assert.ok(cluster.ring.seq > 0)
    assert.deepEqual(await cluster.cmap.get('totem.cluster_name'), { type: 'str', value: 'testbed' })
    assert.equal(await cluster.quorum.isQuorate(), true)
    assert.equal(await cluster.quorum.hasProvider(), true)
  },

  /** A change that somebody else makes arrives while this program does nothing. */
  async overheard(cluster) {
    const changes = await cluster.cmap.track('test.overheard')
    say('listening')
    for await (const change of changes) {
      assert.equal(change.key, 'test.overheard')
      break
    }
  },

  async group(cluster) {
    const group = await cluster.cpg.join('scenario')
    await rejects(cluster.cpg.join('scenario'), 'CS_ERR_EXIST')
    const other = await connect()
    await assert.rejects(other.cpg.join('scenario'), AlreadyJoinedError)
    await other.close()
    await group.send('hello')
    await group.send(new Uint8Array(0))
    const self = { nodeId: cluster.nodeId, pid: process.pid }
    assert.deepEqual(group.members, [self])
    const events = await take(group, list => list.filter(event => event.type === 'message').length === 2)
    assert.deepEqual(events[0], {
      type: 'membership',
      members: [self],
      left: [],
      joined: [{ ...self, reason: 'join' }],
    })
    assert.equal(events[1]?.type, 'ring')
    assert.deepEqual(
      messages(events).map(data => Buffer.from(data).toString()),
      ['hello', ''],
    )
    const ending = take(group, () => false)
    await group.leave()
    await assert.rejects(group.send('too late'), NotJoinedError)
    assert.deepEqual(await ending, [
      { type: 'membership', members: [], left: [{ ...self, reason: 'leave' }], joined: [] },
    ])
    await rejects(cluster.cpg.join('x'.repeat(129)), 'CS_ERR_NAME_TOO_LONG')
    for (let n = 0; n < 20; n++) {
      const again = await cluster.cpg.join('scenario')
      await again.leave()
    }
  },

  async sizes(cluster) {
    const group = await cluster.cpg.join('sizes')
    const sizes = [1, 1_047_551, 1_047_552, 1_047_553, 1_048_576, 5 << 20, 3]
    const sent = sizes.map((size, i) => pattern(size, i))
    const sending = Promise.all(sent.map(bytes => group.send(bytes)))
    const received = messages(await take(group, list => messages(list).length === sizes.length))
    await sending
    assert.deepEqual(
      received.map(data => data.length),
      sizes,
    )
    for (const [i, data] of received.entries()) assert.ok(Buffer.from(data).equals(Buffer.from(sent[i]!)), `${i}`)
  },

  /** Everything that was accepted arrives, once and in order, however fast it is sent. */
  async flood(cluster, argument) {
    const [count, bytes] = argument.split('x').map(Number) as [number, number]
    const group = await cluster.cpg.join('flood')
    const sending = (async () => {
      for (let n = 0; n < count; n++) {
        const message = new Uint8Array(bytes)
        new DataView(message.buffer).setUint32(0, n, true)
        await group.send(message)
      }
    })()
    let next = 0
    for await (const event of group) {
      if (event.type !== 'message') continue
      assert.equal(event.data.length, bytes)
      assert.equal(new DataView(event.data.buffer).getUint32(0, true), next)
      if (++next === count) break
    }
    await sending
  },

  /** Members on several hosts all send at once; what each has seen is printed as a fingerprint. */
  async chorus(cluster, argument) {
    const members = Number(argument)
    const group = await cluster.cpg.join('chorus')
    const hash = createHash('sha256')
    let counted = 0
    let messagesLeft = members * CHORUS_MESSAGES
    const sending = async (): Promise<void> => {
      for (let n = 0; n < CHORUS_MESSAGES; n++) await group.send(pattern(10 + ((n * 977) % 20_000), cluster.nodeId + n))
    }
    let sent: Promise<void> | undefined
    for await (const event of group) {
      // Events before everybody is there differ: who came first has seen more of them.
      if (event.type === 'membership' && event.members.length === members) sent ??= sending()
      if (event.type !== 'message') continue
      hash.update(`${event.nodeId} `).update(event.data)
      counted++
      if (--messagesLeft === 0) break
    }
    await sent
    say(`events ${counted} ${hash.digest('hex')}`)
    await group.leave()
  },

  /** Messages of all sizes are sent while the ring changes again and again: each comes back once, in order. */
  async upheaval(cluster) {
    const group = await cluster.cpg.join('upheaval')
    const sizes = [100, 40_000, 3_000_000, 1000, 1_047_552, 10]
    const send = (number: number): Promise<void> => {
      const message = new Uint8Array(sizes[number % sizes.length]!)
      new DataView(message.buffer).setUint32(0, number, true)
      return group.send(message)
    }
    let next = 0
    let rings = 0
    let total: number | undefined
    const receiving = (async () => {
      for await (const event of group) {
        if (event.type === 'ring') rings++
        if (event.type !== 'message') continue
        const number = new DataView(event.data.buffer, event.data.byteOffset).getUint32(0, true)
        assert.equal(number, next)
        assert.equal(event.data.length, sizes[number % sizes.length])
        if (++next === total) break
      }
    })()
    let enough = false
    process.stdin.once('data', () => {
      enough = true
    })
    say('sending')
    let sent = 0
    while (!enough) await send(sent++)
    total = sent + 1
    await send(sent++)
    await receiving
    assert.ok(rings >= 6, `${rings} rings`)
    say(`${sent} messages, ${rings} rings`)
  },

  async slow(cluster) {
    const slow = await connect({ maxQueuedBytes: 1 << 20 })
    const group = await slow.cpg.join('slow')
    const watcher = await cluster.cpg.join('slow').catch(error => error as Error)
    assert.ok(watcher instanceof AlreadyJoinedError)
    const sending = (async () => {
      for (let n = 0; n < 10_000; n++) await group.send(new Uint8Array(50_000))
    })()
    await assert.rejects(sending, SlowConsumerError)
    await assert.rejects(
      take(group, () => false),
      SlowConsumerError,
    )
    await slow.close()
  },

  async directory(cluster) {
    const other = await connect()
    const names = ['directory.b', 'directory.a']
    const groups = [await cluster.cpg.join(names[0]!), await other.cpg.join(names[1]!)]
    const self = { nodeId: cluster.nodeId, pid: process.pid }
    const found = await cluster.cpg.groups()
    assert.deepEqual(
      found.filter(name => names.includes(name)),
      ['directory.a', 'directory.b'],
    )
    assert.deepEqual(await cluster.cpg.members('directory.a'), [self])
    assert.deepEqual(await cluster.cpg.members('directory.nobody'), [])
    const processes = (await cluster.cpg.processes()).filter(({ group }) => names.includes(group))
    assert.deepEqual(
      processes.sort((a, b) => (a.group < b.group ? -1 : 1)),
      ['directory.a', 'directory.b'].map(group => ({ group, ...self })),
    )
    await Promise.all(groups.map(group => group.leave()))
    await other.close()
  },

  async configuration(cluster, transport) {
    const { cfg } = cluster
    assert.equal(await cfg.localNodeId(), cluster.nodeId)
    assert.deepEqual(await cfg.addresses(), [`10.77.0.${cluster.nodeId}`])
    assert.deepEqual(await cfg.addresses(2), ['10.77.0.2'])
    await rejects(cfg.addresses(99), 'CS_ERR_NOT_EXIST')
    const [link, ...others] = await cfg.ringStatus()
    assert.deepEqual(others, [])
    assert.equal(link?.name, `0 10.77.0.${cluster.nodeId}`)
    assert.equal(link?.status, transport === 'knet' ? 'n33' : 'OK')
    const status = await cfg.nodeStatus(2)
    assert.equal(status.reachable, true)
    assert.equal(status.links[0]?.enabled, true)
    assert.equal(status.links[0]?.connected, true)
    await cfg.reopenLogFiles()
    await cfg.reload()
    await rejects(cfg.kill(99, 'nobody there'), 'CS_ERR_NOT_EXIST')
    await rejects(cfg.kill(99, 'x'.repeat(300)), 'CS_ERR_NAME_TOO_LONG')
  },

  /** The file is wrong now. */
  async misconfiguration(cluster) {
    await rejects(cluster.cfg.reload(), 'CS_ERR_INVALID_PARAM')
  },

  async votes(cluster) {
    const { votequorum } = cluster
    const own = await votequorum.info()
    assert.equal(own.nodeId, cluster.nodeId)
    const { expectedVotes, highestExpected, totalVotes, quorum, quorate, state } = own
    assert.deepEqual(
      { expectedVotes, highestExpected, totalVotes, quorum, quorate, state },
      { expectedVotes: 3, highestExpected: 3, totalVotes: 3, quorum: 2, quorate: true, state: 'member' },
    )
    assert.equal(own.twoNode, false)
    assert.deepEqual(own.device, {
      name: '',
      votes: 0,
      registered: false,
      alive: false,
      castsVote: false,
      masterWins: false,
    })
    assert.equal((await votequorum.info(2)).votes, 1)
    await rejects(votequorum.info(99), 'CS_ERR_NOT_EXIST')
    await rejects(votequorum.setExpected(1), 'CS_ERR_INVALID_PARAM')
    await rejects(votequorum.setVotes(99, 1), 'CS_ERR_NAME_NOT_FOUND')
    const tracking = await votequorum.track()
    const seen: string[] = []
    const following = (async () => {
      for await (const event of tracking) {
        if (event.type === 'nodes') seen.push(`nodes ${event.members}`)
        else if (event.type === 'expected') seen.push(`expected ${event.votes}`)
        else {
          const nodes = event.nodes.map(({ nodeId, state }) => `${nodeId}:${state}`).sort()
          seen.push(`quorum ${event.quorate} ${nodes}`)
        }
        if (event.type === 'expected' && event.votes === 3) break
      }
    })()
    await votequorum.setExpected(4)
    while ((await votequorum.info()).expectedVotes !== 4) await new Promise(resolve => setTimeout(resolve, 5))
    await votequorum.setExpected(3)
    await following
    await tracking.stop()
    assert.deepEqual(seen, ['nodes 1,2,3', 'quorum true 1:member,2:member,3:member', 'expected 4', 'expected 3'])
    await votequorum.setVotes(2, 2)
    while ((await votequorum.info()).totalVotes !== 4) await new Promise(resolve => setTimeout(resolve, 5))
    await votequorum.setVotes(2, 1)
  },

  /** A quorum device of a cluster whose configuration has one. */
  async device(cluster) {
    const { device } = cluster.votequorum
    const ring = { nodeId: cluster.ring.nodeId, seq: cluster.ring.seq }
    await rejects(device.poll('test', true, ring), 'CS_ERR_NOT_EXIST')
    await rejects(device.register(''), 'CS_ERR_INVALID_PARAM')
    await device.register('test')
    await rejects(device.register('other'), 'CS_ERR_EXIST')
    await rejects(device.poll('test', true, { ...ring, seq: ring.seq + 4 }), 'CS_ERR_MESSAGE_ERROR')
    await rejects(device.poll('other', true, ring), 'CS_ERR_INVALID_PARAM')
    await device.poll('test', true, ring)
    const { device: state } = await cluster.votequorum.info()
    assert.deepEqual(state, {
      name: 'test',
      votes: 1,
      registered: true,
      alive: true,
      castsVote: true,
      masterWins: false,
    })
    await device.setMasterWins('test', true)
    assert.equal((await cluster.votequorum.info()).device.masterWins, true)
    await device.setMasterWins('test', false)
    await rejects(device.rename('other', 'newer'), 'CS_ERR_INVALID_PARAM')
    await device.rename('test', 'newer')
    while ((await cluster.votequorum.info()).device.name !== 'newer') await new Promise(r => setTimeout(r, 5))
    await device.unregister('newer')
    await rejects(device.unregister('newer'), 'CS_ERR_NOT_EXIST')
  },

  /** Somebody refuses that the daemon ends. */
  async veto(cluster) {
    const other = await connect()
    const questions = await cluster.cfg.trackShutdown()
    await rejects(cluster.cfg.trackShutdown(), 'CS_ERR_EXIST')
    const asking = rejects(other.cfg.tryShutdown(), 'CS_ERR_BUSY')
    for await (const question of questions) {
      assert.equal(question.kind, 'request')
      await rejects(other.cpg.join('x'.repeat(129)), 'CS_ERR_NAME_TOO_LONG')
      const third = await connect()
      await rejects(third.cfg.tryShutdown(), 'CS_ERR_EXIST')
      await third.close()
      await question.reply(false)
      // The daemon of 3.1.7 answers ACCESS, which its own library does not tell.
      await rejects(question.reply(false), 'CS_ERR_ACCESS')
      break
    }
    await asking
    await questions.stop()
    await other.close()
  },

  /** Everybody agrees. */
  async shutdown(cluster) {
    const other = await connect()
    const questions = await cluster.cfg.trackShutdown()
    const ended = once(cluster, 'end')
    const asking = other.cfg.tryShutdown().catch(error => error as Error)
    for await (const question of questions) {
      await question.reply(true).catch(error => assert.ok(error instanceof ConnectionLostError))
      break
    }
    // The daemon may be gone before it answers.
    const outcome = await asking
    assert.ok(outcome === undefined || outcome instanceof ConnectionLostError, String(outcome))
    const [error] = (await ended) as [Error]
    assert.ok(error instanceof ConnectionLostError)
  },

  /** Another node's daemon is told to go. */
  async kill(cluster, argument) {
    const victim = Number(argument)
    const gone = (async () => {
      const tracking = await cluster.quorum.track()
      for await (const event of tracking) if (event.type === 'nodes' && event.left.includes(victim)) break
      await tracking.stop()
    })()
    await cluster.cfg.kill(victim, 'told to by a test')
    await gone
    while (cluster.members.includes(victim)) await once(cluster, 'ring')
    assert.ok(!cluster.members.includes(victim))
  },

  /** The daemon is killed while everything waits for something. */
  async bereaved(cluster) {
    const group = await cluster.cpg.join('bereaved')
    const changes = await cluster.cmap.track('test.nothing')
    await cluster.stats.get('stats.pg.msg_reserved')
    await cluster.quorum.isQuorate()
    const iteration = assert.rejects(
      take(group, () => false),
      ConnectionLostError,
    )
    const tracking = assert.rejects(changes[Symbol.asyncIterator]().next(), ConnectionLostError)
    const ended = once(cluster, 'end')
    say('ready')
    // Stopped first: these get no answer.
    assert.equal(await told(), 'stopped')
    const calls = [cluster.cmap.get('totem.version'), cluster.stats.get('stats.x'), cluster.quorum.isQuorate()]
    const settled = Promise.all(calls.map(call => assert.rejects(call, ConnectionLostError)))
    say('waiting')
    await once(process.stdin, 'data')
    const killed = performance.now()
    await settled
    await iteration
    await tracking
    const [error] = (await ended) as [Error]
    assert.ok(error instanceof ConnectionLostError)
    assert.equal(error.code, 'CS_ERR_LIBRARY')
    await rejects(group.send('x'), 'CS_ERR_LIBRARY')
    await rejects(cluster.cmap.get('totem.version'), 'CS_ERR_LIBRARY')
    await rejects(cluster.cpg.join('other'), 'CS_ERR_LIBRARY')
    await assert.rejects(connect(), ConnectionError)
    const took = performance.now() - killed
    assert.ok(took < 1000, `${took} ms`)
  },

  /** Replicas on several hosts, each behind its own daemon. */
  async replica(cluster, argument) {
    const [expected, own] = argument.split(',').map(Number) as [number, number]
    let sum = 0
    const replica = await replicate(cluster, 'sum', {
      apply: command => {
        sum += Number(Buffer.from(command).toString())
        return sum
      },
      snapshot: () => Buffer.from(String(sum)),
      restore: bytes => {
        sum = Number(Buffer.from(bytes).toString())
      },
    })
    await replica.active()
    await replica.submit(Buffer.from(String(own)))
    while (sum !== expected) await new Promise(resolve => setTimeout(resolve, 10))
    say('done')
    assert.equal(await told(), 'end')
    await replica.close()
  },
}

const [name = '', argument = ''] = process.argv.slice(2)
const scenario = scenarios[name]
if (scenario === undefined) throw new Error(`no scenario '${name}'`)
const cluster = await connect()
await scenario(cluster, argument)
await cluster.close()
process.stdin.destroy()
