// Judges the recordings of members of one group: what each saw between two ring configurations. It sees messages, no
// packets. A message whose fragments straddle a change counts where it was completed, and who joined its sender at that
// change may lack it, with what was packed behind its last fragment (withoutStraddlers). Messages that no recorder made
// carry no counter and cannot be told apart; they are counted and not judged.

import { ringName } from '../../recorder/format.js'
import { isCutOff, type MemberLife } from '../../recorder/reader.js'
import { TraceError, type TraceViolation, type Verdict, verdictOn } from './verdict.js'

/** No frame carries more bytes of messages than this, so no more can be lost to joiners behind a straddling message. */
const FRAME_BYTES_MAX = 1500

interface Message {
  readonly sender: string
  readonly counter: number
  readonly hash: number
  readonly bytes: number
  readonly t: number
}

/** What one member saw between two ring configurations. */
interface Epoch {
  /** Empty for what came before the first configuration. */
  readonly ring: string
  readonly ringSeq: number
  readonly members: readonly number[]
  readonly delivered: Message[]
  readonly t: number
}

class Member {
  readonly name: string
  readonly node: number
  readonly life: MemberLife
  readonly epochs: Epoch[] = []
  readonly sent = new Map<number, { readonly hash: number; readonly bytes: number }>()
  readonly end: 'left' | 'settled' | 'failed' | 'cut off'
  unmarked = 0

  constructor(life: MemberLife) {
    const { header, events } = life
    this.name = `${header.node}:${header.pid}`
    this.node = header.node
    this.life = life
    const last = events.at(-1)
    this.end = last?.event === 'end' ? last.how : 'cut off'
    let epoch: Epoch = { ring: '', ringSeq: -1, members: [], delivered: [], t: 0 }
    for (const event of events) {
      if (event.event === 'sent') this.sent.set(event.counter, event)
      // The same configuration is told again to one who joins a group after the ring has formed.
      else if (event.event === 'ring' && ringName(event.ring) !== epoch.ring) {
        epoch = {
          ring: ringName(event.ring),
          ringSeq: event.ring.seq,
          members: event.members,
          delivered: [],
          t: event.t,
        }
        this.epochs.push(epoch)
      } else if (event.event === 'message') {
        if (this.epochs.length === 0) this.epochs.push(epoch)
        if (event.counter === null) this.unmarked++
        else epoch.delivered.push({ ...event, counter: event.counter })
      }
    }
  }

  /** Index of the epoch on that ring; -1 when it was never there. */
  epochOn(ring: string): number {
    return ring === '' ? -1 : this.epochs.findIndex(epoch => epoch.ring === ring)
  }

  ringBefore(ring: string): string | undefined {
    return this.epochs[this.epochOn(ring) - 1]?.ring
  }

  /** It ended when it wanted to, in a group that went on. */
  get orderly(): boolean {
    return this.end === 'left' || this.end === 'settled'
  }
}

/** `lives`: recordings of members of one group. */
export function judgeMembers(group: string, lives: readonly MemberLife[]): Verdict {
  return new GroupJudge(group, lives).judge()
}

