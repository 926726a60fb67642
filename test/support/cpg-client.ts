// A local process on a node: what it is told, as short lines.

import type { CpgAddress, CpgConnection, CpgListener, CpgMembershipChange } from '../../src/services/cpg/types.js'
import type { CsErrorCode } from '../../src/services/errors.js'
import type { RingIdentity } from '../../src/totem/types.js'
import type { ServiceNode } from './service-node.js'

export class CpgClient implements CpgListener {
  readonly node: ServiceNode
  readonly pid: number
  readonly connection: CpgConnection
  readonly lines: string[] = []
  /** Called with every line. */
  onLine: (line: string) => void = () => {}

  constructor(node: ServiceNode, pid: number) {
    this.node = node
    this.pid = pid
    this.connection = node.cpg.connect(this)
  }

  join(group: string, flags = 0): CsErrorCode {
    return this.connection.join(Buffer.from(group), this.pid, flags)
  }

  leave(group: string, pid = this.pid): CsErrorCode {
    return this.connection.leave(Buffer.from(group), pid)
  }

  mcast(data: string | Uint8Array): CsErrorCode {
    const bytes = Buffer.from(data)
    return this.connection.mcast(bytes, 0, bytes.length)
  }

  /** The lines since the last look. */
  look(): string[] {
    return this.lines.splice(0)
  }

  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    const data = len <= 40 ? Buffer.from(buf.subarray(off, off + len)).toString('latin1') : `${len} bytes`
    this.#note(`${nodeId}:${pid} says ${data}`)
  }

  deliverPartial(
    nodeId: number,
    pid: number,
    type: number,
    total: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): void {
    const data = Buffer.from(buf.subarray(off, off + len)).toString('latin1')
    this.#note(`${nodeId}:${pid} says part ${type} of ${total}: ${data}`)
  }

  membershipChanged({ group, members, left, joined }: CpgMembershipChange): void {
    const now = members.map(({ nodeId, pid }) => `${nodeId}:${pid}`)
    const name = Buffer.from(group).toString('latin1')
    const text = `${name} [${now}]${changes(' -', left)}${changes(' +', joined)}`
    this.#note(text)
  }

  ringChanged(ring: RingIdentity, members: readonly number[]): void {
    this.#note(`ring ${ring.nodeId}.${ring.seq} [${members}]`)
  }

  #note(line: string): void {
    this.lines.push(line)
    this.onLine(line)
  }
}

function changes(sign: string, list: readonly CpgAddress[]): string {
  return list.map(({ nodeId, pid, reason }) => `${sign}${nodeId}:${pid}:${reason}`).join('')
}
