// One fault from a name: the numbers that make it short or long, gentle or hard, drawn from a scenario's chance. In: how
// many hosts there are, and how slow the timers. Must not know: when the fault comes.

import type { DiskDamage } from './disk.js'
import type { Fault, FaultName } from './faults.js'
import type { Prng } from './prng.js'

/** `scale`: timers against the short ones. Undefined where the cluster is too small for the fault. */
export function chooseFault(prng: Prng, nodes: number, name: FaultName, scale: number): Fault | undefined {
  const host = prng.int(nodes)
  const other = nodes > 1 ? (host + 1 + prng.int(nodes - 1)) % nodes : host
  // Shorter than a token timeout as often as longer.
  const forMs = scale * (prng.chance(0.4) ? prng.exponential(150) : prng.between(300, 3000))
  if (nodes < 2 && NEEDS_TWO.has(name)) return undefined
  switch (name) {
    case 'partition': {
      const order = prng.shuffled(everyHost(nodes))
      const cut = 1 + prng.int(nodes - 1)
      const sides = [order.slice(0, cut), order.slice(cut)]
      if (cut > 1 && prng.chance(0.2)) sides.push(sides[0]!.splice(0, 1 + prng.int(cut - 1)))
      return { kind: 'partition', sides, forMs }
    }
    case 'oneway':
      return { kind: 'cut', from: host, to: other, forMs }
    case 'freeze':
      return { kind: 'freeze', from: host, to: other, forMs }
    case 'clog':
      return prng.chance(0.5)
        ? { kind: 'clog', from: host, to: other, forMs }
        : { kind: 'latency', from: host, to: other, extraMs: scale * prng.exponential(50), forMs }
    case 'swizzle': {
      const hosts = prng.shuffled(everyHost(nodes)).slice(0, 1 + prng.int(nodes))
      return { kind: 'swizzle', hosts, back: prng.shuffled(hosts), everyMs: scale * prng.exponential(100), forMs }
    }
    case 'bandwidth': {
      const hosts = prng.chance(0.3) ? everyHost(nodes) : [host]
      // From so little that a full visit of the token takes longer than its timeout, to what is hardly noticed.
      const bytesPerMs = ((nodes * 10) / scale) * 10 ** prng.between(0, 2)
      const queueBytes = Math.ceil(bytesPerMs * scale * prng.between(10, 300))
      return { kind: 'bandwidth', hosts, bytesPerMs, queueBytes, forMs }
    }
    case 'mtu':
      return { kind: 'mtu', hosts: [host, other], bytes: prng.pick([300, 576, 1000, 1280, 1400]), forMs }
    case 'overflow': {
      const bufferBytes = prng.pick([2048, 4096, 16_384, 65_536])
      return { kind: 'overflow', host, readMs: prng.between(0.02, 1), bufferBytes, forMs }
    }
    case 'pause':
      return { kind: 'pause', host, forMs, inputFirst: prng.chance(0.5) }
    case 'crash':
      return { kind: 'crash', host, forMs: prng.chance(0.3) ? prng.between(0, 50) : forMs }
    case 'disk':
      return {
        kind: 'crash',
        host,
        forMs: prng.chance(0.3) ? prng.between(0, 50) : forMs,
        disk: chooseDamage(prng),
      }
    case 'leave':
      return { kind: 'leave', host, forMs: prng.chance(0.3) ? prng.between(0, 50) : forMs }
    case 'interface':
      return { kind: 'interface', host }
    default:
      return undefined
  }
}

const NEEDS_TWO: ReadonlySet<FaultName> = new Set([
  'partition',
  'oneway',
  'freeze',
  'clog',
  'swizzle',
  'bandwidth',
  'mtu',
])

function chooseDamage(prng: Prng): DiskDamage {
  const kind = prng.pick(['lost', 'torn', 'old'] as const)
  if (kind === 'lost') return { kind }
  return kind === 'torn' ? { kind, bytes: prng.int(8) } : { kind, writes: 1 + prng.int(6) }
}

function everyHost(nodes: number): number[] {
  return Array.from({ length: nodes }, (_, index) => index)
}
