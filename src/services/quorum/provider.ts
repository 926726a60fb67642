// Which service decides about quorum, as the configuration names it (quorum.provider).

import type { LogSink } from '../../log/types.js'

/** What decides; `none`: nothing does, and the node is always quorate. */
export type QuorumProvider = 'none' | 'votequorum' | 'ykd'

const PROVIDERS: ReadonlyMap<string, QuorumProvider> = new Map([
  ['', 'none'],
  ['corosync_votequorum', 'votequorum'],
  ['corosync_ykd', 'ykd'],
])

/** The configuration cannot be started with; `message` in the words of the C daemon. */
export class QuorumConfigurationError extends Error {
  readonly code = 'QUORUM_CONFIGURATION'
  /** Of a daemon that cannot start a service. */
  readonly exitCode = 20

  constructor(message: string) {
    super(message)
    this.name = 'QuorumConfigurationError'
  }
}

/** Throws QuorumConfigurationError on a name that nobody has. */
export function quorumProvider(name: string, log: LogSink): QuorumProvider {
  if (name !== '') log('notice', 'QUORUM', `Using quorum provider ${name}`)
  const provider = PROVIDERS.get(name)
  if (provider === undefined) throw refused(name, 'Invalid quorum provider', log)
  return provider
}

/** Says that a provider cannot start, and why. */
export function refused(provider: string, reason: string, log: LogSink): QuorumConfigurationError {
  log('crit', 'QUORUM', `Quorum provider: ${provider} failed to initialize.`)
  log('error', 'SERV', `Service engine 'corosync_quorum' failed to load for reason '${reason}'`)
  return new QuorumConfigurationError(reason)
}
