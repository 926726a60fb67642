// The stock corosync-cmapctl against the C daemon and against ours, each alone on a host with the same configuration: the same
// commands must have the same output, errors and status, and the same keys must be there.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ServiceCluster } from '../support/service-cluster.js'
import { type CommandResult, type Host, type HostProcess, interopSkip, until } from '../support/testbed.js'

const ANSWER_MS = 10_000
/** Statistics are told to those who track single keys every one and a half seconds. */
const STATS_MS = 8000
const LONGEST_KEY = 'k'.repeat(255)

/** Command lines of corosync-cmapctl, in this order; those that change keys are followed by those that show them. */
const COMMANDS: readonly (readonly string[])[] = [
  ['-s', '--', 'te.i8', 'i8', '-128'],
  ['-s', 'te.i8x', 'i8', '128'],
  ['-s', 'te.u8', 'u8', '255'],
  ['-s', 'te.u8x', 'u8', '256'],
  ['-s', '--', 'te.i16', 'i16', '-32768'],
  ['-s', 'te.u16', 'u16', '65535'],
  ['-s', '--', 'te.i32', 'i32', '-2147483648'],
  ['-s', 'te.u32', 'u32', '4294967295'],
  ['-s', '--', 'te.i64', 'i64', '-9223372036854775808'],
  ['-s', 'te.u64', 'u64', '18446744073709551615'],
  ['-s', 'te.flt', 'flt', '3.14'],
  ['-s', '--', 'te.dbl', 'dbl', '-2.5e10'],
  ['-s', 'te.str', 'str', 'hello world'],
  ['-s', 'te.utf', 'str', 'grüße'],
  ['-s', 'te.empty', 'str', ''],
  ['-s', 'te.long', 'str', 'x'.repeat(16_384)],
  ['-s', 'te.longer', 'str', 'x'.repeat(16_385)],
  ['-s', 'ab', 'u8', '1'],
  ['-s', 'te bad', 'u8', '1'],
  ['-s', 'te.ok:/-_', 'str', 'x'],
  ['-s', LONGEST_KEY, 'u8', '1'],
  ['-s', `${LONGEST_KEY}k`, 'u8', '1'],
  ['-s', 'te.bin', 'bin', '/etc/hostname'],
  ['te.'],
  ['-b', 'te.'],
  ['-q', 'te.'],
  ['-g', 'te.bin'],
  ['-g', 'te.nosuch'],
  ['-q', '-g', 'te.u64', 'te.flt'],
  ['-s', 'te.u8', 'str', 'now-a-string'],
  ['-g', 'te.u8'],
  ['-d', 'te.i8'],
  ['-d', 'te.i8'],
  ['-d', 'te.i16', 'te.nosuch', 'te.u16'],
  ['-g', 'te.u16'],
  ['-s', 'totem.cluster_name', 'str', 'x'],
  ['-s', 'runtime.services.cpg.service_id', 'u16', '9'],
  ['-s', 'runtime.config.totem.token', 'u32', '5'],
  ['-s', 'nodelist.node.0.name', 'str', 'x'],
  ['-d', 'nodelist.node.0.name'],
  ['-s', 'uidgid.config.uid.5', 'u8', '1'],
  ['-s', 'uidgid.gid.77', 'u8', '1'],
  ['-D', 'runtime.config.'],
  ['-s', 'system.foo', 'str', 'x'],
  ['-s', 'totem.version', 'u32', '2'],
  ['-s', 'config.reload_in_progress', 'u8', '1'],
  ['-s', 'quorum.wait_for_all', 'u8', '1'],
  ['-s', 'totem.token', 'u32', '2000'],
  ['runtime.config.totem.'],
  ['-s', 'totem.token', 'str', 'x'],
  ['runtime.config.totem.'],
  ['-d', 'totem.token'],
  ['-s', 'totem.max_messages', 'u32', '20'],
  ['runtime.config.totem.'],
  ['-d', 'totem.max_messages'],
  ['runtime.config.totem.'],
  ['-D', 'te.'],
  ['te.'],
  ['-D', 'nothing.here'],
  ['-d', LONGEST_KEY],
  ['totem.', 'nodelist.'],
  ['nosuch'],
  ['-m', 'icmap', '-g', 'totem.version'],
  ['-m', 'stats', '-s', 'stats.foo', 'u8', '1'],
  ['-m', 'stats', '-d', 'stats.pg.msg_reserved'],
  ['-m', 'stats', '-g', 'stats.nosuch'],
  ['-m', 'stats', '-s', 'stats.clear.nosuch', 'u8', '1'],
  ['-C', 'ipc'],
  ['-C', 'totem'],
  ['-C', 'knet'],
  ['-C', 'schedmiss'],
  ['-C', 'all'],
]

