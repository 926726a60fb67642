// Every function of the stock C libraries against our daemon: scripts of calls (test/data/libraries) whose results and callbacks
// were recorded from C daemons. INTEROP_RECORD=1 records them anew.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { compileClient, LIBRARIES } from '../support/clients.js'
import { LibraryScript } from '../support/library-script.js'
import { type DaemonKind, daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import type { RingConfig } from '../support/testbed.js'
import { interopSkip } from '../support/testbed.js'

interface Script {
  readonly name: string
  readonly nodes: number
  readonly config?: Partial<RingConfig>
}

const SCRIPTS: readonly Script[] = [
  { name: 'cpg', nodes: 2 },
  { name: 'cmap', nodes: 2 },
  { name: 'cfg', nodes: 2 },
  { name: 'quorum', nodes: 3 },
  { name: 'votequorum', nodes: 2 },
  {
    name: 'votequorum-device',
    nodes: 2,
    config: { quorum: '  device {\n    model: test\n    votes: 1\n    timeout: 4000\n    sync_timeout: 2000\n  }' },
  },
]

const RECORD = process.env.INTEROP_RECORD === '1'
const RINGS: readonly (readonly DaemonKind[])[] = RECORD
  ? [['c', 'c', 'c']]
  : daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'c'])

describe('the line-driven clients', { skip: interopSkip() }, () => {
  for (const library of LIBRARIES) {
    it(`call every function of lib${library}`, () => {
      const symbols = (args: readonly string[]) =>
        spawnSync('nm', args, { encoding: 'utf8' })
          .stdout.split('\n')
          .flatMap(line => /[TU] (\w+)/.exec(line)?.[1] ?? [])
          .filter(symbol => symbol.startsWith(library === 'cfg' ? 'corosync_cfg_' : `${library}_`))
          .sort()
      const linked = spawnSync('ldd', [compileClient(library)], { encoding: 'utf8' }).stdout
      const path = new RegExp(`lib${library}\\.so\\S* => (\\S+)`).exec(linked)?.[1]
      assert.ok(path, linked)
      const offered = symbols(['-D', '--defined-only', path])
      assert.ok(offered.length > 0)
      assert.deepEqual(symbols(['-D', '--undefined-only', compileClient(library)]), offered)
    })
  }
})

for (const kinds of RINGS) {
  describe(`library calls on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    for (const { name, nodes, config } of SCRIPTS) {
      it(name, async () => {
        const cluster = await ServiceCluster.form(kinds.slice(0, nodes), config)
        try {
          const script = new LibraryScript(cluster, name)
          if (RECORD) await script.record()
          else assert.equal((await script.play()).join('\n\n'), '')
        } finally {
          await cluster.down()
        }
      })
    }
  })
}
