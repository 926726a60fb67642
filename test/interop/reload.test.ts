// A reload on live rings of C daemons and ours: what changes on every node, what cannot, and what a broken file leaves alone.
// The text of the tools and the order of the map's changes are the business of tools.test.ts.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { type DaemonKind, daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip, until } from '../support/testbed.js'

const RINGS = daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'ours'], ['c', 'ours', 'c'])
const SETTLE_MS = 20_000
const TOKEN_MS = 1000

/** A ring whose files the test edits. */
class Ring {
  readonly cluster: ServiceCluster

  constructor(cluster: ServiceCluster) {
    this.cluster = cluster
  }

  /** Changes the files of these nodes; all by default. */
  edit(change: (text: string) => string, nodes: readonly number[] = this.cluster.nodes): void {
    for (const node of nodes) {
      const { configFile } = this.cluster.host(node)
      const before = readFileSync(configFile, 'utf8')
      const after = change(before)
      assert.notEqual(after, before, 'an edit that changes nothing')
      writeFileSync(configFile, after)
    }
  }

  /** The exit code of `corosync-cfgtool -R` on this node. */
  async reload(node = 1): Promise<number | null> {
    return (await this.cluster.host(node).run('corosync-cfgtool', ['-R'])).code
  }

  async key(node: number, key: string): Promise<string | undefined> {
    return (await this.cluster.host(node).cmap(key)).get(key)
  }

  /** Waits until this key has this value on these nodes: each reads its own file in its own time. */
  async expect(key: string, value: string | undefined, nodes: readonly number[] = this.cluster.nodes): Promise<void> {
    for (const node of nodes) {
      let seen: string | undefined
      await until(
        `${key} = ${value} on node ${node}`,
        SETTLE_MS,
        async () => {
          seen = await this.key(node, key)
          return seen === value ? true : undefined
        },
        () => `${seen}\n${this.cluster.log(node).slice(-3000)}`,
      )
    }
  }

  /** Waits for a line of what quorumtool shows, on these nodes. */
  async quorum(line: RegExp, nodes: readonly number[] = this.cluster.nodes): Promise<void> {
    for (const node of nodes) {
      let shown = ''
      await until(
        `${line} on node ${node}`,
        SETTLE_MS,
        async () => {
          shown = (await this.cluster.host(node).run('corosync-quorumtool', ['-s'])).stdout
          return line.test(shown) ? true : undefined
        },
        () => shown,
      )
    }
  }
}

const token = (text: string, value: string) => text.replace(/token: \S+/, `token: ${value}`)

/** Without the section of this node in the nodelist. */
function withoutNode(text: string, node: number): string {
  return text.replace(new RegExp(`  node \\{\\n    nodeid: ${node}\\n[^}]*\\}\\n`), '')
}

