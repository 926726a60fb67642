// Nodes whose configuration differs from that of the others: other timeouts, another window, a member list in which
// somebody is missing. As plain data, with the generator and the description. A cluster with such a node need not settle,
// but what it delivers has to be right.

import type { TotemParameters } from '../totem/parameters.js'
import type { Prng } from './prng.js'

/** A host, by index, and what is different there. */
export interface Misconfiguration {
  readonly host: number
  readonly totem?: Partial<TotemParameters>
  /** Hosts, by index, that this one's member list lacks: it sends them nothing and hears nothing of them. */
  readonly unlisted?: readonly number[]
}

export function chooseMisconfigurations(prng: Prng, nodes: number, totem: TotemParameters): Misconfiguration[] {
  const hosts = prng.shuffled(Array.from({ length: nodes }, (_, index) => index))
  const count = nodes > 2 && prng.chance(0.4) ? 2 : 1
  return hosts.slice(0, count).map((host, place) => {
    const kind = prng.pick(nodes > 1 ? (['timeouts', 'window', 'list'] as const) : (['timeouts', 'window'] as const))
    if (kind === 'timeouts') return { host, totem: otherTimeouts(prng, totem) }
    if (kind === 'list') return { host, unlisted: [hosts[(place + 1) % nodes]!] }
    const windowSize = prng.pick([5, 20, 100, 300])
    return { host, totem: { windowSize, maxMessages: Math.min(windowSize, prng.pick([1, 5, 17, 50])) } }
  })
}

/** All timeouts of the token shorter or longer, as with another `token`; or a consensus shorter than is allowed. */
function otherTimeouts(prng: Prng, totem: TotemParameters): Partial<TotemParameters> {
  if (prng.chance(0.3)) return { consensusMs: Math.ceil(totem.consensusMs * prng.between(0.1, 0.9)) }
  const factor = prng.chance(0.5) ? prng.between(0.3, 0.9) : prng.between(1.2, 4)
  const scaled = (ms: number) => Math.ceil(ms * factor)
  return {
    tokenTimeoutMs: scaled(totem.tokenTimeoutMs),
    tokenWarningMs: scaled(totem.tokenWarningMs),
    tokenRetransmitMs: scaled(totem.tokenRetransmitMs),
    holdMs: scaled(totem.holdMs),
    consensusMs: scaled(totem.consensusMs),
  }
}

export function describeMisconfiguration(nodeIds: readonly number[], different: Misconfiguration): string {
  const parts = Object.entries(different.totem ?? {}).map(([name, value]) => `${name} ${value}`)
  if (different.unlisted !== undefined) {
    parts.push(`no ${different.unlisted.map(host => nodeIds[host]).join(', ')} in its member list`)
  }
  return `node ${nodeIds[different.host]} is configured otherwise: ${parts.join(', ')}`
}
