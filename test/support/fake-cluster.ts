// The library's cluster handle on a node of the fake ring: everything of the library is real, only the ring is not.

import { Cluster } from '../../src/client/cluster.js'
import type { GroupEvent } from '../../src/client/events.js'
import type { Group } from '../../src/client/group.js'
import { InlineLink } from '../../src/client/inline-link.js'
import type { EngineListener } from '../../src/client/link.js'
import type { FakeCpg, FakeNode } from './fake-cpg.js'

export interface FakeCluster {
  readonly cluster: Cluster
  readonly node: FakeNode
  readonly listener: EngineListener
}

const links = new Map<FakeNode, InlineLink>()

export function fakeCluster(cpg: FakeCpg, nodeId: number, maxQueuedBytes?: number): FakeCluster {
  const node = cpg.start(nodeId)
  let engine: EngineListener | undefined
  const cluster = new Cluster(listener => {
    engine = listener
    const link = new InlineLink(
      {
        nodeId,
        configuredNodeIds: [1, 2, 3],
        cpg: node,
        ...(maxQueuedBytes === undefined ? {} : { maxQueuedBytes }),
        stop: async () => {
          cpg.crash(node)
          listener.ended(undefined)
        },
      },
      listener,
    )
    links.set(node, link)
    return link
  })
  return { cluster, node, listener: engine! }
}

/** Turns of the event loop without any progress after which nothing more will happen. */
const IDLE_TURNS = 3

/** Lets the ring and everybody's event loop work until nothing happens any more. */
export async function quiesce(cpg: FakeCpg): Promise<void> {
  for (let idle = 0; idle < IDLE_TURNS; idle++) {
    let worked = false
    for (const node of cpg.alive) {
      if (cpg.number(node)) worked = true
    }
    for (const node of cpg.alive) {
      while (cpg.deliver(node)) worked = true
      links.get(node)?.worked()
    }
    if (worked) idle = -1
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Waits for a promise while the ring works. */
export async function settled<T>(cpg: FakeCpg, promise: Promise<T>): Promise<T> {
  let done = false
  const finish = () => {
    done = true
  }
  promise.then(finish, finish)
  while (!done) await quiesce(cpg)
  return promise
}

/** Collects a group's events in the background. */
export function collect(group: Group): { readonly events: GroupEvent[]; readonly end: Promise<Error | undefined> } {
  const events: GroupEvent[] = []
  const end = (async () => {
    try {
      for await (const event of group) events.push(event)
      return undefined
    } catch (error) {
      return error as Error
    }
  })()
  return { events, end }
}

/** An event as a line of text. */
export function line(event: GroupEvent): string {
  const list = (members: readonly { nodeId: number; reason?: string }[]) =>
    members.map(m => `${m.nodeId}${m.reason === undefined ? '' : `:${m.reason}`}`).join(',')
  switch (event.type) {
    case 'message':
      return `message ${event.nodeId} ${new TextDecoder().decode(event.data)}`
    case 'membership': {
      const left = event.left.length === 0 ? '' : ` -${list(event.left)}`
      const joined = event.joined.length === 0 ? '' : ` +${list(event.joined)}`
      return `members [${list(event.members)}]${left}${joined}`
    }
    case 'ring':
      return `ring [${event.members.join(',')}]`
  }
}
