// L4: what a node holds in memory is bounded. In: the parts of a node that hold frames and half messages, where it shows
// them. Out: violations in the model.
//
// Frames: all queues together have so many places, whatever the peers do. At rest, when everything has been delivered
// everywhere, none is in use: one that is has been forgotten, and there will be more. Half messages: one per member and
// phase (before and after a change), each of bounded length.

import { ASSEMBLY_SIZE_MAX } from '../../pg/reassembly.js'
import { RETRANS_QUEUE_SIZE } from '../../totem/recovery.js'
import { SORT_QUEUE_SIZE } from '../../totem/sort-queue.js'
import type { SimNode } from '../sim-node.js'
import type { Process, TraceModel } from './model.js'

/** Sort queues (of the ring installed and of the one being recovered), send queues (new and transitional), phases. */
const SORT_QUEUES = 2
const SEND_QUEUES = 2
const PHASES = 2
/** The packet that is being packed. */
const OPEN_FRAMES = 1

/** At any time. */
export function checkFrames(model: TraceModel, process: Process, node: SimNode): void {
  const { ring } = node
  if (ring === undefined) return
  const most = SORT_QUEUES * SORT_QUEUE_SIZE + RETRANS_QUEUE_SIZE + SEND_QUEUES * ring.queueSize + OPEN_FRAMES
  if (ring.pool.inUse > most)
    model.fail('L4', process, `holds ${ring.pool.inUse} frames, its queues have ${most} places`)
}

/** In a configuration of that many members. */
export function checkHalfMessages(model: TraceModel, process: Process, node: SimNode, members: number): void {
  const groups = node.executive?.groups
  if (groups === undefined) return
  const { heldOrigins, heldBytes } = groups
  if (heldOrigins > members) {
    model.fail('L4', process, `keeps half messages of ${heldOrigins} senders, the ring has ${members} members`)
  }
  const most = PHASES * members * ASSEMBLY_SIZE_MAX
  if (heldBytes > most) model.fail('L4', process, `holds ${heldBytes} bytes for half messages, ${most} at most`)
}

/** When nothing has been sent for a while. */
export function checkAtRest(model: TraceModel, process: Process, node: SimNode): void {
  const frames = node.ring?.pool.inUse ?? 0
  if (frames > 0) model.fail('L4', process, `still holds ${frames} frames of a ring at rest`)
}
