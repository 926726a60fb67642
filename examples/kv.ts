// A replicated key-value store. Run one process per node, each with its number, a UDP port and all addresses:
//
//   node dist/examples/kv.js 1 5405 127.0.0.1 127.0.0.2 127.0.0.3
//
// and type `set KEY VALUE`, `delete KEY`, `get KEY` or `list`. Every process has the whole store; a set is answered when it
// has its place in the one order in which all of them apply it.

import { createInterface } from 'node:readline'
import { replicate, startNode } from 'corosync-ts'

const [number, port, ...addresses] = process.argv.slice(2)
const cluster = await startNode({
  config: {
    nodeId: Number(number),
    port: Number(port),
    nodes: addresses.map((address, i) => ({ nodeId: i + 1, address })),
  },
})
console.log(`ring of nodes ${cluster.members.join(' ')}`)
cluster.on('ring', ({ members }) => console.log(`ring of nodes ${members.join(' ')}`))
cluster.on('end', error => {
  if (error !== undefined) throw error
})

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes))

let store = new Map<string, string>()

const replica = await replicate(
  cluster,
  'kv',
  {
    apply(command, { nodeId }) {
      const { key, value } = decode(command)
      if (value === undefined) store.delete(key)
      else store.set(key, value)
      console.log(`${key} = ${value ?? '(deleted)'}, said node ${nodeId}`)
    },
    snapshot: () => encode([...store]),
    restore(bytes) {
      store = new Map(decode(bytes))
      console.log(`got the state: ${store.size} keys`)
    },
  },
  {
    // With fewer than two of three nodes nobody writes, so that no partition can write what another one does not know.
    quorum: 'majority',
    onChange: (state, members) => console.log(`${state}, replicas on nodes ${members.map(m => m.nodeId).join(' ')}`),
    onDiscarded: ({ count }) =>
      console.log(`the other side of the partition prevails: ${count} of our changes are lost`),
  },
)

async function perform(line: string): Promise<string> {
  const [verb, key, ...value] = line.trim().split(' ')
  switch (verb) {
    case 'set':
      await replica.submit(encode({ key, value: value.join(' ') }))
      return `set ${key}`
    case 'delete':
      await replica.submit(encode({ key }))
      return `deleted ${key}`
    case 'get':
      return `${key} = ${store.get(key ?? '')}`
    case 'list':
      return JSON.stringify(Object.fromEntries([...store].sort()))
    default:
      return 'set KEY VALUE, delete KEY, get KEY or list'
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(`> ${await perform(line).catch((error: Error) => error.message)}`)
}
await cluster.close()
