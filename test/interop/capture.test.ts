// What a mixed ring puts on the wire, as tshark sees it: every datagram of ours is treated as those of the C nodes are, and no
// dissector complains. (tshark's own corosync dissectors know the 1.x layout; 3.x datagrams of either engine are data to them.)
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { oneDirection, SHORT_TIMERS } from '../support/combination.js'
import { converged, createCluster, type Peer } from '../support/peers.js'
import { interopSkip, type Testbed, until } from '../support/testbed.js'

const TSHARK_MS = 60_000
/** Fewer datagrams of a node than this would mean that the capture missed the ring. */
const DATAGRAMS_MIN = 50

for (const transport of ['udpu', 'udp'] as const) {
  describe(`a mixed ring over ${transport}, captured`, { skip: interopSkip() }, () => {
    let testbed: Testbed
    let peers: Peer[]
    let file: string

    before(async () => {
      ;({ testbed, peers } = await createCluster(['c', 'ours', 'c']))
      testbed.configure({ transport, totem: SHORT_TIMERS })
      file = join(testbed.directory, 'capture.pcap')
      const capture = testbed.spawnAtSwitch('tshark', ['-q', '-i', 'br0', '-f', 'udp', '-w', file])
      await until(
        'tshark to capture',
        TSHARK_MS,
        () => (/Capturing on/.test(capture.stderr) ? true : undefined),
        () => capture.stderr,
      )
      // Everything that a ring says: forming, load with retransmission, a partition with recovery, a merge, leaving.
      for (const peer of peers) peer.start()
      await converged(peers, [1, 2, 3])
      testbed.host(1).loss(5)
      await Promise.all([
        oneDirection(peers[0]!, peers, 'from-c', 5000, 50),
        oneDirection(peers[1]!, peers, 'from-ours', 5000, 50),
      ])
      testbed.host(1).loss(0)
      testbed.host(3).cut()
      await converged(peers.slice(0, 2), [1, 2])
      testbed.host(3).heal()
      await converged(peers, [1, 2, 3])
      await peers[1]!.stop()
      await converged([peers[0]!, peers[2]!], [1, 3])
      await capture.stop('SIGINT')
    })
    after(() => testbed?.down())

    it('passes for what C nodes send, without complaint', t => {
      const fields = ['ip.src', 'frame.protocols', '_ws.malformed', '_ws.expert.severity', '_ws.expert.message']
      const done = spawnSync(
        'tshark',
        [
          '-r',
          file,
          '-Y',
          'udp',
          '-o',
          'ip.check_checksum:TRUE',
          '-T',
          'fields',
          '-E',
          'separator=|',
          ...fields.flatMap(f => ['-e', f]),
        ],
        { encoding: 'utf8', timeout: TSHARK_MS, maxBuffer: 1 << 27 },
      )
      assert.equal(done.status, 0, done.stderr)
      /** Verdicts, and how often, by the node that sent. */
      const verdicts = new Map<number, Map<string, number>>()
      for (const line of done.stdout.split('\n')) {
        const [source = '', ...said] = line.split('|')
        if (source === '') continue
        const node = Number(source.split('.').at(-1))
        const counts = verdicts.get(node) ?? new Map<string, number>()
        const verdict = said.join(' ').trim()
        counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
        verdicts.set(node, counts)
      }
      for (const [node, counts] of verdicts) t.diagnostic(`node ${node}: ${JSON.stringify([...counts])}`)
      const ofC = new Set([...(verdicts.get(1)?.keys() ?? []), ...(verdicts.get(3)?.keys() ?? [])])
      const ours = verdicts.get(2)
      assert.ok(ours && sum(ours) >= DATAGRAMS_MIN, 'too little captured')
      for (const verdict of ours.keys()) {
        assert.match(verdict, /^eth:ethertype:ip:udp:corosync_totemnet:data$/)
        assert.ok(ofC.has(verdict), `${verdict} is said of ours only`)
      }
    })
  })
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}
