// Debian's unmodified command line tools against our daemon: recorded transcripts (test/data/tools), repeated on udpu rings. Same
// text apart from times, ring numbers, process ids and what one udpu link prints otherwise than two knet links
// (test/support/tool-transcript.ts). Recorded and not repeated at all, because no daemon of a cluster takes part: usage, no daemon,
// keygen, xmlproc; because they read the C daemon's own record of events, that of corosync-blackbox; because the programs are not
// packaged, testcpg, cpgverify and cpgbench; because they are of another generation, the tools of 1.4. D-Bus and SNMP carry
// what the log lines of corosync-notifyd say, which has a test of its own.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { daemonRings, ringTitle } from '../support/service-cluster.js'
import { interopSkip } from '../support/testbed.js'
import { QDEVICE, RELOAD, SHUTDOWN, TWO_NODE, UDP, VETO } from '../support/tool-changes.js'
import { repeat } from '../support/tool-clusters.js'
import { CMAPCTL, CPGTOOL, HEALTHY, NO_PROVIDER, NODES_GO, ONE_NODE, UNPLUGGED } from '../support/tool-setups.js'

const SETUPS = [
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
  describe(`the tools with ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
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
