// A program beside a daemon, ours or the C one: says who is there, whether this side may act, and what changes. Run it on a
// host with a daemon, as a user whom the daemon lets in:
//
//   node dist/examples/watch.js
//
// It is a member of the group `watch`; what is typed goes to all members. An empty line, or the end of the input, ends it.

import { createInterface } from 'node:readline'
import { connect } from 'corosync-ts'

const cluster = await connect()
console.log(`node ${cluster.nodeId}, ring of nodes ${cluster.members.join(' ')}`)
cluster.on('ring', ({ members }) => console.log(`ring of nodes ${members.join(' ')}`))
cluster.on('end', error => {
  if (error !== undefined) console.log(error.message)
})

const quorum = await cluster.quorum.track()
const changes = await cluster.cmap.track('', { prefix: true })
const group = await cluster.cpg.join('watch')

/** Until it ends, in order or with its daemon. */
async function follow<Event>(events: AsyncIterable<Event>, tell: (event: Event) => string | undefined): Promise<void> {
  try {
    for await (const event of events) {
      const line = tell(event)
      if (line !== undefined) console.log(line)
    }
  } catch {
    input.close()
  }
}

const input = createInterface({ input: process.stdin })
const following = Promise.all([
  follow(quorum, event => (event.type === 'quorum' ? (event.quorate ? 'quorate' : 'not quorate') : undefined)),
  // Counters change all the time.
  follow(changes, ({ key, event, after }) =>
    key.startsWith('runtime.services.') ? undefined : `${event} ${key} ${after?.value ?? ''}`,
  ),
  follow(group, event => {
    if (event.type === 'message') return `node ${event.nodeId} says ${new TextDecoder().decode(event.data)}`
    if (event.type === 'membership') return `members on nodes ${event.members.map(({ nodeId }) => nodeId).join(' ')}`
    return undefined
  }),
])

try {
  for await (const line of input) {
    if (line === '') break
    await group.send(line)
  }
  await group.leave()
  await cluster.close()
} catch (error) {
  console.log(`${error}`)
}
await following
// An open pipe would keep the process.
process.stdin.destroy()
