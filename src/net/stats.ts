// Counters of a transport, all since the start.

export class TransportStats {
  receivedDatagrams = 0
  receivedBytes = 0
  receiveCalls = 0
  sentDatagrams = 0
  sentBytes = 0
  sendCalls = 0
  /** Datagrams that the kernel did not take. */
  sendFailures = 0
  /** Failed sends since the last that worked. */
  continuousSendFailures = 0
  /** Not sent because the link was down. */
  unsentLinkDown = 0
  /** Segmented sends that had to be repeated frame by frame. */
  segmentationRefused = 0
  /** From addresses that no member has. */
  rejectedSource = 0
  /** Our own, come back. */
  rejectedOwn = 0
  empty = 0
  truncated = 0
  /** Thrown away on the node's request after a pause. */
  discarded = 0
}
