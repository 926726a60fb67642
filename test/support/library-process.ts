// A program with an embedded node, for tests of how such a program ends. Arguments: a description of the cluster as JSON,
// the engine, and how to end: 'exit' calls process.exit, 'throw' throws, 'close' closes the cluster and lets the process end
// by itself, 'busy' keeps the thread busy for three seconds and then exits. Ends once it shares a ring with node 1.

import { startNode } from '../../src/index.js'

const [description, engine, how] = process.argv.slice(2)
const cluster = await startNode({
  config: JSON.parse(description!),
  engine: engine as 'native' | 'dgram',
})
const group = await cluster.cpg.join('g', { onEvent: () => {} })
while (!cluster.members.includes(1)) await new Promise(resolve => cluster.once('ring', resolve))
await group.send(`node ${cluster.nodeId} is here`)
console.log('on the ring')
switch (how) {
  case 'exit':
    process.exit(7)
    break
  case 'throw':
    setTimeout(() => {
      throw new Error('the program is broken')
    })
    break
  case 'close':
    await cluster.close()
    console.log('closed')
    break
  case 'busy': {
    const until = performance.now() + 3000
    while (performance.now() < until);
    console.log(`awake, ring of ${cluster.members.length}`)
    await new Promise(resolve => setTimeout(resolve, 200))
    console.log(`then ring of ${cluster.members.length}`)
    process.exit(0)
  }
}
