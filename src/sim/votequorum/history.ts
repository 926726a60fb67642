// What can happen to a cluster with votequorum, as plain data: a configuration and a list of steps. The idealised cluster
// (cluster.ts) and the reference model (model.ts) each live through it.

export interface ClusterConfig {
  /** Ids of the node list, and their votes. */
  readonly votes: Readonly<Record<number, number>>
  /** quorum.expected_votes; undefined when not given. */
  readonly expectedVotes?: number | undefined
  readonly twoNode?: boolean
  readonly waitForAll?: boolean | undefined
  readonly lastManStanding?: boolean
  readonly lastManStandingWindowMs?: number
  readonly tieBreaker?: 'lowest' | 'highest' | readonly number[] | undefined
  readonly allowDownscale?: boolean
  readonly expectedVotesTracking?: boolean
  readonly device?: DeviceConfig | undefined
}

export interface DeviceConfig {
  /** Undefined when not given. */
  readonly votes?: number | undefined
  readonly timeoutMs: number
  readonly syncTimeoutMs: number
}

/** What a program asks of a node. Of the current ring, unless `stale`. */
export type Request =
  | { readonly ask: 'expected'; readonly node: number; readonly votes: number }
  | { readonly ask: 'votes'; readonly node: number; readonly of: number; readonly votes: number }
  | { readonly ask: 'cancel'; readonly node: number }
  | { readonly ask: 'register'; readonly node: number }
  | { readonly ask: 'unregister'; readonly node: number }
  | { readonly ask: 'poll'; readonly node: number; readonly castVote: boolean; readonly stale?: boolean }
  | { readonly ask: 'master'; readonly node: number; readonly allow: boolean }

export type Step =
  /** A node starts, alone on a ring of its own. */
  | { readonly do: 'start'; readonly node: number }
  /**
   * New rings; everybody alive is in one, in the order in which they send their shares. With `shares`, only so many
   * nodes of each ring come to that before the next rings.
   */
  | { readonly do: 'rings'; readonly rings: readonly (readonly number[])[]; readonly shares?: number }
  /** Nodes die, new rings follow. */
  | { readonly do: 'kill'; readonly nodes: readonly number[] }
  /** A node ends in order, new rings follow. */
  | { readonly do: 'stop'; readonly node: number }
  /** All of them before any of their messages is delivered. */
  | { readonly do: 'ask'; readonly requests: readonly Request[] }
  /** The configuration of these nodes is another one from here on. */
  | { readonly do: 'reload'; readonly nodes: readonly number[]; readonly config: ClusterConfig }
  | { readonly do: 'wait'; readonly ms: number }

export interface History {
  readonly seed: number
  readonly config: ClusterConfig
  readonly steps: readonly Step[]
}

/** What a node answers at some point of a history. */
export interface NodeAnswer {
  readonly quorate: boolean
  readonly expected: number
  readonly highest: number
  readonly total: number
  readonly quorum: number
  readonly twoNode: boolean
  readonly waitForAll: boolean
  readonly waiting: boolean
  readonly lastManStanding: boolean
  /** What the quorum service was told last. */
  readonly reported: boolean
  /** Known nodes in the order of the list: id, state as programs see it, votes. */
  readonly nodes: readonly string[]
  /** Device: registered, alive, casting its vote, master wins; votes. */
  readonly device: string
  readonly barrier: number
  readonly tracked: number
  /** Of the last quorate membership. */
  readonly lowest: number
  readonly highestId: number
  /** Results of the requests of this step, in order. */
  readonly results: readonly number[]
  /** Expected votes that trackers were told of in this step. */
  readonly told: readonly number[]
}

export function showAnswer(answer: NodeAnswer): string {
  const { expected, total, quorum, quorate } = answer
  const flags = [
    answer.twoNode ? '2' : '',
    answer.waitForAll ? (answer.waiting ? 'W' : 'w') : '',
    answer.lastManStanding ? 'L' : '',
    answer.reported === quorate ? '' : '!',
  ].join('')
  return (
    `${expected}/${total}/${quorum}${quorate ? ' Q' : ''} highest ${answer.highest} ${flags} [${answer.nodes.join(' ')}]` +
    ` device ${answer.device} barrier ${answer.barrier} tracked ${answer.tracked} ids ${answer.lowest}..${answer.highestId}` +
    ` results ${answer.results.join(',')} told ${answer.told.join(',')}`
  )
}
