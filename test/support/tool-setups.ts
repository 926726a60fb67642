// Recorded transcripts of tools that ask and change values: what is done between their commands, and what of them is not repeated.

import type { Client } from './clients.js'
import { until } from './testbed.js'
import { type ToolSetup, withTransport } from './tool-clusters.js'
import { OPEN, ofBeside, type ToolRun } from './tool-run.js'

// One node ------------------------------------------------------------------------------------------------------------

export const ONE_NODE: ToolSetup = {
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

export const NO_PROVIDER: ToolSetup = {
  nodes: 1,
  config: { quorum: '' },
  scenario: { files: ['04-one-node-no-provider'] },
}

// Three nodes ---------------------------------------------------------------------------------------------------------

export const HEALTHY: ToolSetup = { nodes: 3, mixed: true, scenario: { files: ['05-three-nodes'] } }

/** Ended by timeout(1) in the record, and by a signal here. */
const SIGNALLED = { exit: 'null' }
const MONITOR = 'corosync-quorumtool -m'
const MEMBERS = 'corosync-cmapctl -T runtime.members.'

export const NODES_GO: ToolSetup = {
  nodes: 3,
  mixed: true,
  scenario: {
    files: ['06-node-down', '07-lost-quorum'],
    rules: [ofBeside(MONITOR, 0, SIGNALLED), ofBeside(MEMBERS, 1, SIGNALLED)],
    before: {
      '06-node-down': async run => {
        await run.startBeside([
          [MONITOR, 'node3'],
          [MEMBERS, 'finish'],
        ])
        await run.cluster.stop(3)
        await run.cluster.settled([1, 2])
      },
      '07-lost-quorum': async run => {
        await run.cluster.stop(2, 'SIGKILL')
        await run.cluster.settled([1])
        const [quorum, members] = run.beside
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

export const UNPLUGGED: ToolSetup = {
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
export const CMAPCTL: ToolSetup = {
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
        await run.startBeside([
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
        for (const program of run.beside) program.child.stdin!.write('q\n')
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

export const CPGTOOL: ToolSetup = {
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
