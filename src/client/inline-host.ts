// What administrators' orders come to on a node that lives on this thread of a program: it can be ended; files and programs of
// the host are not its business. In: calls of the configuration service. Out: the end of the node.

import type { CfgService } from '../services/cfg/service.js'
import { type CfgHost, NO_LINKS } from '../services/cfg/types.js'

export interface InlineEnds {
  /** At once, without a word to the others. */
  killed(reason: string): void
  /** In order. */
  leave(reason: string): void
}

/** `cfg` is asked for when it is needed: the service and its surroundings need each other. */
export function inlineHost(ends: InlineEnds, cfg: () => CfgService): CfgHost {
  return {
    links: NO_LINKS,
    killed: reason => ends.killed(reason),
    shutdown: reason => ends.leave(reason),
    readConfiguration: () =>
      cfg().configurationRead({
        kind: 'unreadable',
        problem: 'this node was configured by its program, not by a file',
      }),
    refuses: () => undefined,
    apply() {},
    reopenLogFiles: () => cfg().logFilesReopened(false),
    activateCrypto() {},
    cleanUpCrypto() {},
  }
}
