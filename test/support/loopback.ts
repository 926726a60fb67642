// Nodes of ours on loopback addresses of this machine, for benchmarks and tests where there are no namespaces: an ordinary user,
// real UDP. C corosync cannot take part, its programs find their daemon by a name that one machine has once.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OurPeer, type Peer } from './peers.js'
import { HostProcess, type Seat } from './testbed.js'

/** Ports below are the default ones, and may be in use; the step leaves room for port - 1. */
const FIRST_PORT = 15_405
const PORTS = 1000

class LoopbackSeat implements Seat {
  readonly index: number
  readonly directory: string
  readonly configFile: string

  constructor(index: number, directory: string) {
    this.index = index
    this.directory = directory
    this.configFile = join(directory, 'corosync.conf')
  }

  spawn(command: string, args: readonly string[]): HostProcess {
    return new HostProcess(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] }), 'itself')
  }

  log(): string {
    const file = join(this.directory, 'log')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
}

export function createLoopback(nodes: number, totem = ''): { peers: Peer[]; down(): Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), 'corosync-loopback-'))
  const port = FIRST_PORT + 2 * (process.pid % PORTS)
  const ids = Array.from({ length: nodes }, (_, i) => i + 1)
  const list = ids.map(id => `  node {\n    nodeid: ${id}\n    ring0_addr: 127.0.0.${id}\n  }\n`).join('')
  const peers = ids.map(id => {
    const own = join(directory, String(id))
    mkdirSync(join(own, 'state'), { recursive: true })
    const seat = new LoopbackSeat(id, own)
    writeFileSync(
      seat.configFile,
      `totem {\n  version: 2\n  cluster_name: loopback\n  transport: udpu\n${totem}` +
        `  interface {\n    ringnumber: 0\n    bindnetaddr: 127.0.0.${id}\n    mcastport: ${port}\n  }\n}\n` +
        `nodelist {\n${list}}\nsystem {\n  state_dir: ${join(own, 'state')}\n}\n` +
        `logging {\n  to_stderr: no\n  to_syslog: no\n  to_logfile: yes\n  logfile: ${join(own, 'log')}\n}\n`,
    )
    return new OurPeer(seat)
  })
  return {
    peers,
    async down() {
      await Promise.all(peers.map(peer => peer.engine?.stop('SIGKILL')))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
