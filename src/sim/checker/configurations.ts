// C1 - C7: what a process may be told about configurations, and what the others must then have been told. Events are
// looked at before the model takes them in; what can only be known later (C5, C6) is looked at when a later change
// decides it, and at the end of the run.
//
// The identity of a configuration is (ring id, kind, previous ring): the sides of a merge pass through different
// transitional configurations under one ring id (Move in the model).

import { type Move, type Process, type RingRecord, type RingView, sameMembers, type TraceModel } from './model.js'

/** A transitional configuration is about to be delivered. */
export function checkTransitional(
  model: TraceModel,
  process: Process,
  previous: RingRecord | null,
  next: RingRecord,
  members: readonly number[],
): boolean {
  const where = `transitional configuration of ${next.name} {${members.join(' ')}}`
  if (!process.alive) {
    model.fail('B4', process, `${where} after the process ended`)
    return false
  }
  if (process.passing !== null) {
    model.fail('C4', process, `${where} directly after another transitional configuration`)
    return false
  }
  const from = process.view?.ring ?? null
  if (previous !== from) {
    model.fail('C4', process, `${where} names ${previous?.name ?? 'none'} as previous, it was ${from?.name ?? 'none'}`)
    return false
  }
  // The first installation of an incarnation has nobody to come along with.
  if (from === null) {
    if (members.some(member => member !== process.nodeId)) model.fail('C4', process, `${where} as the first of all`)
    return true
  }
  if (!members.includes(process.nodeId)) model.fail('C1', process, `${where} without the process itself`)
  for (const member of members) {
    if (!from.members.includes(member)) {
      model.fail('C4', process, `${where}: ${member} was not a member of ${from.name}`)
    } else if (from.installerOf(member) === undefined && !model.unseen(member, from)) {
      const promised = process.view!.into?.members.includes(member) ?? false
      model.fail(promised ? 'C5' : 'C4', process, `${where}: ${member} never installed ${from.name}`)
    }
  }
  const known = next.moveFrom(from)
  if (known !== undefined && !sameMembers(known.members, members)) {
    model.fail('C2', process, `${where} has members {${known.members.join(' ')}} elsewhere`)
  }
  return true
}

/** A regular configuration is about to be installed. */
export function checkRegular(
  model: TraceModel,
  process: Process,
  ring: RingRecord,
  members: readonly number[],
): boolean {
  const where = `regular configuration ${ring.name} {${members.join(' ')}}`
  if (!process.alive) {
    model.fail('B4', process, `${where} after the process ended`)
    return false
  }
  const move = process.passing
  if (move === null || move.to !== ring) {
    model.fail('C4', process, `${where} without its transitional configuration`)
    return false
  }
  if (!members.includes(process.nodeId)) model.fail('C1', process, `${where} without the process itself`)
  if (ring.installers.length > 0 && !sameMembers(ring.members, members)) {
    model.fail('C2', process, `${where} has members {${ring.members.join(' ')}} elsewhere`)
  }
  const highest = model.highestRing.get(process.nodeId)
  if (highest !== undefined && ring.seq <= highest) {
    model.fail('C3', process, `${where} after ring sequence ${highest.toString(16)}`)
  }
  for (const member of move.members) {
    if (!members.includes(member)) model.fail('C4', process, `${where}: ${member} came along and is not a member`)
  }
  if (move.from !== null) {
    if (!move.members.includes(process.nodeId)) {
      model.fail('C4', process, `${where}: others came along and have not counted it`)
    }
    for (const other of move.installers) {
      if (!move.members.includes(other.nodeId)) {
        model.fail('C4', process, `${where}: ${other.nodeId} came along and is not in the transitional configuration`)
      }
    }
    checkMovedTogether(model, process, move)
  }
  return true
}

/** C5 between this process and those that have installed the ring already, in both directions. */
function checkMovedTogether(model: TraceModel, process: Process, move: Move): void {
  const ring = move.to
  for (const member of move.members) {
    const other = ring.installerOf(member)
    if (other === undefined || move.installers.includes(other)) continue
    // A new incarnation at the other end: the one meant has crashed.
    if (move.from?.installerOf(member) !== other) continue
    model.fail('C5', process, `installed ${ring.name} together with ${member}, which came to it from another ring`)
  }
  for (const other of ring.moves) {
    if (other === move || other.from === null || other.installers.length === 0) continue
    if (other.members.includes(process.nodeId) && other.from.installerOf(process.nodeId) === process) {
      model.fail(
        'C5',
        process,
        `came to ${ring.name} from ${move.from?.name}, others have it coming from ${other.from.name}`,
      )
    }
  }
}

/** C7 in its strong form: by the time a ring numbers its first packet, every member has installed it. */
export function checkEverybodyInstalled(model: TraceModel, process: Process, ring: RingRecord): void {
  if (ring.installers.length >= ring.members.length) return
  const missing = ring.members.filter(member => ring.installerOf(member) === undefined && !model.unseen(member, ring))
  if (missing.length === 0) return
  model.fail('C7', process, `numbered a packet on ${ring.name} before ${missing.join(' ')} installed it`)
}

/**
 * When nothing will happen any more, to those in the same configuration since `before` at least: whoever still stands in
 * a configuration must not stand there half alone.
 */
export function checkConfigurationsAtEnd(model: TraceModel, before = Number.POSITIVE_INFINITY): void {
  for (const process of model.processes) {
    const view = process.view
    if (!process.alive || view === null || view.since > before) continue
    if (process.passing !== null) {
      model.fail('C4', process, `is still in the transitional configuration of ${process.passing.to.name}`)
      continue
    }
    checkPresent(model, process, view)
  }
}

function checkPresent(model: TraceModel, process: Process, view: RingView): void {
  const ring = view.ring
  for (const member of ring.members) {
    if (ring.installerOf(member) !== undefined || model.unseen(member, ring)) continue
    const companion = view.into?.members.includes(member) ? view.into.from?.installerOf(member) : undefined
    model.fail(
      companion?.alive ? 'C5' : 'C6',
      process,
      `stands in ${ring.name}, which member ${member} has not installed`,
    )
  }
}
