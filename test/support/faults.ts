// Random faults on a running cluster of three peers, from a seed: kill and restart, stop and go on, cut, heal, one-way cut, loss.
// After each the members that can hear each other must agree; at the end the traces of all lives go to the judge.

import { type EngineEvent, type MemberEvent, ringName } from '../../src/recorder/format.js'
import type { MemberLife } from '../../src/recorder/reader.js'
import { judge, report, violationsOf } from '../../src/sim/check/check.js'
import { converged, type Peer, type TraceOptions } from './peers.js'
import { pause, type Testbed, until } from './testbed.js'

export interface FaultOptions {
  readonly seed: number
  readonly count: number
  readonly trace: TraceOptions
  /** How long the ring may take to settle after a fault. */
  readonly settleMs: number
  /** The longest time that a node stands still or a direction is cut. */
  readonly holdMs: number
  readonly say: (line: string) => void
}

/** A generator of numbers in [0, 1) that gives the same run for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Three members hear some 180 messages a second, and a fault takes half a second at least. */
const DELIVERIES_PER_FAULT_MIN = 50

type Fault = 'kill' | 'stop' | 'cut' | 'one-way cut' | 'loss'
const FAULTS: readonly Fault[] = ['kill', 'stop', 'cut', 'one-way cut', 'loss']
/** At the upper end a token comes through every other time, and rings break. */
const LOSS_PERCENT_MIN = 5
const LOSS_PERCENT_MAX = 40

/** Runs the faults; throws when the ring does not settle, or with every violation that the traces show. */
export async function sufferFaults(testbed: Testbed, peers: readonly Peer[], options: FaultOptions): Promise<void> {
  const random = randomFrom(options.seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const all = peers.map(peer => peer.node)
  for (const peer of peers) await peer.startTrace(options.trace)

  for (let done = 0; done < options.count; ) {
    await pause(200 + random() * 500)
    const fault = pick(FAULTS)
    const victim = pick(peers)
    const others = peers.filter(peer => peer !== victim)
    const rest = others.map(peer => peer.node)
    const settle = (who: readonly Peer[], members: readonly number[]) => converged(who, members, options.settleMs)
    const holdMs = Math.round(50 + random() * (options.holdMs - 50))
    const began = performance.now()
    let what = `${fault} ${victim.node}`
    done++
    switch (fault) {
      case 'kill':
        await victim.kill()
        await settle(others, rest)
        victim.start()
        break
      case 'stop':
        what += ` for ${holdMs} ms`
        victim.engine.signal('SIGSTOP')
        await pause(holdMs)
        victim.engine.signal('SIGCONT')
        break
      case 'cut':
        testbed.host(victim.node).cut()
        await settle(others, rest)
        await settle([victim], [victim.node])
        await pause(holdMs / 4)
        testbed.host(victim.node).heal()
        // Taking the cable out and putting it back are two faults, each with its own convergence.
        done++
        what += ', heal'
        break
      case 'loss': {
        const percent = Math.round(LOSS_PERCENT_MIN + random() * (LOSS_PERCENT_MAX - LOSS_PERCENT_MIN))
        what += ` of ${percent} % for ${holdMs} ms`
        testbed.host(victim.node).loss(percent)
        await pause(holdMs)
        testbed.host(victim.node).loss(0)
        break
      }
      case 'one-way cut': {
        const deaf = pick(others)
        what = `one-way cut ${victim.node} to ${deaf.node} for ${holdMs} ms`
        testbed.oneWayCut(victim.node, deaf.node)
        await pause(holdMs)
        testbed.clearOneWayCuts()
        break
      }
    }
    try {
      await settle(peers, all)
    } catch (error) {
      throw new Error(`seed ${options.seed}, fault ${done} (${what}): ${error}`)
    }
    for (const peer of peers) if (!peer.tracing) await peer.startTrace(options.trace)
    options.say(`fault ${done}/${options.count}: ${what}; settled after ${Math.round(performance.now() - began)} ms`)
  }

  await endTraces(peers)
  const lives = peers.flatMap(peer => peer.traces())
  const events: readonly { readonly event: string }[] = lives.flatMap<EngineEvent | MemberEvent>(life => life.events)
  const delivered = events.filter(({ event }) => event === 'message').length
  const rings = new Set(lives.flatMap<EngineEvent | MemberEvent>(life => life.events).flatMap(ringOf))
  options.say(`${lives.length} traces, ${rings.size} rings, ${delivered} deliveries judged`)
  // A judge of nothing finds nothing.
  if (delivered < options.count * DELIVERIES_PER_FAULT_MIN)
    throw new Error(`only ${delivered} deliveries were recorded`)
  const verdicts = judge(lives)
  if (violationsOf(verdicts).length > 0) throw new Error(`seed ${options.seed}:\n${report(verdicts).join('\n')}`)
}

function ringOf(event: EngineEvent | MemberEvent): string[] {
  return event.event === 'ring' ? [ringName(event.ring)] : []
}

/** Stops the senders and waits until everything that was accepted has come back to its sender, then ends the recordings. */
export async function endTraces(peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) peer.quiet()
  let last = ''
  await until(
    'everything that was sent to be delivered',
    20_000,
    () => {
      const living = peers.flatMap(peer => lastMember(peer) ?? [])
      const counts = living.map(countsOf)
      const now = counts
        .map(({ name, sent, own, all }) => `${name} sent ${sent} has ${own} of them and ${all} in all`)
        .join('; ')
      // Settled when nothing moves any more between two looks.
      const settled = now === last && counts.every(({ sent, own }) => own === sent)
      last = now
      return settled ? true : undefined
    },
    () => last,
    500,
  )
  for (const peer of peers) await peer.endTrace()
}

/** What the newest recording of a member on this node holds so far. */
export function lastMember(peer: Peer): MemberLife | undefined {
  return peer.traces().findLast((life): life is MemberLife => life.header.recorder === 'member')
}

function countsOf({ header, events }: MemberLife) {
  const name = `${header.node}:${header.pid}`
  const messages = events.filter(event => event.event === 'message')
  return {
    name,
    sent: events.filter(({ event }) => event === 'sent').length,
    own: messages.filter(({ sender }) => sender === name).length,
    all: messages.length,
  }
}
