// A mixed ring, recorded and judged: two C daemons with a member each through the stock library, one of ours embedded in a
// program, one of our daemons. They send, suffer one fault after another, and end; then `corosync-sim check` has to find
// nothing in what they recorded, and something in a copy that was tampered with.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SHORT_TIMERS } from '../support/combination.js'
import { endTraces } from '../support/faults.js'
import { converged, createCluster, type OurPeer, type Peer } from '../support/peers.js'
import { interopSkip, pause, type Testbed } from '../support/testbed.js'

const LABORATORY = fileURLToPath(new URL('../../../bin/corosync-sim', import.meta.url))
const LOAD = { group: 'recorded', maxBytes: 4000, perSecond: 50 }
const ALL = [1, 2, 3, 4]
const CHECK_MS = 30_000
/** With C daemons in the place of ours there is no engine to record. */
const skip = process.env.INTEROP_OURS === 'c' ? 'needs nodes of ours' : interopSkip()

function check(...files: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [LABORATORY, 'check', ...files], {
    encoding: 'utf8',
    timeout: CHECK_MS,
  })
  return { status, stdout, stderr }
}

describe('a recorded ring of two C daemons, a node in a program, and our daemon', { skip }, () => {
  let testbed: Testbed
  let peers: Peer[]
  let engineFile: string

  before(async () => {
    ;({ testbed, peers } = await createCluster(['c', 'c', 'ours', 'daemon']))
    testbed.configure({ transport: 'udpu', totem: SHORT_TIMERS })
    engineFile = join(testbed.host(3).directory, 'engine')
    ;(peers[2] as OurPeer).engineFile = engineFile
    for (const peer of peers) peer.start()
    await converged(peers, ALL)
    for (const peer of peers) await peer.startTrace(LOAD)
  })
  after(() => testbed?.down())

  const files = () => [engineFile, ...peers.flatMap(peer => peer.traceFiles)]

  async function withoutPeer(node: number, during: () => Promise<void>): Promise<void> {
    const rest = peers.filter(peer => peer.node !== node)
    await during()
    await converged(
      rest,
      rest.map(peer => peer.node),
    )
  }

  /** All together again, and recorded. */
  async function whole(): Promise<void> {
    await converged(peers, ALL)
    for (const peer of peers) if (!peer.tracing) await peer.startTrace(LOAD)
  }

  it('suffers loss, a one-way cut, a freeze, kills, and a partition under load', async () => {
    testbed.host(4).loss(20)
    await pause(700)
    testbed.host(4).loss(0)
    await whole()

    testbed.oneWayCut(1, 3)
    await pause(700)
    testbed.clearOneWayCuts()
    await whole()

    peers[2]!.engine.signal('SIGSTOP')
    await pause(800)
    peers[2]!.engine.signal('SIGCONT')
    await whole()

    for (const victim of [peers[1]!, peers[3]!]) {
      await withoutPeer(victim.node, () => victim.kill())
      victim.start()
      await whole()
    }

    await withoutPeer(3, async () => testbed.host(3).cut())
    testbed.host(3).heal()
    await whole()
    await endTraces(peers)
    for (const peer of peers) assert.equal(await peer.stop(), 0, `node ${peer.node}`)
  })

  it('keeps every property, as far as recordings can tell', t => {
    const { status, stdout, stderr } = check(...files())
    t.diagnostic(stdout)
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /^engines of node 3, node 4 \(2 lives\)\n/)
    assert.match(stdout, /without a recording of the engine: node 1, 2\n/)
    assert.match(
      stdout,
      /B1 +no invention +kept +\d+ deliveries; not judged: \d+ deliveries: the packet was numbered out/,
    )
    assert.match(stdout, /D2 +virtual synchrony +kept +[1-9]\d* companions; not judged: [1-9]/)
    assert.match(stdout, /^members of group recorded: 1:\d+, 2:\d+, 2:\d+, 3:\d+/m)
    assert.match(stdout, /D2 +virtual synchrony +kept +[1-9]\d* pairs of members in a ring/)
    assert.match(stdout, /D4 +total order +kept +[1-9]\d{2,} pairs of deliveries/)
    assert.match(stdout, /\nno violations; /)
  })

  const tamperings: [string, RegExp, () => string, RegExp, (lines: string[], at: number) => void][] = [
    ['two messages that change places', /B6|D4/, () => peers[0]!.traceFiles[0]!, /"message"/, swap],
    ['a message that is missing', /D2/, () => peers[0]!.traceFiles[0]!, /"message"/, drop],
    ['two packets that change places', /D5|D7/, () => engineFile, /"delivered"/, swap],
    ['a packet that is missing', /D5/, () => engineFile, /"delivered"/, drop],
  ]
  for (const [what, properties, original, event, tamper] of tamperings) {
    it(`finds ${what}`, () => {
      const lines = readFileSync(original(), 'utf8').split('\n')
      // Two in a row, somewhere in the middle.
      const at = lines.findIndex(
        (line, i) => i > lines.length / 3 && event.test(line) && event.test(lines[i + 1] ?? ''),
      )
      assert.ok(at > 0)
      tamper(lines, at)
      const copy = join(testbed.directory, 'tampered')
      writeFileSync(copy, lines.join('\n'))
      const { status, stdout } = check(...files().map(file => (file === original() ? copy : file)))
      assert.equal(status, 1, stdout)
      assert.match(stdout.trimEnd().split('\n').at(-1)!, properties)
    })
  }
})

function swap(lines: string[], at: number): void {
  ;[lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!]
}

function drop(lines: string[], at: number): void {
  lines.splice(at, 1)
}
