// What the captures in test/data/captures hold, so that their test cannot pass without having read them.

/** What a capture holds, counted while it is read. */
export interface Tally {
  /** Messages by type, as on the wire. */
  readonly types: number[]
  /** Multicasts within recovery wrappers. */
  wrapped: number
  /** Process-group packets that are not copies of others: those whose messages are counted below. */
  packets: number
  barriers: number
  builds: number
  /** Messages of group `a` by service and function: '2.5' is a downlist. */
  readonly services: Record<string, number>
  /** Messages of other groups. */
  readonly otherGroups: Record<string, number>
  /** Messages whose beginning is not in the capture. */
  headless: number
  /** Messages whose end is not in the capture. */
  unfinished: number
}

export interface Expected extends Pick<Tally, 'types' | 'wrapped' | 'packets' | 'barriers' | 'builds'> {
  readonly name: string
  readonly services: string
  readonly otherGroups: string
}

/**
 * What the captures hold. Types are tokens, multicasts, merge detections, joins, commit tokens, hold cancels; services
 * read 'service.function count'. A whole synchronisation has one barrier per service listed and node, so barriers are
 * four (three without votequorum) to a service build, except where a second ring change cut one short.
 */
export const CAPTURES: readonly Expected[] = [
  {
    name: 'udpu-join-leave',
    types: [327, 160, 30, 32, 14, 0],
    wrapped: 0,
    packets: 80,
    barriers: 44,
    builds: 11,
    services: '0.0 11, 2.5 11, 5.0 25',
    otherGroups: '',
  },
  {
    name: 'udpu-kill-rejoin',
    types: [258, 86, 30, 176, 10, 0],
    wrapped: 0,
    packets: 43,
    barriers: 24,
    builds: 6,
    services: '0.0 6, 2.5 6, 5.0 13',
    otherGroups: '',
  },
  {
    name: 'udpu-partition-merge',
    types: [389, 192, 47, 197, 16, 0],
    wrapped: 0,
    packets: 40,
    barriers: 22,
    builds: 8,
    services: '0.0 7, 2.5 5, 5.0 10',
    otherGroups: '',
  },
  {
    name: 'udpu-cpg-loss',
    types: [1401, 69, 8, 0, 0, 22],
    wrapped: 0,
    packets: 32,
    barriers: 0,
    builds: 0,
    services: '2.0 2, 2.1 1, 2.3 13',
    otherGroups: '',
  },
  {
    name: 'udpu-recovery-encap',
    types: [156, 115, 10, 164, 4, 2],
    wrapped: 20,
    packets: 24,
    barriers: 8,
    builds: 2,
    services: '0.0 2, 2.0 1, 2.1 1, 2.2 1, 2.3 12, 2.5 2, 5.0 4',
    otherGroups: '',
  },
  {
    name: 'udpu-ipv6',
    types: [120, 37, 16, 8, 4, 0],
    wrapped: 0,
    packets: 37,
    barriers: 20,
    builds: 5,
    services: '0.0 5, 2.5 5, 5.0 12',
    otherGroups: '',
  },
  {
    name: 'udp-join-load',
    types: [1006, 74, 19, 11, 10, 7],
    wrapped: 0,
    packets: 74,
    barriers: 32,
    builds: 8,
    services: '0.0 8, 2.0 2, 2.1 2, 2.3 7, 2.5 8, 5.0 19',
    otherGroups: '',
  },
  {
    name: 'udp-partition-leave',
    types: [358, 49, 21, 89, 14, 0],
    wrapped: 0,
    packets: 49,
    barriers: 28,
    builds: 7,
    services: '0.0 7, 2.5 7, 5.0 14',
    otherGroups: '',
  },
  {
    name: 'udp-broadcast',
    types: [118, 37, 11, 7, 4, 0],
    wrapped: 0,
    packets: 37,
    barriers: 20,
    builds: 5,
    services: '0.0 5, 2.5 5, 5.0 12',
    otherGroups: '',
  },
  {
    name: 'udp-ipv6',
    types: [120, 37, 11, 7, 4, 0],
    wrapped: 0,
    packets: 37,
    barriers: 20,
    builds: 5,
    services: '0.0 5, 2.5 5, 5.0 12',
    otherGroups: '',
  },
  {
    name: 'exec-messages-3n',
    types: [916, 60, 14, 116, 8, 19],
    wrapped: 0,
    packets: 51,
    barriers: 24,
    builds: 6,
    services: '0.0 8, 1.1 1, 1.2 1, 1.3 1, 2.0 2, 2.1 1, 2.2 2, 2.3 2, 2.5 6, 5.0 24, 5.1 6, 5.2 2, 5.3 2',
    otherGroups: '',
  },
  {
    name: 'ykd-3n',
    types: [369, 52, 28, 204, 16, 0],
    wrapped: 0,
    packets: 44,
    barriers: 33,
    builds: 11,
    services: '0.0 11, 2.5 11',
    otherGroups: 'ykd 22',
  },
]
