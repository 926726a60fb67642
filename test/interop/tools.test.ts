// Debian's unmodified command line tools against our daemon: recorded transcripts (test/data/tools), repeated on udpu rings. Same
// text apart from times, ring numbers, process ids and what one udpu link prints otherwise than two knet links
// (test/support/tool-transcript.ts). Recorded and not repeated at all, because no daemon of a cluster takes part: usage, no daemon,
// keygen, xmlproc; because they read the C daemon's own record of events, that of corosync-blackbox; because the programs are not
// packaged, testcpg, cpgverify and cpgbench; because they are of another generation, the tools of 1.4. D-Bus and SNMP carry
// what the log lines of corosync-notifyd say, which has a test of its own.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { Client } from '../support/clients.js'
import { type DaemonKind, daemonRings, ringTitle, ServiceCluster, servicesSkip } from '../support/service-cluster.js'
import { type HostProcess, pause, until } from '../support/testbed.js'
import { OPEN, type Rule, ToolRun, type ToolScenario, type Verdict } from '../support/tool-run.js'
import { commandWords } from '../support/tool-transcript.js'

interface Setup {
  readonly nodes: number
  /** Hosts beyond the nodes, without a daemon. */
  readonly moreHosts?: number
  readonly config?: Partial<ToolsConfig>
  /** Daemons that are started in the beginning; all by default. */
  readonly start?: readonly number[]
  /** Also on rings of both kinds of daemons. */
  readonly mixed?: boolean
  readonly scenario: ToolScenario
}

/** As the recorded clusters were configured, on our network. */
interface ToolsConfig {
  readonly nodes: readonly number[]
  readonly transport: string
  readonly cluster: string
  readonly token: string
  /** Further lines of totem, quorum, logging. */
  readonly totem: string
  readonly quorum: string
  readonly logging: string
}

const DEFAULTS: ToolsConfig = {
  nodes: [],
  transport: 'udpu',
  cluster: 'tools',
  token: '1000',
  totem: '',
  quorum: '  provider: corosync_votequorum\n',
  logging: '',
}

/** The log file goes where the test bed looks for it. */
function configText(config: ToolsConfig, logFile: string): string {
  const nodes = config.nodes.map(
    node => `  node {\n    nodeid: ${node}\n    name: node${node}\n    ring0_addr: 10.77.0.${node}\n  }\n`,
  )
  return (
    `totem {\n  version: 2\n  cluster_name: ${config.cluster}\n  transport: ${config.transport}\n` +
    `  token: ${config.token}\n${config.totem}}\nnodelist {\n${nodes.join('')}}\nquorum {\n${config.quorum}}\n` +
    'system {\n  allow_knet_handle_fallback: yes\n  sched_rr: no\n}\n' +
    `logging {\n  to_syslog: no\n  to_stderr: no\n  to_logfile: yes\n  logfile: ${logFile}\n  timestamp: hires\n${config.logging}}\n`
  )
}

function configure(cluster: ServiceCluster, on: readonly number[], config: Partial<ToolsConfig>): void {
  for (const node of on) {
    const { configFile, logFile } = cluster.host(node)
    writeFileSync(configFile, configText({ ...DEFAULTS, ...config }, logFile))
  }
}

/** The recorded configuration left the transport to the default, which is knet. */
const withTransport: Rule['verdict'] = block => ({
  stdout: block.stdout.replace(/^(totem\.version .*)$/m, 'totem.transport (str) = udpu\n$1'),
})

// One node ------------------------------------------------------------------------------------------------------------

const ONE_NODE: Setup = {
  nodes: 1,
  scenario: {
    files: ['03-one-node'],
    rules: [
      { command: 'corosync-quorumtool -m', verdict: { leftOut: 'prints nothing into a pipe; is repeated with 07' } },
      { command: /^corosync-cmapctl (-b )?totem\.$/, verdict: withTransport },
      { command: 'corosync-cmapctl totem. nodelist.', verdict: withTransport },
      {
        command: 'corosync-cmapctl -q totem.',
        verdict: block => ({ stdout: block.stdout.replace(/^2$/m, 'udpu\n2') }),
      },
    ],
  },
}

const NO_PROVIDER: Setup = { nodes: 1, config: { quorum: '' }, scenario: { files: ['04-one-node-no-provider'] } }