/** Values that follow the clock or chance. */
function masked(listing: string): string {
  return listing
    .replaceAll(/^(logging\.logfile .*) = .*$/gm, '$1')
    .replaceAll(/^(runtime\.services\.\S+[rt]x .*) = .*$/gm, '$1')
    .replaceAll(/^(resources\.\S+\.(?:current|last_updated) .*) = .*$/gm, '$1')
}

function maskedStatistics(listing: string): string {
  return listing.replaceAll(/^(stats\.ipcs\.service\d+)\.\d+\.0x[0-9a-f]+/gm, '$1.PID.PTR').replaceAll(/ = \d+$/gm, '')
}

class Tracking {
  readonly #program: HostProcess

  private constructor(program: HostProcess) {
    this.#program = program
  }

  /** It is there once it has said how to end it; its trackers are set a moment later. */
  static async start(host: Host, args: readonly string[]): Promise<Tracking> {
    const tracking = new Tracking(host.spawn('stdbuf', ['-oL', 'corosync-cmapctl', ...args]))
    await tracking.says(/Type "q" to finish/)
    return tracking
  }

  async says(pattern: RegExp): Promise<void> {
    await until(
      String(pattern),
      ANSWER_MS,
      () => (pattern.test(this.#program.stdout) ? true : undefined),
      () => this.#program.stdout + this.#program.stderr,
      10,
    )
  }

  async end(): Promise<string> {
    this.#program.child.stdin!.end('q\n')
    await this.#program.exited
    return this.#program.stdout
  }
}

describe('corosync-cmapctl', { skip: interopSkip() }, () => {
  let clusters: ServiceCluster[] = []
  let hosts: Host[]

  before(async () => {
    clusters = await Promise.all([ServiceCluster.form(['c']), ServiceCluster.form(['ours'])])
    hosts = clusters.map(cluster => cluster.host(1))
  })
  after(async () => {
    await Promise.all(clusters.map(cluster => cluster.down()))
  })

  const both = (args: readonly string[]): Promise<CommandResult[]> =>
    Promise.all(hosts.map(host => host.run('corosync-cmapctl', args, ANSWER_MS)))

  it('shows the same keys', async () => {
    const [c, ours] = await both([])
    assert.equal(masked(ours!.stdout), masked(c!.stdout))
    assert.ok(c!.stdout.split('\n').length > 100)
  })

  it('shows the same statistics', async () => {
    const [c, ours] = await both(['-m', 'stats'])
    assert.equal(maskedStatistics(ours!.stdout), maskedStatistics(c!.stdout))
    assert.ok(c!.stdout.split('\n').length > 40)
  })

  it('reads, writes and deletes with the same words', async () => {
    for (const args of COMMANDS) {
      const [c, ours] = await both(args)
      assert.deepEqual(ours, c, `corosync-cmapctl ${args.join(' ').slice(0, 200)}`)
    }
  })

  it('follows changes', async () => {
    const outputs = await Promise.all(
      hosts.map(async host => {
        const set = (...args: string[]) => host.run('corosync-cmapctl', args, ANSWER_MS)
        const trackings = await Promise.all([
          Tracking.start(host, ['-T', 'tr.']),
          Tracking.start(host, ['-b', '-t', 'tr.one']),
        ])
        // The line comes before the trackers are set: the first change that all see is the beginning.
        await until('the trackers', ANSWER_MS, async () => {
          await set('-s', 'tr.one', 'str', 'begin')
          await set('-d', 'tr.one')
          const seen = await Promise.allSettled(trackings.map(tracking => tracking.says(/begin/)))
          return seen.every(({ status }) => status === 'fulfilled') ? true : undefined
        })
        await set('-s', 'tr.one', 'u8', '1')
        await set('-s', 'tr.one', 'u8', '1')
        await set('-s', 'tr.one', 'u8', '2')
        await set('-s', 'tr.one', 'str', 'abc')
        await set('-s', 'tr.two', 'bin', '/etc/hostname')
        await set('-d', 'tr.one')
        await set('-D', 'tr.')
        await set('-s', 'tr.one', 'str', 'end')
        for (const tracking of trackings) await tracking.says(/end$/m)
        const texts = await Promise.all(trackings.map(tracking => tracking.end()))
        await set('-d', 'tr.one')
        return texts.map(text => text.slice(text.lastIndexOf('begin'), text.lastIndexOf('end\n')))
      }),
    )
    assert.deepEqual(outputs[1], outputs[0])
    assert.match(outputs[1]![0]!, /modify> tr\.one \(str\) = abc/)
  })

  it('follows statistics', async () => {
    for (const host of hosts) {
      const tracking = await Tracking.start(host, ['-m', 'stats', '-t', 'stats.srp.orf_token_rx'])
      const began = performance.now()
      await tracking.says(/(modify> stats\.srp\.orf_token_rx \(u64\) = \d+\n.*){2}/s)
      assert.ok(performance.now() - began < STATS_MS)
      await tracking.end()
    }
  })

  it('makes a ring form anew', async () => {
    for (const cluster of clusters) {
      const host = cluster.host(1)
      const formed = () => (cluster.log(1).match(/A new membership/g) ?? []).length
      const before = formed()
      assert.equal((await host.run('corosync-cmapctl', ['-s', 'runtime.force_gather', 'str', 'yes'])).code, 0)
      await until(
        'a new ring',
        ANSWER_MS,
        () => (formed() > before ? true : undefined),
        () => cluster.log(1).slice(-500),
      )
      assert.match(cluster.log(1), /Forcing into GATHER state/)
      const { stdout } = await host.run('corosync-cmapctl', ['-g', 'runtime.force_gather'])
      assert.equal(stdout, 'runtime.force_gather (str) = no\n')
    }
  })

  it('sets a limit for a resource', async () => {
    const outputs = await Promise.all(
      hosts.map(async host => {
        const key = 'resources.system.load_15min'
        const show = async () => masked((await host.run('corosync-cmapctl', [key])).stdout)
        const set = (max: string) => host.run('corosync-cmapctl', ['-s', `${key}.max`, 'str', max])
        const shows = (pattern: RegExp) =>
          until(
            String(pattern),
            ANSWER_MS,
            async () => (pattern.test(await show()) ? show() : undefined),
            undefined,
            100,
          )
        // The C daemon takes a limit only when it changes one.
        await set('1000')
        await set('2000')
        const running = await shows(/state .* = running/)
        await set('0')
        return [running, await shows(/state .* = failed/)]
      }),
    )
    assert.deepEqual(outputs[1], outputs[0])
  })
})

describe('configuration versions', { skip: interopSkip() }, () => {
  const told = (cluster: ServiceCluster, by: number, of: number, version: number) =>
    until(
      `version ${version} of node ${of} at node ${by}`,
      ANSWER_MS,
      async () => {
        const keys = await cluster.host(by).cmap(`runtime.members.${of}.config_version`)
        return [...keys.values()][0] === String(version) ? true : undefined
      },
      () => cluster.log(by).slice(-500),
    )

  it('pass between the C daemon and ours', async () => {
    const cluster = await ServiceCluster.form(['c', 'ours'])
    try {
      for (const [from, to, version] of [
        [1, 2, 7],
        [2, 1, 8],
      ] as const) {
        await told(cluster, to, from, 0)
        const args = ['-s', 'totem.config_version', 'u64', String(version)]
        assert.equal((await cluster.host(from).run('corosync-cmapctl', args)).code, 0)
        await told(cluster, to, from, version)
        await told(cluster, from, from, version)
      }
      const members = await Promise.all(
        cluster.nodes.map(
          async node => (await cluster.host(node).run('corosync-cmapctl', ['runtime.members.'])).stdout,
        ),
      )
      assert.equal(members[1], members[0])
    } finally {
      await cluster.down()
    }
  })

  for (const kinds of [['c', 'ours'] as const, ['ours', 'c'] as const]) {
    it(`that are lower than another's make ${kinds[1] === 'c' ? 'the C daemon' : 'ours'} leave`, async () => {
      const cluster = await ServiceCluster.create(kinds)
      try {
        for (const node of cluster.nodes) {
          const host = cluster.host(node)
          await host.run('sed', [
            '-i',
            `s/version: 2/version: 2\\n  config_version: ${node === 1 ? 5 : 4}/`,
            host.configFile,
          ])
        }
        for (const node of cluster.nodes) cluster.start(node)
        await until(
          'node 2 to end',
          2 * ANSWER_MS,
          () => (cluster.daemon(2).running ? undefined : true),
          () => cluster.log(2),
        )
        assert.match(cluster.log(2), /Received config version \(5\) is different than my config version \(4\)! Exiting/)
        assert.ok(cluster.daemon(1).running)
      } finally {
        await cluster.down()
      }
    })
  }
})
