// What C programs on libcpg see while clients and daemons come and go, against the record of the C daemon: the same transcripts
// that the unit tests replay on the engine, here through the stock library on real daemons over udpu.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HostReplay } from '../support/replay-on-hosts.js'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip } from '../support/testbed.js'
import { loadTranscript } from '../support/transcript.js'

const TRANSCRIPTS = [
  'basic',
  'multi-group-partition',
  'partition-merge',
  'partition-join-leave',
  'node-pause',
  'daemon-crash',
]
const RINGS = daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['c', 'ours', 'ours'], ['ours', 'c', 'c'])

for (const kinds of RINGS) {
  describe(`the recorded clients on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    for (const name of TRANSCRIPTS) {
      const transcript = loadTranscript(name)
      it(`${name}: ${transcript.title}`, async () => {
        const cluster = await ServiceCluster.form(kinds)
        try {
          const steps = await new HostReplay(cluster, transcript).run()
          for (const step of steps) assert.deepEqual(step.seen, step.expected, `after "${step.do}"`)
        } finally {
          await cluster.down()
        }
      })
    }
  })
}