// Three nodes ---------------------------------------------------------------------------------------------------------

const HEALTHY: Setup = { nodes: 3, mixed: true, scenario: { files: ['05-three-nodes'] } }

/** Programs that run beside the others. */
const beside = new WeakMap<ToolRun, HostProcess[]>()

/** Starts programs on node 1 whose lines come as they are printed; each has said that once it is ready. */
async function startBeside(
  run: ToolRun,
  programs: readonly (readonly [command: string, ready: string])[],
): Promise<void> {
  const host = run.cluster.host(1)
  const started = programs.map(([command]) => host.spawn('stdbuf', ['-oL', ...command.split(' ')]))
  beside.set(run, started)
  await until('programs to be ready', 10_000, () =>
    started.every((program, i) => program.stdout.includes(programs[i]![1])) ? true : undefined,
  )
}

/** The block of a program that runs beside the others, and has ended by now. */
function ofBeside(command: string, index: number, verdict: Rule['verdict'] = {}): Rule {
  return {
    command,
    verdict,
    run: async run => {
      const program = beside.get(run)![index]!
      const code = await program.exited
      return { code: typeof code === 'number' ? code : null, stdout: program.stdout, stderr: program.stderr }
    },
  }
}

/** Ended by timeout(1) in the record, and by a signal here. */
const SIGNALLED = { exit: 'null' }
const MONITOR = 'corosync-quorumtool -m'
const MEMBERS = 'corosync-cmapctl -T runtime.members.'

const NODES_GO: Setup = {
  nodes: 3,
  mixed: true,
  scenario: {
    files: ['06-node-down', '07-lost-quorum'],
    rules: [ofBeside(MONITOR, 0, SIGNALLED), ofBeside(MEMBERS, 1, SIGNALLED)],
    before: {
      '06-node-down': async run => {
        await startBeside(run, [
          [MONITOR, 'node3'],
          [MEMBERS, 'finish'],
        ])
        await run.cluster.stop(3)
        await run.cluster.settled([1, 2])
      },
      '07-lost-quorum': async run => {
        await run.cluster.stop(2, 'SIGKILL')
        await run.cluster.settled([1])
        const [quorum, members] = beside.get(run)!
        await until('the last notification', 10_000, () =>
          quorum!.stdout.includes('Activity blocked') && members!.stdout.includes('members.2.status')
            ? true
            : undefined,
        )
        await Promise.all([quorum!.stop(), members!.stop()])
      },
    },
  },
}

const UNPLUGGED: Setup = {
  nodes: 3,
  mixed: true,
  scenario: {
    files: ['08-faulty-link'],
    from: 'both links of node 3 unplugged',
    rules: [
      { command: /^corosync-notifyd/, verdict: { leftOut: 'has a test of its own' } },
      { command: /stats\.knet/, verdict: { leftOut: 'statistics of knet links' } },
    ],
    remarks: {
      'both links of node 3 unplugged': async run => {
        run.cluster.partition([1, 2], [3])
        await run.cluster.settled([1, 2])
        await run.cluster.settled([3])
      },
      'plugged back': async run => {
        run.cluster.heal()
        await run.cluster.settled()
      },
    },
  },
}

// cmapctl -------------------------------------------------------------------------------------------------------------

const LOAD_FILE =
  '# comment\n\n   # indented\nte.load1 u8 7\n\tte.load2 str word ignored-tail\n^te.u32\n^^te.i\n^te.nosuch\nte.load3 i32 -5\n'
