// What a program is told by its node, on the way to the checker of groups, the trace and the story. In: events of one
// connection; must not know: what kind of program it is.

import type { CpgAddress, CpgListener, CpgMembershipChange } from '../../services/cpg/types.js'
import type { Session } from '../checker/groups.js'
import type { SimHost } from '../host.js'
import type { WorkloadContext } from './types.js'

/** `alive`: the node that the program talks to is still the same one. */
export function sessionListener(
  context: WorkloadContext,
  host: SimHost,
  session: Session,
  alive: () => boolean,
): CpgListener {
  const { groups, hash } = context
  const live = () => {
    if (alive()) return true
    context.fail('B4', host, `program ${session.pid} heard from a node that is gone`)
    return false
  }
  return {
    deliver: (nodeId, pid, buf, off, len) => {
      if (!live()) return
      hash.add(pid ^ Math.imul(session.pid, 31))
      hash.add(len)
      groups.delivered(session, nodeId, pid, buf, off, len)
    },
    deliverPartial: () => context.fail('API', host, 'a partial message was delivered, none was sent'),
    membershipChanged: change => {
      if (!live()) return
      hash.add(session.pid)
      for (const member of change.members) hash.add(member.pid)
      context.tell(host.now, host, () => describeChange(session, change))
      groups.membershipChanged(session, change)
    },
    ringChanged: (ring, members) => {
      if (!live()) return
      hash.add(session.pid ^ members.length)
      context.tell(
        host.now,
        host,
        () => `program ${session.pid} is told of ring ${ring.nodeId}.${ring.seq.toString(16)}`,
      )
      groups.ringChanged(session, ring)
    },
  }
}

function describeChange(session: Session, change: CpgMembershipChange): string {
  const list = (addresses: readonly CpgAddress[], sign: string) =>
    addresses.map(({ nodeId, pid, reason }) => ` ${sign}${nodeId}:${pid}${reason === 0 ? '' : `/${reason}`}`).join('')
  const members = list(change.members, '').trim()
  return `program ${session.pid} sees ${session.group} [${members}]${list(change.left, '-')}${list(change.joined, '+')}`
}
