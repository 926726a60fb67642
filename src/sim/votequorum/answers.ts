// What a node with the services votequorum and quorum answers, in the form in which the model does.

import type { LiveMap } from '../../services/cmap/live-map.js'
import type { QuorumService } from '../../services/quorum/service.js'
import type { VotequorumService } from '../../services/votequorum/service.js'
import { NodeFlag } from '../../wire/votequorum.js'
import type { NodeAnswer } from './history.js'

/** `results` of requests, and expected votes `told` to a tracker, since the last step. */
export function answerOf(
  service: VotequorumService,
  quorum: QuorumService,
  map: LiveMap,
  results: readonly number[],
  told: readonly number[],
): NodeAnswer {
  const { state, lastManStanding, device } = service
  const number = (key: string) => map.getNumber(`runtime.votequorum.${key}`, 'u32') ?? 0
  const has = (flag: number, letter: string) => (state.has(flag) ? letter : '')
  return {
    quorate: state.quorate,
    expected: state.us.expected,
    highest: state.highestExpected,
    total: state.totalVotes(state.has(NodeFlag.QDEVICE_CAST_VOTE)),
    quorum: state.quorum,
    twoNode: map.getNumber('runtime.votequorum.two_node', 'u8') === 1,
    waitForAll: state.waitForAll,
    waiting: state.waiting,
    lastManStanding,
    reported: quorum.quorate,
    nodes: state.nodes.map(node => `${node.nodeId}:${node.state}:${node.votes}`),
    device:
      (device.registered ? 'R' : '') +
      has(NodeFlag.QDEVICE_ALIVE, 'A') +
      has(NodeFlag.QDEVICE_CAST_VOTE, 'V') +
      has(NodeFlag.QDEVICE_MASTER_WINS, 'M') +
      state.deviceVotes,
    barrier: number('ev_barrier'),
    tracked: state.tracking ? state.trackingBarrier : 0,
    lowest: number('lowest_node_id'),
    highestId: number('highest_node_id'),
    results,
    told,
  }
}