const CMAPCTL: Setup = {
  nodes: 1,
  scenario: {
    files: ['09-cmapctl-set-get'],
    // Traffic counters, and connections so far.
    mask: text => text.replace(/^(stats\.(?:srp|pg|ipcs)\.\S+ \(u\d+\)) = \d+$/gm, '$1 = #'),
    before: {
      '09-cmapctl-set-get': async run => {
        const bytes = Buffer.from(Array.from({ length: 52 }, (_, i) => i * 5))
        run.file('bin.dat', Buffer.concat([bytes, Buffer.from('\\ab~')]))
        run.file('load.txt', LOAD_FILE)
        run.file('load2.txt', 'te.a u8 1\nte.b u8\nte.c u8 3\n')
      },
    },
    remarks: {
      'load.txt': () => {},
      // Its lines.
      '  ': () => {},
      'load2.txt': () => {},
      'While the two following ran': async run => {
        await startBeside(run, [
          ['corosync-cmapctl -T te.', 'finish'],
          ['corosync-cmapctl -b -t te.one', 'finish'],
        ])
        for (const command of [
          '-s te.one u8 1',
          '-s te.one u8 1',
          '-s te.one u8 2',
          '-s te.one str abc',
          '-s te.two bin /run/bin.dat',
          '-d te.one',
          '-D te.',
        ])
          await run.command(1, ['corosync-cmapctl', ...command.split(' ')])
        for (const program of beside.get(run)!) program.child.stdin!.write('q\n')
      },
    },
    rules: [
      ofBeside('corosync-cmapctl -T te.', 0),
      ofBeside('corosync-cmapctl -b -t te.one', 1),
      {
        command: /^timeout 3 /,
        verdict: {},
        run: (run, block) => run.command(block.node, block.command.split(' '), OPEN),
      },
      { command: /\/tmp\//, verdict: block => ({ command: block.command.replace('/tmp/', '/run/') }) },
    ],
  },
}

// cpgtool -------------------------------------------------------------------------------------------------------------

const members = new WeakMap<ToolRun, Client[]>()

const CPGTOOL: Setup = {
  nodes: 2,
  mixed: true,
  scenario: {
    files: ['10-cpgtool'],
    mask: text =>
      text
        // Counters depend on what the member did, and the C daemon names connections by their addresses in its memory.
        .replace(/^(stats\.ipcs\.service2\.)\d+\.0x[0-9a-f]+(\.\w+ \(\w+\)) = .*$/gm, '$1#$2')
        // A NUL in a name was recorded as it is printed.
        .replaceAll('\0', ' '),
    before: {
      '10-cpgtool': async run => {
        const clients: Client[] = []
        for (const [node, group] of [
          [1, 'alpha'],
          [1, 'alpha'],
          [2, 'alpha'],
          [1, 'we%20ird%5c%5cx'],
          [2, 'GROUP%00'],
        ] as const) {
          const client = run.cluster.client(node, 'cpg')
          await client.connect()
          await client.ask(`join ${group}`)
          await client.waitFor('to be a member', lines => lines.some(line => line.startsWith('CONFCHG')))
          clients.push(client)
        }
        members.set(run, clients)
      },
    },
    rules: [
      {
        // Asked after the last command that shows members; those who were members end before the next.
        command: 'corosync-cmapctl -m stats stats.ipcs.service2.',
        verdict: {},
        run: async (run, block) => {
          const shown = await run.command(1, block.command.split(' '))
          await Promise.all(members.get(run)!.map(client => client.end()))
          const last = run.cluster.client(1, 'cpg')
          await last.connect()
          await until('nobody to be a member', 5000, async () =>
            (await last.ask('iter 3')).some(line => line.startsWith('ITER ')) ? undefined : true,
          )
          await last.end()
          return shown
        },
      },
    ],
  },
}

// Reload --------------------------------------------------------------------------------------------------------------

const ALL = [1, 2, 3]
const FLAG = 'config.totemconfig_reload_in_progress (u8)'
const RELOADS = 'corosync-cmapctl -T config.'
/** Until what one node was asked has reached all. */
const REACH_MS = 500

/** The C daemon leaves its flag set after a file that it could not read. */
function isOurs(run: ToolRun): boolean {
  return run.cluster.kinds[0] === 'ours'
}

const RELOAD: Setup = {
  nodes: 3,
  mixed: true,
  config: { nodes: ALL },
  scenario: {
    files: ['11-reload'],
    logLines: /\[CFG {3}\]/,
    mask: text =>
      text
        .replace(/\/\S*corosync\.conf:\d+/g, 'corosync.conf:#')
        // With a node that is there and no longer listed they fall, and rise again when the ring has turned once, if it still does.
        .replace(/^(Expected votes|Highest expected):( +)[23]$/gm, '$1:$2#'),
    before: { '11-reload': run => startBeside(run, [[RELOADS, 'finish']]) },
    rules: [
      {
        // Answered when the node itself is done; others are asked after this.
        command: 'corosync-cfgtool -R',
        verdict: {},
        run: async (run, block) => {
          const done = await run.command(block.node, commandWords(block.command))
          if (block.node !== 1) await pause(REACH_MS)
          return done
        },
      },
      { command: 'corosync-cmapctl totem.', verdict: withTransport },
      {
        command: 'corosync-cmapctl config.',
        verdict: (block, run) => ({
          stdout: isOurs(run) ? block.stdout.replace(`${FLAG} = 1`, `${FLAG} = 0`) : block.stdout,
        }),
      },
      {
        command: 'corosync-cfgtool -s',
        verdict: (block): Verdict =>
          block.stdout.includes(' 3:\t') ? { leftOut: 'shows a node whose links of knet are not up yet' } : {},
      },
      {
        command: 'corosync-cmapctl logging.',
        verdict: (block, run) => {
          const recorded = block.stdout.split('\n').filter(line => line.includes('logger_subsys'))
          const ours = [
            `logging.logfile (str) = ${run.cluster.host(1).logFile}`,
            ...recorded,
            'logging.timestamp (str) = hires',
            'logging.to_logfile (str) = yes',
            'logging.to_stderr (str) = no',
            'logging.to_syslog (str) = no',
          ]
          return { stdout: ours.map(line => `${line}\n`).join('') }
        },
      },
      {
        command: RELOADS,
        verdict: (block, run) => {
          if (!isOurs(run)) return {}
          const lines = block.stdout.split('\n')
          // The third reload is the one of a file that cannot be read: begun, and ended.
          const third = lines.findIndex(
            (line, i) => lines.slice(0, i).filter(other => other.endsWith(`${FLAG} = 1`)).length === 3 && line !== '',
          )
          lines.splice(third - 1, 0, `modify> ${FLAG} = 1`, `modify> ${FLAG} = 0`)
          return { stdout: lines.join('\n') }
        },
        run: (run, block) => {
          beside.get(run)![0]!.child.stdin!.write('q\n')
          return ofBeside(block.command, 0).run!(run, block)
        },
      },
    ],
    remarks: {
      'token 1000 -> 2000': run => configure(run.cluster, ALL, { nodes: ALL, token: '2000' }),
      'unchangeable keys': run =>
        configure(run.cluster, [1], {
          nodes: ALL,
          token: '2000',
          cluster: 'other',
          transport: 'udp',
          totem: '  netmtu: 1400\n',
        }),
      'broken file on node 1': run => configure(run.cluster, [1], { nodes: ALL, token: '2s' }),
      'broken file on node 2': run => {
        configure(run.cluster, ALL, { nodes: ALL, token: '2000' })
        run.edit([2], text => text.replace(/\}\n$/, ''))
      },
      'invalid value': run => {
        configure(run.cluster, [2], { nodes: ALL, token: '2000' })
        configure(run.cluster, [1], { nodes: ALL, token: '2000', totem: '  token_warning: 200\n' })
      },
      'back to good': run => configure(run.cluster, ALL, { nodes: [1, 2], token: '2000' }),
      'node 3 back': run => configure(run.cluster, ALL, { nodes: ALL, token: '2000' }),
      logging: run =>
        configure(run.cluster, ALL, {
          nodes: ALL,
          token: '2000',
          logging: '  logger_subsys {\n    subsys: CFG\n    debug: on\n  }\n',
        }),
      'address of node 2': run => run.edit([1], text => text.replace('10.77.0.2', '10.77.0.22')),
      'keys added at run time': run => configure(run.cluster, ALL, { nodes: ALL, token: '2000' }),
    },
  },
}

