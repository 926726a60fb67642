// The lock that keeps two daemons off one host, whichever engine each of them is.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SHORT_TIMERS } from '../support/combination.js'
import { interopSkip, Testbed, until } from '../support/testbed.js'

const OURS = fileURLToPath(new URL('../../../bin/corosync', import.meta.url))
const START_MS = 15_000
const ALREADY_RUNNING = 18

const PAIRS = [
  ['corosync', OURS],
  [OURS, 'corosync'],
  [OURS, OURS],
] as const

for (const [first, second] of PAIRS) {
  const name = (program: string) => (program === OURS ? 'daemon of ours' : 'C daemon')
  describe(`a host where a ${name(first)} runs`, { skip: interopSkip() }, () => {
    let testbed: Testbed
    before(async () => {
      testbed = await Testbed.create({ hosts: 1 })
      testbed.configure({ transport: 'udpu', totem: SHORT_TIMERS })
      testbed.host(1).start([first])
      await until(
        'the first daemon to form its ring',
        START_MS,
        () => (/A new membership/.test(testbed.host(1).log()) ? true : undefined),
        () => testbed.host(1).log().slice(-2000),
      )
    })
    after(() => testbed?.down())

    it(`takes no ${name(second)} beside it`, async () => {
      const host = testbed.host(1)
      const { code } = await host.run(second, ['-f', '-c', host.configFile], START_MS)
      assert.equal(code, ALREADY_RUNNING)
      assert.match(host.log(), /error {3}\[MAIN {2}\] Another Corosync instance is already running\.\n/)
      assert.ok(host.daemon?.running)
    })

    it('takes the other one once the first has ended', async () => {
      const host = testbed.host(1)
      assert.equal(await host.daemon?.stop('SIGTERM'), 0)
      const formed = (host.log().match(/A new membership/g) ?? []).length
      host.start([second])
      await until(
        'the second daemon to form its ring',
        START_MS,
        () => ((host.log().match(/A new membership/g) ?? []).length > formed ? true : undefined),
        () => host.log().slice(-2000),
      )
      assert.equal(await host.daemon?.stop('SIGTERM'), 0)
    })
  })
}
