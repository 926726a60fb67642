// A run of the simulator, recorded as real engines are: one recording per life, through the executive's recorder and the
// lines of the format. A crash just ends its recording; who runs at the end has settled.

import { createRecordingMemory, EngineRecorder, RecordedEvents } from '../../src/recorder/engine-recorder.js'
import { encodeEvent, encodeHeader } from '../../src/recorder/format.js'
import { type Life, TraceReader } from '../../src/recorder/reader.js'
import { factoryFor } from '../../src/sim/run.js'
import type { Scenario } from '../../src/sim/scenario.js'
import type { SimNodeFactory } from '../../src/sim/sim-node.js'
import { type RunResult, Simulation } from '../../src/sim/simulation.js'
import type { TotemObserver } from '../../src/totem/types.js'
import { createGeneration3 } from '../../src/wire/generation3.js'

const BUFFER_BYTES = 1 << 16

export interface RecordedRun {
  readonly result: RunResult
  /** Texts of the recordings, in the order in which the lives began. */
  readonly traces: readonly Recording[]
}

export class Recording {
  readonly node: number
  readonly lines: string[]
  /** The recorder, emptied after every event. */
  readonly observer: TotemObserver

  constructor(node: number, life: number, now: () => number) {
    this.node = node
    this.lines = [encodeHeader({ recorder: 'engine', node, pid: 100 + life, started: life })]
    const memory = createRecordingMemory(BUFFER_BYTES)
    const recorder = new EngineRecorder(memory, now)
    const events = new RecordedEvents(memory, 0)
    const write = () => {
      for (let event = events.next(); event !== undefined; event = events.next()) this.lines.push(encodeEvent(event))
    }
    this.observer = {
      numbered: (...packet) => {
        recorder.numbered(...packet)
        write()
      },
      delivered: (...packet) => {
        recorder.delivered(...packet)
        write()
      },
      configured: change => {
        recorder.configured(change)
        write()
      },
    }
  }
}

export function recordRun(
  scenario: Scenario,
  breakage: (real: SimNodeFactory) => SimNodeFactory = real => real,
): RecordedRun {
  const traces: Recording[] = []
  const broken = breakage(factoryFor(scenario))
  const simulation: Simulation = new Simulation(scenario, {
    factory: (config, services) => {
      const recording = new Recording(config.nodeId, traces.length, () => simulation.now)
      traces.push(recording)
      const both: TotemObserver = {
        numbered: (...packet) => {
          services.observer.numbered?.(...packet)
          recording.observer.numbered?.(...packet)
        },
        delivered: (...packet) => {
          services.observer.delivered?.(...packet)
          recording.observer.delivered?.(...packet)
        },
        configured: change => {
          services.observer.configured?.(change)
          recording.observer.configured?.(change)
        },
        entered: (state, cause) => services.observer.entered?.(state, cause),
      }
      return broken(config, { ...services, observer: both })
    },
    wire: (_, host) => createGeneration3({ littleEndian: !scenario.bigEndian[host] }),
  })
  const result = simulation.run()
  if (result.violations.length === 0 && result.settled) {
    for (const host of simulation.hosts) {
      const recording = traces.findLast(({ node }) => node === host.nodeId)
      if (host.state === 'running')
        recording?.lines.push(encodeEvent({ t: result.virtualMs, event: 'end', how: 'settled' }))
    }
  }
  return { result, traces }
}

export function livesOf(name: string, text: string): readonly Life[] {
  const reader = new TraceReader(name)
  const lines = text.split('\n')
  const rest = lines.pop()!
  for (const line of lines) reader.take(line)
  return reader.finish(rest)
}