// Shutdown ------------------------------------------------------------------------------------------------------------

async function daemonEnded(run: ToolRun, node: number, status: string): Promise<void> {
  const daemon = run.cluster.daemon(node)
  await until(`the daemon on node ${node} to end`, 15_000, () => (daemon.running ? undefined : true))
  run.differ(`status of the daemon on node ${node}`, status, String(await daemon.exited))
}

const SHUTDOWN: Setup = {
  nodes: 3,
  mixed: true,
  scenario: {
    files: ['12-shutdown'],
    logLines: /\[(?:CFG|SERV|QUORUM|MAIN) *\]|A new membership/,
    mask: text =>
      text
        .replace(/membership \(\d+\.[0-9a-f]+\)/g, 'membership (#)')
        // Where in its source the C daemon ends is its own matter.
        .replace(/^(error +\[MAIN {2}\] Corosync Cluster Engine exiting with status -1) at .*$/gm, '$1'),
    rules: [{ command: 'corosync-cfgtool -H --force', verdict: { leftOut: 'follows another that ended the daemon' } }],
    remarks: {
      'node 3: corosync-cfgtool -H': () => {},
      'daemon on node 3 exit status: 0': async run => {
        await daemonEnded(run, 3, '0')
        await run.cluster.settled([1, 2])
      },
      'node 1 kills node 2': () => {},
      'daemon on node 2 exit status: 255': async run => {
        await daemonEnded(run, 2, '255')
        await until('node 1 to miss node 2', 10_000, () =>
          /forming new configuration/.test(run.cluster.log(1)) ? true : undefined,
        )
      },
      'a shutdown tracker (testcfg) vetoes': () => {},
      'daemon on node 1 exit status: 0': run => daemonEnded(run, 1, '0'),
    },
  },
}

