// The attack on a ring: a bounded number of packets in which nothing may go wrong; garbage leaves no trace; and nodes
// that are broken on purpose are found.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatFuzzFailure, fuzz } from '../../src/cli/fuzz.js'
import { hashBytes } from '../../src/recorder/payload-hash.js'
import { Attacker } from '../../src/sim/fuzz/attacker.js'
import { Captures, EVERYBODY } from '../../src/sim/fuzz/captures.js'
import { Epoch } from '../../src/sim/fuzz/epoch.js'
import { PayloadForge } from '../../src/sim/fuzz/payload.js'
import { fuzzTimers } from '../../src/sim/fuzz/plan.js'
import { Replicas } from '../../src/sim/fuzz/replicas.js'
import { FuzzRing } from '../../src/sim/fuzz/ring.js'
import { FuzzSession, type Temper } from '../../src/sim/fuzz/session.js'
import { LABELS, OUTCOMES } from '../../src/sim/fuzz/summary.js'
import { Values } from '../../src/sim/fuzz/values.js'
import { QUIET_NETWORK } from '../../src/sim/network.js'
import { Prng } from '../../src/sim/prng.js'
import { TraceHash } from '../../src/sim/trace.js'
import { readU32 } from '../../src/wire/cursor.js'
import type { WireGeneration } from '../../src/wire/generation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'

const PACKETS = 200_000

describe(`${PACKETS} forged packets`, () => {
  it('of every type leave the members in agreement, and nothing behind', () => {
    const options = { seed: 1, packets: PACKETS, nodes: undefined, minutes: 10 }
    const { summary, failures } = fuzz(
      options,
      () => {},
      () => {},
    )
    assert.deepEqual(
      failures.map(failure => formatFuzzFailure(failure, PACKETS, options)),
      [],
    )
    assert.ok(summary.packets >= PACKETS)
    // An attack that is refused at the door, or one that nobody notices, finds nothing.
    for (const label of LABELS) {
      const tally = summary.tallies.get(label)!
      for (const outcome of OUTCOMES) {
        if (outcome !== 'dropped' && outcome !== 'acted') assert.ok(tally[outcome] > 0, `${label} was never ${outcome}`)
      }
    }
    for (const label of ['orf_token', 'mcast', 'mcast (wrapper)', 'memb_merge_detect', 'memb_join', 'cpg'] as const) {
      assert.ok(summary.tallies.get(label)!.acted > 0, `nobody ever acted on ${label}`)
    }
    for (const [payload, count] of summary.ordered) assert.ok(count > 0, `no ${payload} was put in order`)
    for (const [layer, count] of Object.entries(summary.services)) assert.ok(count > 0, `${layer} refused nothing`)
  })

  it('are the same ones again with the same seed', () => {
    const run = () => new FuzzSession({ seed: 7, packets: 5000 }).run().summary
    const first = run()
    assert.ok(first.events > 1000)
    assert.deepEqual(run(), first)
  })
})

/** Everything that the nodes of a ring say to each other and above in six seconds, as a hash. */
function traceOf(attacked: boolean): { readonly hash: string; readonly fired: number } {
  const nodeIds = [1, 2, 3, 4]
  const epoch = new Epoch()
  epoch.packetsOnly = true
  const ring = new FuzzRing(
    {
      seed: 11,
      nodeIds,
      bigEndian: [false, true, false, false],
      totem: fuzzTimers(),
      firstSeq: 0,
      conditions: { ...QUIET_NETWORK, loss: 0.01 },
    },
    littleEndian => createGeneration3({ littleEndian }),
    () => epoch,
    text => assert.fail(text),
  )
  const trace = new TraceHash()
  const captures = new Captures(createGeneration3())
  ring.network.tap = (from, to, buf, off, len) => {
    captures.note(from, to, buf, off, len)
    trace.addTime(ring.now)
    trace.add((from << 8) ^ to)
    trace.add(hashBytes(buf, off, len))
  }
  for (const host of ring.hosts) host.start(0)
  ring.runUntil(2500, 200_000)
  assert.ok(ring.isWhole())
  const replicas = new Replicas(ring, new Prng(1, 'replicas'), 'twins', 100, [0, 1, 2, 3])
  ring.runUntil(2700, 200_000)
  replicas.begin()
  const prng = new Prng(2, 'attack')
  const wires = [createGeneration3({ littleEndian: true }), createGeneration3({ littleEndian: false })] as const
  const values = new Values(prng, wires[0], captures, nodeIds)
  const payloads = new PayloadForge(values, [replicas.group], () => 100)
  const attacker = new Attacker({ prng, wires, captures, values, payloads, hosts: 4, frameSize: 1500 })
  let fired = 0
  const volley = () => {
    for (let i = 0; i < 20; i++) {
      const shot = attacker.garbage(ring.now < 3690)
      if (!attacked) continue
      for (const { index } of ring.hosts) {
        if (shot.to !== EVERYBODY && shot.to !== index) continue
        ring.inject(index, shot.buf, shot.len)
        fired++
      }
    }
    // Never in the very moment of a deadline: a host is called a little later then.
    if (ring.now < 4700) ring.queue.pushAction(ring.now + 0.937, volley)
  }
  volley()
  // In the middle the ring forms anew.
  ring.queue.pushAction(3700, () => ring.carryOut({ kind: 'interface', host: 2 }))
  ring.runUntil(6000, 1_000_000)
  assert.ok(ring.isWhole())
  assert.deepEqual(epoch.violations, [])
  trace.add(ring.observed)
  trace.add(ring.network.sent)
  return { hash: trace.digest(), fired }
}

