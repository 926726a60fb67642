// The library over real sockets on 127.0.0.x, with both engines.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { check } from '../../../src/cli/check.js'
import {
  type Cluster,
  ConfigurationError,
  EngineError,
  type Group,
  type NodeDescription,
  replicate,
  type StartOptions,
  startNode,
} from '../../../src/index.js'
import { Child } from '../../support/child.js'
import { freeUdpPort } from '../../support/free-port.js'

const LIBRARY_PROCESS = fileURLToPath(new URL('../../support/library-process.js', import.meta.url))
const WAIT_MS = 20_000

const open: Cluster[] = []
const directory = mkdtempSync(join(tmpdir(), 'corosync-ts-'))
after(async () => {
  await Promise.all(open.map(cluster => cluster.close()))
  rmSync(directory, { recursive: true, force: true })
})

function describeNodes(count: number, port: number, token = 400): (nodeId: number) => NodeDescription {
  const nodes = Array.from({ length: count }, (_, i) => ({ nodeId: i + 1, address: `127.0.0.${i + 1}` }))
  return nodeId => ({ nodeId, nodes, port, token, totem: { token_coefficient: 0 } })
}

async function start(options: StartOptions): Promise<Cluster> {
  const cluster = await startNode(options)
  open.push(cluster)
  return cluster
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  while (!condition()) {
    assert.ok(performance.now() < deadline, `not within ${WAIT_MS} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

async function ringOf(clusters: readonly Cluster[]): Promise<void> {
  await until(`a ring of ${clusters.length}`, () => clusters.every(c => c.members.length === clusters.length))
}

/** Why a member went, first of all that went. */
async function firstLoss(group: Group): Promise<string | undefined> {
  for await (const event of group) {
    if (event.type === 'membership' && event.left.length > 0) return event.left[0]?.reason
  }
  return undefined
}

/** A recorded ring of one, judged: what the judge says, and its status. */
async function recordedAlone(engine: 'native' | 'dgram'): Promise<{ status: number; report: string }> {
  const record = join(directory, `trace-${engine}`)
  const cluster = await start({ config: describeNodes(1, await freeUdpPort())(1), engine, record })
  const group = await cluster.cpg.join('recorded')
  await group.send(new Uint8Array(100))
  await messages(group, 1)
  await cluster.close()
  const lines: string[] = []
  const status = check([record], line => lines.push(line), assert.fail)
  return { status, report: lines.join('\n') }
}

async function messages(group: Group, count: number): Promise<Uint8Array[]> {
  const list: Uint8Array[] = []
  for await (const event of group) if (event.type === 'message' && list.push(event.data) === count) break
  return list
}

describe('a recorded node', () => {
  for (const engine of ['native', 'dgram'] as const) {
    it(`can be judged afterwards, engine ${engine}`, async () => {
      const { status, report } = await recordedAlone(engine)
      assert.equal(status, 0, report)
      assert.match(report, /^engines of node 1\n {2}B1 +no invention +kept +[1-9]/)
    })
  }
  it('does not start where it cannot be recorded', async () => {
    const config = describeNodes(1, await freeUdpPort())(1)
    await assert.rejects(startNode({ config, record: join(directory, 'none', 'trace') }), EngineError)
  })
})

const COMBINATIONS = [
  ['native', 'native'],
  ['dgram', 'dgram'],
  ['native', 'dgram'],
] as const

for (const engines of COMBINATIONS) {
  describe(`a cluster of engines ${engines.join(' and ')}`, () => {
    it('forms a ring, carries messages of every size in one order, and loses a node that closes', async () => {
      // With node:dgram both nodes share this thread with the test: nothing here depends on how soon a token is missed.
      const describeNode = describeNodes(2, await freeUdpPort(), 5000)
      const clusters = await Promise.all(engines.map((engine, i) => start({ config: describeNode(i + 1), engine })))
      const [one, two] = clusters as [Cluster, Cluster]
      assert.deepEqual([one.nodeId, two.nodeId, one.nodes], [1, 2, [1, 2]])
      await ringOf(clusters)
      assert.deepEqual(one.ring, two.ring)

      const groups = await Promise.all(clusters.map(cluster => cluster.cpg.join('g')))
      const sizes = [0, 1, 1400, 60_000, 1_047_552, 3_000_000]
      await Promise.all(groups.flatMap(group => sizes.map(size => group.send(new Uint8Array(size).fill(size & 0xff)))))
      const received = await Promise.all(groups.map(group => messages(group, 2 * sizes.length)))
      assert.deepEqual(
        received[0]!.map(data => data.length),
        received[1]!.map(data => data.length),
      )
      for (const data of received[0]!) assert.ok(data.every(byte => byte === (data.length & 0xff)))

      await two.close()
      assert.equal(await firstLoss(groups[0]!), 'procdown')
      await until('node 2 is off the ring', () => one.members.length === 1)
      await one.close()
    })
  })
}

describe('a node in a program', () => {
  it('keeps a replicated state machine, and takes it over to a node that comes later', async () => {
    const describeNode = describeNodes(2, await freeUdpPort())
    const machine = () => {
      let total = 0
      return {
        apply: (command: Uint8Array) => {
          total += command[0]!
          return total
        },
        snapshot: () => Uint8Array.of(total),
        restore: (bytes: Uint8Array) => {
          total = bytes[0]!
        },
      }
    }
    const one = await start({ config: describeNode(1) })
    const a = await replicate(one, 'sum', machine())
    assert.equal(await a.submit(Uint8Array.of(5)), 5)
    const two = await start({ config: describeNode(2) })
    const b = await replicate(two, 'sum', machine())
    assert.equal(await b.submit(Uint8Array.of(7)), 12)
    assert.equal(await a.submit(Uint8Array.of(1)), 13)
    await Promise.all([one.close(), two.close()])
  })

  it('is configured by a file like a daemon, and keeps its ring id where that says', async () => {
    const port = await freeUdpPort()
    const file = join(directory, 'corosync.conf')
    writeFileSync(
      file,
      `totem { version: 2\n transport: udpu\n token: 400\n interface {\n linknumber: 0\n mcastport: ${port}\n }\n }
       nodelist {\n node {\n ring0_addr: 127.0.0.1\n nodeid: 1\n }\n }\n system {\n state_dir: ${directory}\n }\n`.replace(
        'totem { ',
        'totem {\n ',
      ),
    )
    const cluster = await start({ config: file })
    assert.deepEqual(cluster.members, [1])
    assert.ok(readdirSync(directory).includes('ringid_1'))
    const first = cluster.ring.seq
    await cluster.close()
    const again = await start({ config: file })
    assert.ok(again.ring.seq > first)
    await again.close()
  })

  it('logs when it is asked to, and only then', async () => {
    const describeNode = describeNodes(1, await freeUdpPort())
    const lines: string[] = []
    const cluster = await start({
      config: describeNode(1),
      log: ({ level, subsystem }) => lines.push(`${level} ${subsystem}`),
      logLevel: 'notice',
    })
    await cluster.close()
    assert.ok(lines.includes('notice TOTEM'))
    assert.ok(!lines.some(line => line.startsWith('debug')))
  })

  it('says what is wrong with its configuration, and where', async () => {
    await assert.rejects(startNode({ config: join(directory, 'missing.conf') }), (error: unknown) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, /missing\.conf/)
      assert.equal(error.code, 'CS_ERR_INVALID_PARAM')
      return true
    })
    const nodes = [{ nodeId: 1, address: '127.0.0.1' }]
    const bad = (description: Partial<NodeDescription>) => startNode({ config: { nodeId: 1, nodes, ...description } })
    await assert.rejects(bad({ nodeId: 2 }), /no node of the description has the id 2/)
    await assert.rejects(bad({ nodes: [...nodes, { nodeId: 1, address: '127.0.0.2' }] }), ConfigurationError)
    await assert.rejects(bad({ totem: { token: 'soon' } }), /token/)
    await assert.rejects(bad({ clusterName: 'a\nb: c' }), { code: 'CS_ERR_INVALID_PARAM' })
    await assert.rejects(bad({ totem: { transport: 'knet' } }), /knet/)
  })

  for (const engine of ['native', 'dgram'] as const) {
    it(`fails to start, with the reason, when its address is not there (${engine})`, async () => {
      const nodes = [{ nodeId: 1, address: '192.0.2.1' }]
      await assert.rejects(startNode({ config: { nodeId: 1, nodes }, engine }), (error: unknown) => {
        assert.ok(error instanceof EngineError)
        assert.match(error.message, /192\.0\.2\.1/)
        return true
      })
    })

    it(`fails to start, with the reason, when it cannot keep its ring id (${engine})`, async () => {
      const describeNode = describeNodes(1, await freeUdpPort())
      const stateDir = join(directory, 'nowhere')
      await assert.rejects(startNode({ config: describeNode(1), engine, stateDir }), /nowhere/)
    })
  }
})

describe('a program that ends', () => {
  async function other(how: string, engine = 'native') {
    const describeNode = describeNodes(2, await freeUdpPort(), 2000)
    const one = await start({ config: describeNode(1) })
    const group = await one.cpg.join('g')
    const child = new Child(process.execPath, [LIBRARY_PROCESS, JSON.stringify(describeNode(2)), engine, how])
    return { one, group, child }
  }

  for (const [how, code] of [
    ['exit', 7],
    ['throw', 1],
  ] as const) {
    it(`by '${how}' takes its node off the ring before the token is missed`, async () => {
      const { one, child } = await other(how)
      try {
        await child.until(/on the ring/)
        const ended = await child.ended
        const since = performance.now()
        assert.equal(ended.code, code)
        await until('node 2 is off the ring', () => one.members.length === 1)
        // The token's timeout alone is 2000 ms.
        assert.ok(performance.now() - since < 1500)
      } finally {
        await child.stop()
        await one.close()
      }
    })
  }

  for (const engine of ['native', 'dgram']) {
    it(`by closing its cluster has nothing left to do (${engine})`, async () => {
      const { one, group, child } = await other('close', engine)
      try {
        const ended = await child.ended
        assert.equal(ended.code, 0, child.stderr)
        assert.match(child.stdout, /closed/)
        assert.equal(await firstLoss(group), 'procdown')
      } finally {
        await child.stop()
        await one.close()
      }
    })
  }

  it('or rather works hard for longer than the token may take does not leave the ring', async () => {
    const { one, child } = await other('busy')
    try {
      const rings: number[] = []
      one.on('ring', ({ members }) => rings.push(members.length))
      const ended = await child.ended
      assert.equal(ended.code, 0, child.stderr)
      assert.match(child.stdout, /awake, ring of 2\nthen ring of 2/)
      await until('node 2 is off the ring', () => one.members.length === 1)
      // It came, stayed through the three seconds, and went.
      assert.equal(rings.indexOf(1), rings.length - 1, rings.join())
    } finally {
      await child.stop()
      await one.close()
    }
  })
})

describe('a program that joins and leaves again and again', () => {
  it('resolves every leave, and uses the memory of channels again', async () => {
    const cluster = await start({ config: describeNodes(1, await freeUdpPort())(1), engine: 'native' })
    for (let i = 0; i < 300; i++) {
      const group = await cluster.cpg.join(`group ${i}`, { onEvent() {} })
      await group.send('hello')
      await group.leave()
    }
    // A channel takes 2 MiB.
    const bytes = process.memoryUsage().arrayBuffers
    assert.ok(bytes < 100 << 20, `${(bytes / 2 ** 20).toFixed(0)} MiB in buffers`)
  })
})