const asked = new WeakMap<ToolRun, Client>()

/** A program that is asked about a shutdown, and what it answers. */
function shutdownTracker(answer: '0' | '1' | 'none', restarted: boolean) {
  return async (run: ToolRun) => {
    if (restarted) {
      await until('the daemon to end', 15_000, () => (run.cluster.daemon(1).running ? undefined : true))
      run.cluster.start(1)
      await run.cluster.settled()
    } else {
      await asked.get(run)?.end()
    }
    const client = run.cluster.client(1, 'cfg')
    asked.set(run, client)
    await client.connect()
    await client.ask('track')
    await client.ask(`answer ${answer}`)
  }
}

const VETO: Setup = {
  nodes: 1,
  scenario: {
    files: ['12b-shutdown-veto'],
    remarks: {
      'one tracker that answers: nothing': shutdownTracker('none', false),
      'one tracker that answers: no': shutdownTracker('0', false),
      'tracker answers no, request is --force': shutdownTracker('0', false),
      'tracker answers yes': shutdownTracker('1', true),
      'took ': () => {},
      'daemon exit status 0': run => daemonEnded(run, 1, '0'),
    },
    rules: [
      {
        command: '(tracker)',
        // The recorder ended it or it ended itself.
        verdict: { exit: 'null' },
        run: async (run, block) => {
          const client = asked.get(run)!
          const said = (lines: readonly string[]) => lines.filter(line => line !== 'HUP')
          const wanted = block.stdout.split('\n').filter(line => line !== '' && line !== 'no reply').length
          await client.waitFor('what the tracker said', lines => said(lines).length >= wanted)
          const lines = said(client.look()).flatMap(line => {
            const init = /^INIT rc=(\d+)/.exec(line)
            if (init !== null) return [`init ${init[1]}`]
            return [
              line
                .replace(/^TRACK rc=/, 'track ')
                .replace(/^SHUTDOWN_ASKED /, 'callback ')
                .replace(/^REPLY 0 rc=/, 'reply no -> ')
                .replace(/^REPLY 1 rc=/, 'reply yes -> ')
                .replace(/^DISPATCH rc=/, 'dispatch '),
            ]
          })
          if (lines.at(-1)?.startsWith('callback')) lines.push('no reply')
          return { code: null, stdout: lines.map(line => `${line}\n`).join(''), stderr: '' }
        },
      },
    ],
  },
}

// Multicast, and two nodes --------------------------------------------------------------------------------------------

const UDP: Setup = { nodes: 2, mixed: true, scenario: { files: ['13-udp'], transport: 'udp' } }

const TWO_NODE: Setup = {
  nodes: 2,
  mixed: true,
  config: { quorum: `${DEFAULTS.quorum}  two_node: 1\n` },
  start: [1],
  scenario: {
    files: ['14-two-node'],
    remarks: {
      'only node 1 started': () => {},
      'all nodes started': async run => {
        run.cluster.start(2)
        await run.cluster.settled()
      },
      'highest node shut down': async run => {
        await run.cluster.stop(2)
        await run.cluster.settled([1])
      },
    },
  },
}

// Quorum device -------------------------------------------------------------------------------------------------------

const arbiter = new WeakMap<ToolRun, HostProcess>()
const devices = new WeakMap<ToolRun, HostProcess[]>()
/** The text of status that says that both nodes have the device's vote. */
const BOTH_VOTE = /1 +1 +A,V,NMW .*\n +2 +1 +A,V,NMW /

