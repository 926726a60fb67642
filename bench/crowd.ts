// 200 programs on one of our daemons, some of whom are killed at random moments and replaced, for two minutes (--seconds), in ten
// rounds: the others must see one order, and the daemon must let go of descriptors, files and memory. Prints what it holds after
// each round. Root, since it makes hosts of namespaces.

import { parseArgs } from 'node:util'
import { atRest, letGo, runCrowd } from '../test/support/crowd.js'
import { ServiceCluster } from '../test/support/service-cluster.js'
import { interopObstacle } from '../test/support/testbed.js'

const ROUNDS = 10
/** What one round may leave more than the first, of megabytes: V8's reserve, and no growth from round to round. */
const RESERVE_MB = 64

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, kills: { type: 'string', default: '500' } },
})
const seconds = Number(options.seconds)
const kills = Number(options.kills)
if (!(seconds >= ROUNDS) || !(kills >= 0)) {
  console.error(`--seconds is at least ${ROUNDS}`)
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
  const round = { steady: 150, victims: 50, rate: 5, bytes: 200, ms: (seconds * 1000) / ROUNDS, kills: kills / ROUNDS }
  await runCrowd(cluster, { ...round, ms: 1000, kills: 5 })
  const first = await atRest(cluster, 1)
  console.log(`before: ${JSON.stringify(first)}`)
  for (let i = 1; i <= ROUNDS; i++) {
    const { delivered, seconds: took } = await runCrowd(cluster, round)
    const now = await letGo(cluster, 1, first)
    console.log(`round ${i}: ${delivered} messages in ${took.toFixed(1)} s, ${JSON.stringify(now)}`)
    if (now.residentMb > first.residentMb + RESERVE_MB) failed = true
  }
  if (failed) console.error(`memory grew by more than ${RESERVE_MB} MB`)
} finally {
  await cluster.down()
}
process.exit(failed ? 1 : 0)
