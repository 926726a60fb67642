// A cluster described in a program instead of a file. It is written out as a corosync.conf and read back by the same code
// that reads files: one path, one set of rules.

import { CsError } from '../services/errors.js'
import { ClusterError } from './errors.js'

export interface NodeDescription {
  /** Which of `nodes` this is. */
  readonly nodeId: number
  readonly nodes: readonly {
    readonly nodeId: number
    /** Numeric, or a name that resolves. */
    readonly address: string
    readonly name?: string
  }[]
  /** UDP port, the same on all nodes (5405). */
  readonly port?: number
  /** Milliseconds without the token after which a node counts as lost (1000); the other timers follow from it. */
  readonly token?: number
  readonly clusterName?: string
  /** Further keys of the totem section, by their names in corosync.conf. */
  readonly totem?: Readonly<Record<string, string | number>>
  /** Keys of the quorum section: `provider: 'corosync_votequorum'` has votes counted. */
  readonly quorum?: Readonly<Record<string, string | number>>
}

/** A value on a line of its own: anything but what would end the line or open a section. */
const VALUE = /^[^\s{}]([^\n\r{}]*[^\s{}])?$/
const KEY = /^[a-z_0-9]+$/

/** The text of a corosync.conf that says the same. Throws ClusterError for what cannot be written down. */
export function configurationText(description: NodeDescription): string {
  const totem: Record<string, string | number> = {
    version: 2,
    transport: 'udpu',
    token: description.token ?? 1000,
    ...(description.clusterName === undefined ? {} : { cluster_name: description.clusterName }),
    ...description.totem,
  }
  const lines = ['totem {', ...entries(totem)]
  lines.push('interface {', ...entries({ linknumber: 0, mcastport: description.port ?? 5405 }), '}', '}')
  lines.push('nodelist {')
  for (const { nodeId, address, name } of description.nodes) {
    const node = { ring0_addr: address, nodeid: nodeId, ...(name === undefined ? {} : { name }) }
    lines.push('node {', ...entries(node), '}')
  }
  lines.push('}')
  if (description.quorum !== undefined) lines.push('quorum {', ...entries(description.quorum), '}')
  return `${lines.join('\n')}\n`
}

function entries(section: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(section).map(([key, value]) => {
    if (!KEY.test(key) || !VALUE.test(String(value))) {
      throw new ClusterError(CsError.INVALID_PARAM, `'${key}: ${value}' cannot stand in a configuration`)
    }
    return `${key}: ${value}`
  })
}