describe('garbage', () => {
  it('changes nothing: the ring does to the last datagram what it does without', () => {
    const calm = traceOf(false)
    const attacked = traceOf(true)
    assert.ok(attacked.fired > 50_000, `${attacked.fired}`)
    assert.equal(attacked.hash, calm.hash)
  })
})

/** A wire that does one thing wrong. */
function broken(
  breakage: (real: WireGeneration) => Partial<WireGeneration>,
): (littleEndian: boolean) => WireGeneration {
  return littleEndian => {
    const real = createGeneration3({ littleEndian })
    const wrong = breakage(real) as Record<string, unknown>
    return new Proxy(real, {
      get(target, key) {
        if (typeof key === 'string' && key in wrong) return wrong[key]
        const value = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

function firstFailure(wire: (littleEndian: boolean) => WireGeneration, tempers: Temper[]): string {
  const { failure } = new FuzzSession({ seed: 3, packets: 20_000, tempers, wire }).run()
  return failure?.text ?? 'nothing'
}

describe('a node that', () => {
  it('throws at a count is found', () => {
    const wire = broken(real => ({
      readToken(buf, off, len, into) {
        const accepted = real.readToken(buf, off, len, into)
        if (len >= 57 && readU32(buf, off + 53, true) > 30) throw new RangeError('a list of that length')
        return accepted
      },
    }))
    assert.match(firstFailure(wire, ['garbage']), /^RangeError: a list of that length/)
  })

  it('goes on reading a commit token that is too short is found', () => {
    const wire = broken(real => ({
      readCommitToken: (buf, off, len, into) => real.readCommitToken(buf, off, len, into) || len >= 41,
    }))
    assert.match(firstFailure(wire, ['garbage']), /^T8 .* made of memb_commit_token/)
  })

  it('takes messages without a sender is found', () => {
    const wire = broken(real => ({
      readMergeDetect(buf, off, len, into) {
        if (real.readMergeDetect(buf, off, len, into)) return true
        into.systemFrom = 77
        return len >= 29
      },
    }))
    assert.match(firstFailure(wire, ['garbage']), /^T8 .* garbage made of memb_merge_detect/)
  })

  it('turns a datagram round where it lies is found', () => {
    const wire = broken(real => ({
      open(buf, off, len) {
        const type = real.open(buf, off, len)
        if (real.header.foreign) buf.subarray(off, off + 2).reverse()
        return type
      },
    }))
    assert.match(firstFailure(wire, ['outsider']), /wrote into a datagram/)
  })

  it('never comes back from an attack is found', () => {
    let wounds = 0
    const wire = broken(real => ({
      readJoin(buf, off, len, into) {
        const accepted = real.readJoin(buf, off, len, into)
        if (accepted && into.procList.length > 300) wounds++
        return accepted && wounds < 3
      },
    }))
    assert.match(firstFailure(wire, ['outsider']), /^L1 not settled/)
  })

  it('holds on to what it was sent is found', () => {
    const kept: Uint8Array[] = []
    const wire = broken(real => ({
      open(buf, off, len) {
        kept.push(new Uint8Array(1000))
        return real.open(buf, off, len)
      },
    }))
    const lines: string[] = []
    const options = { seed: 3, packets: 110_000, nodes: undefined, minutes: 10, tempers: ['garbage'] as Temper[] }
    fuzz(
      { ...options, wire },
      line => lines.push(line),
      () => {},
    )
    assert.equal(lines.length, 1)
    assert.match(
      lines[0]!,
      /^fuzz --seed 3 --packets 110000 --rounds garbage: round \d+ \(garbage\): L4 the ring has grown/,
    )
  })
})
