// Everything that happens in a run, as typed events in the order of virtual time: what the story and the timeline are
// made from. The simulation makes them only while somebody observes. Must not know: how any of it is shown.

import type { LogLevel, Subsystem } from '../log/types.js'
import type { TotemEvent } from '../totem/events.js'
import type { ConfigurationChange, RingIdentity } from '../totem/types.js'
import type { Violation } from './checker/model.js'
import type { Fault } from './faults.js'

export type SimEventBody =
  | { readonly kind: 'started'; readonly incarnation: number; readonly ringSequence: number }
  | { readonly kind: 'ended'; readonly how: 'crashed' | 'left' }
  | { readonly kind: 'paused' | 'resumed' }
  | { readonly kind: 'configured'; readonly change: ConfigurationChange }
  | { readonly kind: 'numbered'; readonly ring: RingIdentity; readonly seq: number }
  | { readonly kind: 'delivered'; readonly ring: RingIdentity; readonly seq: number; readonly origin: number }
  | { readonly kind: 'totem'; readonly event: TotemEvent }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly subsystem: Subsystem; readonly message: string }
  /** What has no shape of its own: programs, faults in words. */
  | { readonly kind: 'text'; readonly text: string }
  /** Is about to be carried out. */
  | { readonly kind: 'fault'; readonly fault: Fault }
  /** Whatever is still wrong is put right now. */
  | { readonly kind: 'faultsEnd' }
  | { readonly kind: 'settled'; readonly standing: string }
  | { readonly kind: 'violation'; readonly violation: Violation }
  /** The run is over; nothing follows. */
  | { readonly kind: 'end' }

/** `time`: virtual, in ms. `nodeId` 0: the laboratory itself. */
export type SimEvent = SimEventBody & { readonly time: number; readonly nodeId: number }

export type SimObserver = (event: SimEvent) => void
