// What services want to know of the host that they run on. The driver of a node reads it; simulations have none.

export interface HostReadings {
  /** ms since 1970. */
  timeOfDayMs(): number
  /** The host's clock that never goes back, as programs of this host read it, ns. */
  monotonicNs(): bigint
  /** Memory and swap in use, whole percent of all there is. */
  memoryUsedPercent(): number
  /** Mean length of the run queue in the last 15 minutes. */
  load15(): number
}