for (const kinds of RINGS) {
  describe(`a reload on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let ring: Ring
    let original: string[]
    before(async () => {
      ring = new Ring(await ServiceCluster.form(kinds))
      original = ring.cluster.nodes.map(node => readFileSync(ring.cluster.host(node).configFile, 'utf8'))
    })
    after(() => ring?.cluster.down())

    const restore = () => {
      for (const [i, node] of ring.cluster.nodes.entries()) {
        writeFileSync(ring.cluster.host(node).configFile, original[i] ?? '')
      }
    }
    // C daemons lose lines of their logs while they reload, now and then: only their maps are looked at.
    const ours = ([...kinds.entries()] as [number, DaemonKind][]).flatMap(([i, kind]) =>
      kind === 'ours' ? [i + 1] : [],
    )

    it('gives the token another timeout on every node, and the ring goes on', async () => {
      const rings = () => ring.cluster.log(2).match(/A new membership/g)?.length
      const before = rings()
      ring.edit(text => token(text, '2000').replace(/ *consensus: .*\n/, ''))
      assert.equal(await ring.reload(2), 0)
      await ring.expect('runtime.config.totem.token', '2000')
      await ring.expect('runtime.config.totem.token_retransmit', '476')
      await ring.expect('runtime.config.totem.consensus', '2400')
      assert.equal(rings(), before)
    })

    it('is what the token is lost by from then on', async () => {
      const cluster = ring.cluster
      cluster.partition([1, 2], [3])
      const pattern = /token timed out \((\d+)ms\)/
      await until('the loss of the token', SETTLE_MS, () => (pattern.test(cluster.log(1)) ? true : undefined))
      assert.equal(pattern.exec(cluster.log(1))?.[1], '2000')
      await cluster.settled([1, 2])
      cluster.heal()
      await cluster.settled()
    })

    it('changes expected votes', async () => {
      ring.edit(text =>
        text.replace('provider: corosync_votequorum', 'provider: corosync_votequorum\n  expected_votes: 5'),
      )
      assert.equal(await ring.reload(), 0)
      await ring.quorum(/^Expected votes: +5$/m)
      await ring.quorum(/^Quorum: +3 +$/m)
      restore()
      assert.equal(await ring.reload(), 0)
      await ring.expect('runtime.config.totem.token', String(TOKEN_MS))
    })

    it('changes what is logged', async () => {
      const subsystem = '  logger_subsys {\n    subsys: CFG\n    debug: on\n  }\n'
      ring.edit(text => text.replace('timestamp: hires\n', `timestamp: hires\n${subsystem}`))
      assert.equal(await ring.reload(3), 0)
      await ring.expect('logging.logger_subsys.CFG.debug', 'on')
      restore()
      ring.edit(text => text.replace('timestamp: hires\n', 'timestamp: off\n  debug: on\n'))
      assert.equal(await ring.reload(3), 0)
      await ring.expect('logging.debug', 'on')
      // What is said at a reload, once everything is said.
      assert.equal(await ring.reload(3), 0)
      for (const node of ours) {
        await until(`debug lines without time on node ${node}`, SETTLE_MS, () =>
          /^\[\d+\] \S+ corosync ?debug +\[VOTEQ *\] Reading configuration/m.test(ring.cluster.log(node))
            ? true
            : undefined,
        )
      }
      restore()
      assert.equal(await ring.reload(3), 0)
      await ring.expect('logging.debug', undefined)
    })

    it('takes a node out, and lets it in again', async () => {
      ring.edit(text => withoutNode(text, 3), [1, 2])
      assert.equal(await ring.reload(), 0)
      await ring.expect('nodelist.node.2.nodeid', undefined, [1, 2])
      await ring.cluster.settled([1, 2])
      assert.deepEqual(await ring.cluster.host(1).joinedNodes(), [1, 2])
      const { code } = await ring.cluster.host(1).run('corosync-cfgtool', ['-a', '3'])
      assert.equal(code, 1)
      restore()
      assert.equal(await ring.reload(), 0)
      await ring.cluster.settled()
      assert.deepEqual(await ring.cluster.host(1).joinedNodes(), [1, 2, 3])
    })

    it('tells everybody the version of a file', async () => {
      ring.edit(text => text.replace('version: 2\n', 'version: 2\n  config_version: 7\n'), [2])
      assert.equal(await ring.reload(), 0)
      await ring.expect('runtime.members.2.config_version', '7')
      await ring.expect('runtime.members.1.config_version', '0')
      restore()
      assert.equal(await ring.reload(), 0)
    })

    it('leaves what cannot change, and says so', async () => {
      ring.edit(text =>
        text.replace('cluster_name: testbed', 'cluster_name: other').replace('transport: udpu', 'transport: udp'),
      )
      assert.equal(await ring.reload(), 0)
      for (const node of ours) {
        for (const key of ['totem.cluster_name', 'totem.transport']) {
          const line = `Modified entry '${key}' in corosync.conf cannot be changed at run-time`
          await until(
            `"${line}" on node ${node}`,
            SETTLE_MS,
            () => (ring.cluster.log(node).includes(line) ? true : undefined),
            () => ring.cluster.log(node).slice(-3000),
          )
        }
      }
      await ring.expect('totem.cluster_name', 'testbed')
      await ring.expect('totem.transport', 'udpu')
      restore()
      assert.equal(await ring.reload(), 0)
    })

    it('of a broken file changes nothing on that node, and the others have theirs', async () => {
      const before = await ring.cluster.host(1).cmap('totem.')
      ring.edit(text => token(text, '1500'))
      ring.edit(text => token(text, '2s'), [1])
      assert.equal(await ring.reload(1), 7)
      await ring.expect('runtime.config.totem.token', '1500', [2, 3])
      assert.equal(await ring.key(1, 'runtime.config.totem.token'), String(TOKEN_MS))
      assert.deepEqual(await ring.cluster.host(1).cmap('totem.'), before)
      if (ours.includes(1)) {
        assert.match(ring.cluster.log(1), /Unable to reload config file: parser error: .*"2s" was given/)
        // The C daemon forgets to take its flag down.
        await ring.expect('config.totemconfig_reload_in_progress', '0', [1])
      }
      restore()
      assert.equal(await ring.reload(2), 0)
      await ring.expect('runtime.config.totem.token', String(TOKEN_MS))
    })

    it('of a file that cannot be used fails, too', async () => {
      ring.edit(text => text.replace(/token: \S+/, '$&\n  token_warning: 200'), [1])
      assert.equal(await ring.reload(1), 7)
      assert.equal(await ring.key(1, 'runtime.config.totem.token_warning'), '75')
      await ring.expect('config.reload_status', '7', [1])
      restore()
      assert.equal(await ring.reload(1), 0)
      await ring.expect('config.reload_status', '1', [1])
    })

    it('again and again from everywhere at once is answered every time', async () => {
      const orders = Array.from({ length: 12 }, (_, i) => ring.reload((i % 3) + 1))
      assert.deepEqual(
        (await Promise.all(orders)).filter(code => code !== 0),
        [],
      )
      await ring.expect('config.totemconfig_reload_in_progress', '0')
    })
  })
}

describe('users of a uidgid section', { skip: interopSkip() }, () => {
  it('are let in from the reload on, and out by the next', async t => {
    if (!RINGS.some(kinds => kinds.includes('ours'))) return t.skip('needs our daemon')
    const ring = new Ring(await ServiceCluster.form(['ours']))
    try {
      const host = ring.cluster.host(1)
      const asNobody = async () =>
        (await host.run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'corosync-cmapctl', 'totem.']))
          .code
      assert.notEqual(await asNobody(), 0)
      ring.edit(text => `${text}uidgid {\n  uid: 65534\n}\n`)
      assert.equal(await ring.reload(), 0)
      assert.equal(await asNobody(), 0)
      ring.edit(text => text.replace(/uidgid \{[^}]*\}\n/, ''))
      assert.equal(await ring.reload(), 0)
      assert.notEqual(await asNobody(), 0)
    } finally {
      await ring.cluster.down()
    }
  })
})

describe('timers in the map', { skip: interopSkip() }, () => {
  it('apply at once, and are the defaults again when they are deleted', async t => {
    if (!RINGS.some(kinds => kinds.includes('ours'))) return t.skip('needs our daemon')
    const ring = new Ring(await ServiceCluster.form(['ours', 'c']))
    try {
      const host = ring.cluster.host(1)
      await host.run('corosync-cmapctl', ['-s', 'totem.token', 'u32', '1500'])
      assert.equal(await ring.key(1, 'runtime.config.totem.token'), '1500')
      await host.run('corosync-cmapctl', ['-d', 'totem.token'])
      assert.equal(await ring.key(1, 'runtime.config.totem.token'), '3000')
      await host.run('corosync-cmapctl', ['-s', 'totem.token', 'u32', '20'])
      assert.equal(await ring.key(1, 'runtime.config.totem.token'), '3000')
      assert.match(ring.cluster.log(1), /error .*parse error in config: The token timeout parameter \(20 ms\)/)
    } finally {
      await ring.cluster.down()
    }
  })
})
