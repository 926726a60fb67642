// Votequorum broken on purpose, one way each: what the reference model has to notice.

import { VotequorumService, type VotequorumServiceOptions } from '../../src/services/votequorum/service.js'
import { NodeState, type VoteState } from '../../src/services/votequorum/state.js'
import type { ServiceFactory } from '../../src/sim/votequorum/cluster.js'
import { NodeFlag } from '../../src/wire/votequorum.js'

type Break = (service: VotequorumService) => void

const broken =
  (breakIt: Break): ServiceFactory =>
  options => {
    const service = new VotequorumService(options)
    breakIt(service)
    return service
  }

/** Replaces a method; `old` is the one that was there. */
function replace<T extends object, K extends keyof T>(target: T, key: K, make: (old: T[K]) => T[K]): void {
  const old = target[key]
  const bound = typeof old === 'function' ? (old.bind(target) as T[K]) : old
  Object.defineProperty(target, key, { value: make(bound), configurable: true, writable: true })
}

/** A property that keeps its value whatever is assigned. */
function freeze<K extends keyof VoteState>(state: VoteState, key: K, value: VoteState[K]): void {
  Object.defineProperty(state, key, { get: () => value, set() {}, configurable: true })
}

/** Changes the flags of every NODEINFO before the service sees it. */
function rewriteFlags(service: VotequorumService, change: (flags: number) => number): void {
  const handler = service.handlers[0]!
  replace(handler, 'receive', receive => (buf, off, len, origin, little) => {
    const copy = new DataView(buf.slice(off, off + len).buffer)
    copy.setUint32(28, change(copy.getUint32(28, little)), little)
    receive(new Uint8Array(copy.buffer), 0, len, origin, little)
  })
}

const without =
  (...omitted: (keyof VotequorumServiceOptions)[]): ServiceFactory =>
  options =>
    new VotequorumService(
      Object.fromEntries(
        Object.entries(options).filter(([key]) => !omitted.includes(key as keyof VotequorumServiceOptions)),
      ) as unknown as VotequorumServiceOptions,
    )

/** Ways that can be told apart on whole nodes, too. */
export const BREAKS: Readonly<Record<string, Break>> = {
  'the quorum falls whenever votes go': ({ state }) => {
    replace(
      state,
      'calculate',
      old =>
        (_, ...rest) =>
          old(true, ...rest),
    )
  },
  'nobody is believed to be quorate': service => rewriteFlags(service, flags => flags & ~NodeFlag.QUORATE),
  'a late poll has no consequences': ({ device }) => {
    replace(device, 'pollOverdue', () => () => {
      device.deadline = Number.POSITIVE_INFINITY
      device.awaited = false
    })
  },
  'what is read at run time is not told': service => replace(service, 'sendNodeInfo', () => () => {}),
}

export const MUTANTS: Readonly<Record<string, ServiceFactory>> = {
  ...Object.fromEntries(Object.entries(BREAKS).map(([name, breakIt]) => [name, broken(breakIt)])),
  'half of the votes is a quorum': broken(({ state }) => {
    replace(state, 'calculate', old => (...args) => {
      const { quorum, total } = old(...args)
      return { quorum: Math.max(1, quorum - (state.highestExpected % 2 === 0 ? 1 : 0)), total }
    })
  }),
  'the quorum never falls': broken(({ state }) => {
    replace(
      state,
      'calculate',
      old =>
        (_, ...rest) =>
          old(false, ...rest),
    )
  }),
  'two_node is not known': broken(({ state }) => freeze(state, 'twoNode', false)),
  'nobody waits for all': broken(({ state }) => replace(state, 'setWaiting', old => () => old(false))),
  'who waits for all waits for ever': broken(({ state }) => replace(state, 'setWaiting', old => () => old(true))),
  'the window of last_man_standing never ends': broken(service => {
    replace(service, 'expire', old => now => {
      const recalculate = service.state.recalculate.bind(service.state)
      service.state.recalculate = (decrease, byNodes) => {
        if (!byNodes) recalculate(decrease, byNodes)
      }
      old(now)
      service.state.recalculate = recalculate
    })
  }),
  'the tie breaker does not look who is there': broken(({ state }) => replace(state, 'isMember', () => () => true)),
  'a list of tie breakers forgets who was there before': broken(({ state }) => freeze(state, 'previousMembers', [])),
  'downscaling is not known': broken(({ state }) => freeze(state, 'allowDownscale', false)),
  'the barrier is not set': broken(({ state }) => freeze(state, 'barrier', 0)),
  'a device always votes': broken(({ state }) => replace(state, 'totalVotes', old => () => old(true))),
  'a synchronisation does not wait for the device': broken(({ device }) => {
    replace(device, 'syncBegins', old => () => {
      old()
      device.awaited = false
    })
  }),
  'the master does not win': broken(({ state }) => freeze(state, 'masterWins', false)),
  'everybody is believed to wait': broken(service => rewriteFlags(service, flags => flags | NodeFlag.WFA_STATUS)),
  'who leaves is counted on': broken(service => rewriteFlags(service, flags => flags & ~NodeFlag.LEAVING)),
  'who is gone is counted on': broken(service => {
    replace(service.sync, 'init', old => (transitional, members, ring) => {
      old(transitional, members, ring)
      for (const node of service.state.nodes) if (node.state === NodeState.DEAD) node.state = NodeState.MEMBER
    })
  }),
  'new nodes stand at the end of the list': broken(({ state }) => {
    replace(state, 'add', old => nodeId => {
      const node = old(nodeId)
      state.nodes.splice(state.nodes.indexOf(node), 1)
      state.nodes.push(node)
      return node
    })
  }),
  'programs do not hear of expected votes': broken(({ library }) => {
    replace(library, 'expectedVotesChanged', () => () => {})
  }),
  'expected votes are not remembered': without('tracking'),
  'quorum is not reported': options => new VotequorumService({ ...options, report() {} }),
}
