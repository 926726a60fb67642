// D1 - D7: agreement of processes on what was delivered and in which order. Looks at an event before the model takes it
// in (`beforeDelivery`, `beforeTransitional`, `beforeRegular`), and at the end of the run.

import type { Process, RingRecord, RingView, TraceModel } from './model.js'

/** D4, the sending half: a sequence number of a ring belongs to one packet, and the numbers are given out in order. */
export function checkNumbering(model: TraceModel, process: Process, ring: RingRecord, seq: number): boolean {
  const index = ring.firstSeq < 0 ? 0 : ring.indexOf(seq)
  if (index === ring.senders.length) return true
  const what = index < ring.senders.length ? 'a second time' : `after ${ring.senders.length} packets`
  model.fail('D4', process, `numbered ${ring.name}/${seq} (index ${index}) ${what}`)
  return false
}

/** The delivery has passed the basic checks: the packet exists, is of this ring, and is new to the process. */
export function checkOrder(
  model: TraceModel,
  process: Process,
  view: RingView,
  index: number,
  originNodeId: number,
  hash: number,
): void {
  const ring = view.ring
  const known = ring.firstHash[index]
  if (known !== undefined && known >= 0 && (known !== hash || ring.firstOrigin[index] !== originNodeId)) {
    model.fail('D4', process, `delivered another packet under ${ring.name} index ${index} than an earlier receiver`)
  }
  if (index < view.last) {
    model.fail('D7', process, `delivered index ${index} of ${ring.name} after index ${view.last}`)
    return
  }
  if (index === view.prefix) return
  if (process.passing === null) {
    model.fail('D5', process, `delivered index ${index} of ${ring.name}, ${view.prefix} is missing`)
    return
  }
  checkHoles(model, process, view, index)
}

/** D3 and D6: a delivery behind a hole, in the transitional configuration. */
function checkHoles(model: TraceModel, process: Process, view: RingView, index: number): void {
  const ring = view.ring
  const members = process.passing!.members
  const hole = view.prefix
  const sender = ring.senders[index]!
  if (ring.seen[index]! > hole) {
    model.fail(
      'D3',
      process,
      `delivered index ${index} of ${ring.name}, whose sender had seen ${hole}, without ${hole}`,
    )
  }
  if (!members.includes(sender.nodeId)) {
    model.fail(
      'D6',
      process,
      `delivered index ${index} of ${ring.name} behind a hole; ${sender.nodeId} did not come along`,
    )
  }
  for (let skipped = Math.max(view.last + 1, hole); skipped < index; skipped++) {
    const origin = ring.senders[skipped]!.nodeId
    if (members.includes(origin)) {
      model.fail('D6', process, `skipped index ${skipped} of ${ring.name}, whose sender ${origin} came along`)
    }
  }
  if (view.last >= hole) return
  // The first hole: nobody who came along may have the packet. Later ones may, for what is behind the first hole is
  // delivered only if its sender came along.
  for (const member of members) {
    if (ring.installerOf(member)?.views.get(ring)?.has(hole)) {
      model.fail('D6', process, `skipped index ${hole} of ${ring.name}, which ${member} has`)
    }
  }
}

/** A transitional configuration is an event of the total order too: all who pass through it do so at the same place. */
export function checkTransitionPlace(model: TraceModel, process: Process, next: RingRecord): void {
  const view = process.view
  if (view === null) return
  const known = next.moveFrom(view.ring)
  if (known !== undefined && known.prefix !== view.prefix) {
    model.fail(
      'D4',
      process,
      `passed from ${view.ring.name} to ${next.name} behind ${view.prefix} packets, others behind ${known.prefix}`,
    )
  }
}

/** The process leaves `view` for good: D1 for its own packets, D2 and D4 against those that made the same move. */
export function checkDeparture(model: TraceModel, process: Process, view: RingView): void {
  checkOwn(model, process, view)
  const move = process.passing!
  if (move.installers.length > 0) {
    if (move.deliveredCount !== view.deliveredCount || move.deliveredHash !== view.deliveredHash) {
      const other = move.installers[0]!
      model.fail(
        'D2',
        process,
        `moved from ${view.ring.name} to ${move.to.name} with ${view.deliveredCount} packets delivered, ` +
          `${other.nodeId} with ${move.deliveredCount}${firstDifference(view, other.views.get(view.ring))}`,
      )
    }
  }
  for (const back of view.ring.moves) {
    if (back.from === move.to && back.installers.length > 0) {
      model.fail('D4', process, `went from ${view.ring.name} to ${move.to.name}, another process the other way`)
    }
  }
}

function checkOwn(model: TraceModel, process: Process, view: RingView): void {
  if (view.ownDelivered === view.ownNumbered) return
  model.fail(
    'D1',
    process,
    `numbered ${view.ownNumbered} packets on ${view.ring.name}, only ${view.ownDelivered} came back`,
  )
}

function firstDifference(a: RingView, b: RingView | undefined): string {
  if (b === undefined) return ''
  const count = a.ring.senders.length
  for (let index = 0; index < count; index++) {
    if (a.has(index) !== b.has(index)) {
      return `; the first difference is index ${index} of ${a.ring.senders[index]!.nodeId}`
    }
  }
  return ''
}

/** When the network has been quiet for long enough: D1 and D2 hold in the last configuration too. */
export function checkDeliveriesAtEnd(model: TraceModel): void {
  for (const process of model.processes) {
    const view = process.view
    if (!process.alive || view === null) continue
    checkOwn(model, process, view)
    if (view.prefix !== view.ring.senders.length) {
      model.fail(
        'D2',
        process,
        `has ${view.prefix} of the ${view.ring.senders.length} packets of ${view.ring.name} at the end`,
      )
    }
  }
}
