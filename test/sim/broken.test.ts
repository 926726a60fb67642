// The laboratory catches nodes that are broken from outside, some of them while a disk is damaged, which excuses others.
// (Engines that are broken inside: test/sim/mutations. Traces written by hand for every property: test/unit/sim.)

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { factoryFor, runScenario } from '../../src/sim/run.js'
import { generateScenario, type Scenario, type ScenarioOptions } from '../../src/sim/scenario.js'
import type { HostServices, SimNode, SimNodeConfig, SimNodeFactory } from '../../src/sim/sim-node.js'
import type { TotemObserver } from '../../src/totem/types.js'

const TYPE_AT = 3
const JOIN = 3

/** Passes everything on to the real node; the broken ones below change one thing. */
class Wrapped implements SimNode {
  readonly node: SimNode
  constructor(node: SimNode) {
    this.node = node
  }
  get cpg() {
    return this.node.cpg!
  }
  get drained() {
    return this.node.drained ?? true
  }
  start(now: number, ringSequence: number) {
    this.node.start(now, ringSequence)
  }
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string) {
    this.node.receive(now, buf, off, len, from)
  }
  expire(now: number) {
    this.node.expire(now)
  }
  nextDeadline() {
    return this.node.nextDeadline()
  }
  interfaceChanged(now: number) {
    this.node.interfaceChanged(now)
  }
  prepareToLeave(now: number) {
    this.node.prepareToLeave?.(now)
  }
  leave(now: number) {
    this.node.leave(now)
  }
  sendRaw(buf: Uint8Array, off: number, len: number) {
    return this.node.sendRaw!(buf, off, len)
  }
}

type Breakage = (real: SimNodeFactory, config: SimNodeConfig, services: HostServices) => SimNode

/** The properties found broken in the first scenario, of a few, that shows any. */
function foundBroken(options: ScenarioOptions, breakage: Breakage): string[] {
  for (let seed = 1; seed <= 10; seed++) {
    const scenario = generateScenario(seed, { nodes: 3, mixedByteOrder: false, ...options })
    const real = factoryFor(scenario)
    const result = runScenario(scenario, { factory: (config, services) => breakage(real, config, services) })
    if (result.violations.length > 0) return result.violations.map(violation => violation.property)
  }
  return []
}

/** Three nodes; the disk of the first is lost, then the second crashes with its disk. */
function withLostDisk(breakage: Breakage): string[] {
  const generated = generateScenario(1, { nodes: 3, faults: [], engine: 'node', mixedByteOrder: false })
  const scenario: Scenario = {
    ...generated,
    nodeIds: [1, 2, 3],
    faults: [
      { atMs: 2000, fault: { kind: 'crash', host: 0, forMs: 20, disk: { kind: 'lost' } } },
      { atMs: 4000, fault: { kind: 'crash', host: 1, forMs: 20 } },
    ],
    faultEndMs: 6000,
  }
  const real = factoryFor(scenario)
  const result = runScenario(scenario, { factory: (config, services) => breakage(real, config, services) })
  return result.violations.map(violation => violation.property)
}

describe('the laboratory notices a node that', () => {
  it('is in order, by finding nothing', () => {
    assert.deepEqual(
      foundBroken({}, (real, config, services) => new Wrapped(real(config, services))),
      [],
    )
  })

  it('forgets its ring sequence number while the disk of another is lost (C3)', () => {
    class Forgetful extends Wrapped {
      override start(now: number) {
        super.start(now, 0)
      }
    }
    assert.deepEqual(
      withLostDisk((real, config, services) => new Wrapped(real(config, services))),
      [],
      'a lost disk alone is no violation',
    )
    const found = withLostDisk((real, config, services) => {
      const node = real(config, services)
      return config.nodeId === 2 ? new Forgetful(node) : new Wrapped(node)
    })
    assert.deepEqual(found, ['C3'])
  })

  it('has another idea of who is in a ring than the others, after the disk of one was lost (C2)', () => {
    const found = withLostDisk((real, config, services) => {
      const { observer } = services
      let lost = false
      const lying: TotemObserver = {
        ...observer,
        configured: change => {
          if (!change.members.includes(1)) lost = true
          const lie = lost && change.kind === 'regular' && change.members.length === 3
          observer.configured?.(lie ? { ...change, members: change.members.filter(member => member !== 1) } : change)
        },
      }
      return real(config, config.nodeId === 3 ? { ...services, observer: lying } : services)
    })
    assert.equal(found[0], 'C2')
  })

  for (const faults of [[], ['disk']] as const) {
    it(`does not listen to joins (L1)${faults.length > 0 ? ', damaged disks or not' : ''}`, () => {
      class Deaf extends Wrapped {
        override receive(now: number, buf: Uint8Array, off: number, len: number, from: string) {
          if (buf[off + TYPE_AT] !== JOIN) super.receive(now, buf, off, len, from)
        }
      }
      const found = foundBroken({ faults }, (real, config, services) => new Deaf(real(config, services)))
      assert.deepEqual(found, ['L1'])
    })
  }
})