const QDEVICE: Setup = {
  nodes: 2,
  mixed: true,
  moreHosts: 1,
  config: {
    quorum: `${DEFAULTS.quorum}  device {\n    model: net\n    votes: 1\n    net {\n      host: 10.77.0.3\n      algorithm: ffsplit\n      tls: off\n    }\n  }\n`,
  },
  scenario: {
    files: ['18-qdevice'],
    mask: text =>
      text
        .replace(/^((?:Last poll call|Connected since):\t+)\S+/gm, '$1#')
        .replace(/^(\s+Client address:.*):\d+$/gm, '$1:#')
        .replace(/^(\s*Ring ID:\s+\d+\.)\w+$/gm, '$1#')
        // Recorded with a build that has no TLS; it is off here.
        .replace(/^(TLS:\t+)(?:Unsupported|Disabled|Supported)$/gm, '$1#')
        // Who of the two was asked last is chance.
        .replace(/^(\s+Vote:\t+)(?:No change|ACK) \(ACK\)$/gm, '$1(ACK)'),
    rules: [
      {
        command: /^corosync-(qnetd|qdevice)(-tool)? -[hV]$|^corosync-q\w+-tool -s$/,
        verdict: (block): Verdict =>
          block.exit === '0' ? {} : { leftOut: 'usage, or nobody to ask: no daemon takes part' },
      },
    ],
    remarks: {
      'qdevice configured but not running': () => {},
      'qdevice running on both nodes': async run => {
        arbiter.set(run, run.cluster.host(3).spawn('corosync-qnetd', ['-f', '-s', 'off']))
        devices.set(
          run,
          [1, 2].map(node => run.cluster.host(node).spawn('corosync-qdevice', ['-f'])),
        )
        let last = ''
        await until(
          'the votes of the device',
          30_000,
          async () => {
            last = (await run.command(1, ['corosync-quorumtool', '-s'])).stdout
            return BOTH_VOTE.test(last) ? true : undefined
          },
          () => last,
        )
      },
      'node 2 stopped': async run => {
        await run.cluster.stop(2)
        await run.cluster.settled([1])
        await until('the vote of the device', 15_000, async () =>
          (await run.command(1, ['corosync-quorumtool', '-s'])).code === 0 ? true : undefined,
        )
      },
      'qnetd stopped': async run => {
        await arbiter.get(run)!.stop()
        // It was unregistered by force, and ends of itself.
        await devices.get(run)![0]!.exited
      },
      'qdevice stopped': () => {},
    },
  },
}

// All -----------------------------------------------------------------------------------------------------------------

const SETUPS: readonly Setup[] = [
  ONE_NODE,
  NO_PROVIDER,
  HEALTHY,
  NODES_GO,
  UNPLUGGED,
  CMAPCTL,
  CPGTOOL,
  RELOAD,
  SHUTDOWN,
  VETO,
  UDP,
  TWO_NODE,
  QDEVICE,
]

for (const kinds of daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'ours'])) {
  const mixed = new Set(kinds).size > 1
  describe(`the tools with ${ringTitle(kinds)}`, { skip: servicesSkip() }, () => {
    for (const setup of SETUPS) {
      if (mixed && !setup.mixed) continue
      it(setup.scenario.files.join(', '), async t => {
        const run = await repeat(kinds, setup)
        t.diagnostic(`${run.repeated} blocks repeated`)
        for (const [reason, count] of run.leftOut) t.diagnostic(`${count} left out: ${reason}`)
        assert.equal(run.differences.join('\n\n'), '')
      })
    }
  })
}

async function repeat(kinds: readonly DaemonKind[], setup: Setup): Promise<ToolRun> {
  const hosts = kinds.slice(0, setup.nodes)
  const cluster = await ServiceCluster.create(hosts, {}, setup.moreHosts)
  try {
    const nodes = hosts.map((_, i) => i + 1)
    const transport = setup.scenario.transport ?? 'udpu'
    configure(cluster, nodes, { nodes, transport, ...setup.config })
    const first = setup.start ?? nodes
    for (const node of first) cluster.start(node)
    await cluster.settled(first)
    const run = new ToolRun(cluster, setup.scenario)
    await run.run()
    return run
  } finally {
    await cluster.down()
  }
}
