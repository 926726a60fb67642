// 200 programs on one of our daemons, some of whom are killed at random moments and replaced, for two minutes (--seconds), in ten
// rounds (--rounds; one: they stay connected from beginning to end): the others must see one order, and the daemon must let go of descriptors, files and memory. Prints what it holds after
// each round, and its memory during it. Root, since it makes hosts of namespaces.

import { parseArgs } from 'node:util'
import { atRest, holdings, letGo, runCrowd } from '../test/support/crowd.js'
import { ServiceCluster } from '../test/support/service-cluster.js'
import { interopObstacle } from '../test/support/testbed.js'

const SAMPLE_MS = 20_000
/** What one round may leave more than the first, of megabytes: V8's reserve, and no growth from round to round. */
const RESERVE_MB = 64

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    kills: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '10' },
    /** Messages a second of each program. */
    rate: { type: 'string', default: '5' },
  },
})
const seconds = Number(options.seconds)
const kills = Number(options.kills)
const rounds = Number(options.rounds)
if (!(rounds >= 1) || !(seconds >= rounds) || !(kills >= 0)) {
  console.error('there is at least one round, of at least one second')
  process.exit(2)
}
const obstacle = interopObstacle()
if (obstacle) {
  console.error(obstacle)
  process.exit(2)
}

const cluster = await ServiceCluster.form(['ours', 'ours'])
let failed = false
try {
  const round = {
    steady: 150,
    victims: 50,
    rate: Number(options.rate),
    bytes: 200,
    ms: (seconds * 1000) / rounds,
    kills: Math.round(kills / rounds),
  }
  await runCrowd(cluster, { ...round, ms: 1000, kills: 5 })
  const first = await atRest(cluster, 1)
  console.log(`before: ${JSON.stringify(first)}`)
  for (let i = 1; i <= rounds; i++) {
    const began = performance.now()
    const sampling = setInterval(() => {
      const { descriptors, files, residentMb, privateMb } = holdings(cluster, 1)
      const after = Math.round((performance.now() - began) / 1000)
      console.log(
        `after ${after} s: ${descriptors} descriptors, ${files} connections' directories, ${residentMb.toFixed(0)} MB, ` +
          `${privateMb.toFixed(0)} MB without what it shares`,
      )
    }, SAMPLE_MS)
    const { delivered, seconds: took } = await runCrowd(cluster, round).finally(() => clearInterval(sampling))
    const now = await letGo(cluster, 1, first)
    console.log(`round ${i}: ${delivered} messages in ${took.toFixed(1)} s, ${JSON.stringify(now)}`)
    if (now.residentMb > first.residentMb + RESERVE_MB) failed = true
  }
  if (failed) console.error(`memory grew by more than ${RESERVE_MB} MB`)
} finally {
  await cluster.down()
}
process.exit(failed ? 1 : 0)