class GroupJudge {
  readonly #group: string
  readonly #members: readonly Member[]
  readonly #byName: Map<string, Member>
  readonly #violations: TraceViolation[] = []
  readonly #counts = {
    messages: 0,
    unmarked: 0,
    strangers: 0,
    configurations: 0,
    memberships: 0,
    own: 0,
    ownUnjudged: 0,
    together: 0,
    apart: 0,
    common: 0,
  }

  constructor(group: string, lives: readonly MemberLife[]) {
    this.#group = group
    this.#members = lives.map(life => new Member(life))
    this.#byName = new Map(this.#members.map(member => [member.name, member]))
    for (const member of this.#members) {
      const other = this.#byName.get(member.name)!
      if (other === member) continue
      throw new TraceError(
        `${member.life.place} and ${other.life.place} are recordings of the same member ${member.name}`,
      )
    }
  }

  judge(): Verdict {
    for (const member of this.#members) this.#judgeAlone(member)
    this.#compareConfigurations()
    for (const [i, one] of this.#members.entries()) {
      for (const other of this.#members.slice(i + 1)) this.#judgePair(one, other)
    }
    return {
      subject: `members of group ${this.#group}: ${this.#members.map(({ name }) => name).join(', ')}`,
      remarks: this.#remarks(),
      properties: this.#properties(),
      violations: this.#violations,
    }
  }

  #fail(property: string, member: Member, t: number, text: string): void {
    this.#violations.push({ property, where: `member ${member.name}`, t, text })
  }

  // ---- one recording by itself -------------------------------------------------------------------------------------

  #judgeAlone(member: Member): void {
    this.#counts.unmarked += member.unmarked
    this.#judgeMemberships(member)
    /** Per sender: counters delivered, and the one that is due. */
    const seen = new Map<string, { readonly counters: Set<number>; next: number }>()
    /** Senders that kept this node company in every configuration since their last delivery. */
    let together = new Set<string>()
    let previous: Epoch | undefined
    let highest = -1
    for (const epoch of member.epochs) {
      if (epoch.ring !== '') {
        this.#counts.configurations++
        if (epoch.ringSeq <= highest)
          this.#fail('C3', member, epoch.t, `ring ${epoch.ring} after ring sequence ${highest.toString(16)}`)
        highest = Math.max(highest, epoch.ringSeq)
        if (!epoch.members.includes(member.node))
          this.#fail('C1', member, epoch.t, `is not in its own ring ${epoch.ring}`)
      }
      const from = previous
      together = new Set(
        [...together].filter(sender => from && this.#movedTogether(sender, from.ring, epoch.ring, member)),
      )
      for (const message of epoch.delivered) {
        this.#counts.messages++
        this.#judgeOrigin(member, message)
        let known = seen.get(message.sender)
        if (known === undefined) {
          known = { counters: new Set(), next: message.counter }
          seen.set(message.sender, known)
        }
        const what = `message ${message.counter} of ${message.sender}, in ring ${epoch.ring}`
        if (known.counters.has(message.counter)) this.#fail('B2', member, message.t, `delivered twice: ${what}`)
        else if (message.counter < known.next)
          this.#fail('B6', member, message.t, `after message ${known.next - 1}: ${what}`)
        else if (message.counter > known.next && together.has(message.sender)) {
          const missing = `messages ${known.next} to ${message.counter - 1} of ${message.sender} are missing`
          this.#fail('D2', member, message.t, `${missing}, in ring ${epoch.ring}`)
        }
        known.counters.add(message.counter)
        known.next = Math.max(known.next, message.counter + 1)
        together.add(message.sender)
      }
      previous = epoch
    }
    this.#judgeOwn(member, seen.get(member.name)?.counters ?? new Set())
  }

  /** B1 and B5 against the sender's own recording. */
  #judgeOrigin(member: Member, message: Message): void {
    const sender = this.#byName.get(message.sender)
    const what = `message ${message.counter} of ${message.sender}`
    const sent = sender?.sent.get(message.counter)
    if (sent !== undefined) {
      if (sent.hash !== message.hash || sent.bytes !== message.bytes)
        this.#fail('B5', member, message.t, `${what} is not as it was sent`)
    } else if (sender === undefined || isCutOff(sender.life)) this.#counts.strangers++
    else this.#fail('B1', member, message.t, `${what} was never sent`)
  }

  #judgeOwn(member: Member, delivered: ReadonlySet<number>): void {
    if (!member.orderly) {
      this.#counts.ownUnjudged += member.sent.size
      return
    }
    this.#counts.own += member.sent.size
    const missing = [...member.sent.keys()].filter(counter => !delivered.has(counter))
    if (missing.length > 0) {
      const few = missing.slice(0, 5).join(', ')
      this.#fail(
        'D1',
        member,
        0,
        `${missing.length} of its own messages did not come back: ${few}${missing.length > 5 ? ', ...' : ''}`,
      )
    }
  }

  /** S2: every list of members follows from the one before. */
  #judgeMemberships(member: Member): void {
    let known: Set<string> | undefined
    for (const event of member.life.events) {
      if (event.event !== 'membership') continue
      this.#counts.memberships++
      const before = known
      known = new Set(event.members)
      // The first event tells a member the list that it has joined.
      if (before === undefined) continue
      const expected = new Set(before)
      for (const { member: left } of event.left) expected.delete(left)
      for (const { member: joined } of event.joined) expected.add(joined)
      if (expected.size === known.size && [...expected].every(name => event.members.includes(name))) continue
      const list = `{${event.members.join(' ')}}`
      this.#fail('S2', member, event.t, `the members are ${list}, it should be {${[...expected].join(' ')}}`)
    }
  }

  /** Whether a sender's node went with this one from one ring straight to the next, by the sender's own recording. */
  #movedTogether(sender: string, from: string, to: string, member: Member): boolean {
    if (sender === member.name) return true
    const other = this.#byName.get(sender)
    return other?.epochs.some((epoch, i) => epoch.ring === from && other.epochs[i + 1]?.ring === to) ?? false
  }

  // ---- recordings against each other -------------------------------------------------------------------------------

  #compareConfigurations(): void {
    const known = new Map<string, string>()
    for (const member of this.#members) {
      for (const epoch of member.epochs) {
        if (epoch.ring === '') continue
        const list = [...epoch.members].sort((a, b) => a - b).join(' ')
        const first = known.get(epoch.ring)
        if (first === undefined) known.set(epoch.ring, list)
        else if (first !== list)
          this.#fail('C2', member, epoch.t, `ring ${epoch.ring} is {${list}}, elsewhere {${first}}`)
      }
    }
  }

  #judgePair(one: Member, other: Member): void {
    for (const [i, epoch] of one.epochs.entries()) {
      const j = other.epochOn(epoch.ring)
      const match = other.epochs[j]
      if (match === undefined) continue
      const place = `and ${other.name} in ring ${epoch.ring}`
      this.#judgeCommon(one, epoch.delivered, match.delivered, place)
      const next = one.epochs[i + 1]?.ring
      const otherNext = other.epochs[j + 1]?.ring
      const wentOnTogether = next !== undefined && next === otherNext
      const bothEnded = next === undefined && otherNext === undefined && one.orderly && other.orderly
      if (!wentOnTogether && !bothEnded) {
        this.#counts.apart++
        continue
      }
      this.#counts.together++
      const difference = firstDifference(
        this.#withoutStraddlers(one, epoch, other, match),
        this.#withoutStraddlers(other, match, one, epoch),
        // A member that joined while the ring stood saw only the end of it; its first configuration is such a one.
        i > 0 && j > 0,
        wentOnTogether || (one.end === 'settled' && other.end === 'settled'),
      )
      if (difference !== undefined) this.#fail('D2', one, epoch.t, `${place}: ${difference}`)
    }
  }

  /** D4, and B5 where the sender's own recording does not tell. */
  #judgeCommon(one: Member, mine: readonly Message[], theirs: readonly Message[], place: string): void {
    const places = new Map(theirs.map((message, i) => [key(message), i]))
    let last = -1
    let ordered = true
    for (const message of mine) {
      const at = places.get(key(message))
      if (at === undefined) continue
      this.#counts.common++
      const twin = theirs[at]!
      if (twin.hash !== message.hash || twin.bytes !== message.bytes) {
        this.#fail('B5', one, message.t, `${place}: message ${key(message)} has other bytes at each`)
      }
      if (at < last && ordered) {
        this.#fail('D4', one, message.t, `${place}: different order around ${key(message)}`)
        ordered = false
      }
      last = at
    }
  }

  /**
   * What one member delivered on a ring, less what another one that came from elsewhere could not: the first messages of
   * a sender with whom the former came, when the first of them may have begun in the ring before and the rest fit one
   * frame with its end.
   */
  #withoutStraddlers(member: Member, epoch: Epoch, other: Member, match: Epoch): readonly Message[] {
    const from = member.ringBefore(epoch.ring)
    if (from === undefined || from === other.ringBefore(epoch.ring)) return epoch.delivered
    const first = new Map<string, number>()
    for (const message of match.delivered) if (!first.has(message.sender)) first.set(message.sender, message.counter)
    /** Bytes that are excused for each sender, not counting the straddling message itself. */
    const behind = new Map<string, number>()
    return epoch.delivered.filter(message => {
      const begins = first.get(message.sender)
      if (begins !== undefined && message.counter >= begins) return true
      if (this.#byName.get(message.sender)?.ringBefore(epoch.ring) !== from) return true
      const before = behind.get(message.sender)
      const excused = before === undefined ? 0 : before + message.bytes
      if (excused > FRAME_BYTES_MAX) return true
      behind.set(message.sender, excused)
      return false
    })
  }

  // ---- the verdict -------------------------------------------------------------------------------------------------

  #remarks(): string[] {
    const remarks: string[] = []
    for (const { life, end, name } of this.#members) {
      const half = life.halfLine ? ' in the middle of a line' : ''
      if (end === 'cut off') remarks.push(`${life.place}: cut off${half}; member ${name} is judged up to there`)
      if (end !== 'failed') continue
      const last = life.events.at(-1)
      remarks.push(
        `${life.place}: member ${name} could not go on${last?.event === 'end' && last.reason ? `: ${last.reason}` : ''}`,
      )
    }
    if (this.#counts.unmarked > 0) {
      remarks.push(`${this.#counts.unmarked} deliveries of messages without a recorder's counter, not judged`)
    }
    return remarks
  }

  #properties() {
    const counts = this.#counts
    const known = counts.messages - counts.strangers
    const strangers = [[counts.strangers, 'messages, whose sender has no recording of them']] as const
    const lonely = this.#members.length < 2
    return [
      verdictOn('B1', known, 'messages', strangers),
      verdictOn('B2', counts.messages, 'messages'),
      verdictOn('B5', lonely ? known : counts.messages, 'messages', lonely ? strangers : []),
      verdictOn('B6', counts.messages, 'messages'),
      verdictOn('C1', counts.configurations, 'configurations'),
      verdictOn('C2', lonely ? 0 : counts.configurations, 'configurations'),
      verdictOn('C3', counts.configurations, 'configurations'),
      verdictOn('D1', counts.own, 'own messages', [[counts.ownUnjudged, 'own messages of members that were cut off']]),
      verdictOn('D2', counts.together, 'pairs of members in a ring', [[counts.apart, 'pairs that parted in a ring']]),
      verdictOn('D4', counts.common, 'pairs of deliveries'),
      verdictOn('S2', counts.memberships, 'membership events'),
    ]
  }
}

