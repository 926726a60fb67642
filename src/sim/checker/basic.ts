// B1 - B6 on packets: nothing invented, doubled, misplaced, altered or out of its sender's order. Each function looks at
// one event before the model takes it in, and returns whether the event makes enough sense to be looked at further.

import { type Process, type RingRecord, type TraceModel, UNSEEN_HASH } from './model.js'

/** A packet is about to be numbered on `ring` by `process`. */
export function checkNumbered(model: TraceModel, process: Process, ring: RingRecord, seq: number): boolean {
  const view = process.view
  if (!process.alive || view === null) {
    model.fail(
      'B4',
      process,
      `numbered ${ring.name}/${seq} ${process.alive ? 'before its first' : 'after its last'} moment`,
    )
    return false
  }
  if (view.ring !== ring) {
    const been = process.views.has(ring)
    model.fail(been ? 'B3' : 'C7', process, `numbered ${ring.name}/${seq} while in ${view.ring.name}`)
    return false
  }
  if (process.passing !== null) {
    model.fail('B3', process, `numbered ${ring.name}/${seq} in a transitional configuration`)
    return false
  }
  return true
}

/** A packet is about to be delivered to `process`. */
export function checkDelivered(
  model: TraceModel,
  process: Process,
  ring: RingRecord,
  seq: number,
  originNodeId: number,
  hash: number,
): boolean {
  const view = process.view
  if (!process.alive || view === null) {
    model.fail(
      'B4',
      process,
      `delivered ${ring.name}/${seq} ${process.alive ? 'before its first' : 'after its last'} moment`,
    )
    return false
  }
  if (view.ring !== ring) {
    const been = process.views.has(ring)
    model.fail(been ? 'B3' : 'C7', process, `delivered ${ring.name}/${seq} while in ${view.ring.name}`)
    return false
  }
  if (!ring.members.includes(originNodeId)) {
    model.fail('B4', process, `delivered ${ring.name}/${seq} of ${originNodeId}, which is not a member`)
    return false
  }
  const index = ring.indexOf(seq)
  const sender = index < 0 ? undefined : ring.senders[index]
  if (sender === undefined || sender.nodeId !== originNodeId) {
    model.fail('B1', process, `delivered ${ring.name}/${seq} of ${originNodeId}, which nobody of that name numbered`)
    return false
  }
  const numbered = ring.hashes[index]
  if (numbered !== UNSEEN_HASH && numbered !== hash) {
    model.fail(
      'B5',
      process,
      `delivered ${ring.name}/${seq} of ${originNodeId} with other bytes than it was numbered with`,
    )
  }
  if (view.has(index)) {
    model.fail('B2', process, `delivered ${ring.name}/${seq} twice`)
    return false
  }
  const counter = ring.counters[index]!
  const last = process.lastFrom[sender.index]
  if (last !== undefined && counter < last) {
    model.fail(
      'B6',
      process,
      `delivered ${ring.name}/${seq}, packet ${counter} of ${originNodeId}, after packet ${last}`,
    )
  }
  return true
}
