// Recorded transcripts of tools that change the cluster: reload, shutdown, quorum devices. What is done between their commands,
// and what of them is not repeated.

import type { Client } from './clients.js'
import { type HostProcess, pause, until } from './testbed.js'
import { configure, DEFAULTS, type ToolSetup, withTransport } from './tool-clusters.js'
import { ofBeside, type ToolRun, type Verdict } from './tool-run.js'
import { commandWords } from './tool-transcript.js'

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

export const RELOAD: ToolSetup = {
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
    before: { '11-reload': run => run.startBeside([[RELOADS, 'finish']]) },
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
          run.beside[0]!.child.stdin!.write('q\n')
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

export const SHUTDOWN: ToolSetup = {
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

export const VETO: ToolSetup = {
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

export const UDP: ToolSetup = { nodes: 2, mixed: true, scenario: { files: ['13-udp'], transport: 'udp' } }

export const TWO_NODE: ToolSetup = {
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

export const QDEVICE: ToolSetup = {
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
