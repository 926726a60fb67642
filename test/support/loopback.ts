// Nodes of ours on loopback addresses of this machine, for benchmarks and tests where there are no namespaces: an ordinary user,
// real UDP. C corosync cannot take part, its programs find their daemon by a name that one machine has once.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeDescription } from '../../src/index.js'
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
    this.configFile = join(directory, 'node.json')
  }

  spawn(command: string, args: readonly string[]): HostProcess {
    return new HostProcess(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] }), 'itself')
  }

  log(): string {
    // The member says everything on standard error.
    return ''
  }
}

export function createLoopback(count: number): { peers: Peer[]; down(): Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), 'corosync-loopback-'))
  const port = FIRST_PORT + 2 * (process.pid % PORTS)
  const nodes = Array.from({ length: count }, (_, i) => ({ nodeId: i + 1, address: `127.0.0.${i + 1}` }))
  const peers = nodes.map(({ nodeId }) => {
    const own = join(directory, String(nodeId))
    mkdirSync(own)
    const seat = new LoopbackSeat(nodeId, own)
    // The token timeout of a file that does not set one.
    const description: NodeDescription = { nodeId, nodes, port, token: 3000, clusterName: 'loopback' }
    writeFileSync(seat.configFile, JSON.stringify(description))
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