/**
 * Where two lists differ that are pieces of one order: both begin at its beginning (`sameStart`), or both go to its end
 * (`sameEnd`), or they only overlap.
 */
function firstDifference(
  one: readonly Message[],
  other: readonly Message[],
  sameStart: boolean,
  sameEnd: boolean,
): string | undefined {
  if (sameStart && sameEnd && one.length !== other.length) {
    const [longer, shorter] = one.length > other.length ? [one, other] : [other, one]
    const held = new Set(shorter.map(key))
    const lost = longer.filter(message => !held.has(key(message)))
    return `${one.length} and ${other.length} messages; only one has ${lost.slice(0, 5).map(key).join(', ')}`
  }
  const [mine, theirs] = overlap(one, other, sameStart, sameEnd)
  const length = Math.min(one.length - mine, other.length - theirs)
  for (let i = 0; i < length; i++) {
    const a = key(one[mine + i]!)
    const b = key(other[theirs + i]!)
    if (a !== b) return `${a} where the other has ${b}`
  }
  return undefined
}

/** Where each of the lists begins that have to be equal. */
function overlap(
  one: readonly Message[],
  other: readonly Message[],
  sameStart: boolean,
  sameEnd: boolean,
): [number, number] {
  if (sameStart) return [0, 0]
  if (sameEnd) return [Math.max(0, one.length - other.length), Math.max(0, other.length - one.length)]
  const inOther = one[0] === undefined ? -1 : other.findIndex(message => key(message) === key(one[0]!))
  if (inOther >= 0) return [0, inOther]
  const inOne = other[0] === undefined ? -1 : one.findIndex(message => key(message) === key(other[0]!))
  return inOne >= 0 ? [inOne, 0] : [one.length, other.length]
}

function key(message: Message): string {
  return `${message.sender}/${message.counter}`
}
