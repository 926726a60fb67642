// Which workloads a scenario has: raw packets for the single-ring machine; for whole nodes programs, and beside them
// replicas and slow programs where the plan names them. Each draws from a stream of its own.

import type { SimHost } from '../host.js'
import { Prng } from '../prng.js'
import type { Scenario } from '../scenario.js'
import { ProgramWorkload } from './programs.js'
import { RawWorkload } from './raw.js'
import { ReplicaWorkload } from './replicas.js'
import { SlowWorkload } from './slow.js'
import type { Workload, WorkloadContext } from './types.js'

export function chooseWorkload(scenario: Scenario, context: WorkloadContext): Workload {
  if (scenario.engine === 'ring') return new RawWorkload(context)
  const { replicas, slow } = scenario.workload
  const withStream = (stream: string) => ({ ...context, prng: new Prng(scenario.seed, stream) })
  const workloads: Workload[] = [new ProgramWorkload(context)]
  if (replicas !== undefined) workloads.push(new ReplicaWorkload(withStream('workload of replicas'), replicas))
  if (slow !== undefined) workloads.push(new SlowWorkload(withStream('workload of slow programs'), slow))
  return workloads.length === 1 ? workloads[0]! : new SeveralWorkloads(workloads)
}

class SeveralWorkloads implements Workload {
  readonly #workloads: readonly Workload[]

  constructor(workloads: readonly Workload[]) {
    this.#workloads = workloads
  }

  get accepted(): number {
    return this.#workloads.reduce((sum, workload) => sum + workload.accepted, 0)
  }

  hostStarted(now: number, host: SimHost): void {
    for (const workload of this.#workloads) workload.hostStarted(now, host)
  }

  hostLeaving(host: SimHost): void {
    for (const workload of this.#workloads) workload.hostLeaving(host)
  }

  hostEnded(host: SimHost): void {
    for (const workload of this.#workloads) workload.hostEnded(host)
  }

  settled(now: number): void {
    for (const workload of this.#workloads) workload.settled(now)
  }

  stop(): void {
    for (const workload of this.#workloads) workload.stop()
  }

  isDrained(): boolean {
    return this.#workloads.every(workload => workload.isDrained())
  }

  finish(): void {
    for (const workload of this.#workloads) workload.finish()
  }
}
