// Judges what the members of one process group saw on a real ring. Goes in: the traces that `cpgload trace` and our own member
// write, one per life of a program. Comes out: the violations of virtual synchrony that they show, as sentences. Knows nothing
// of packets: it sees messages. A message whose fragments straddle a change counts where it was completed, and who joined its
// sender at that change may lack it, with what was packed behind its last fragment: see withoutStraddlers.

/** No frame carries more bytes of messages than this, so no more can be lost to joiners behind a straddling message. */
const FRAME_BYTES_MAX = 1500

export interface TraceMessage {
  readonly sender: string
  readonly node: number
  readonly seq: number
  readonly bytes: number
  /** When it was delivered, in milliseconds since 1970. */
  readonly atMs: number
}

/** What one program saw between two ring configurations. */
export interface TraceEpoch {
  /** "node.seq" of the ring; empty for what came before the first configuration. */
  readonly ring: string
  readonly members: readonly number[]
  readonly delivered: TraceMessage[]
}

export interface Trace {
  readonly name: string
  node: number
  /** "node:pid", by which others know it. */
  self: string
  readonly epochs: TraceEpoch[]
  /** Messages that the daemon accepted from this program. */
  sent: number
  damaged: number
  /** The program ended when told to, not because its daemon died. */
  orderly: boolean
}

export const ORDERLY_END = 'end of input'

export function parseTrace(name: string, text: string): Trace {
  const trace: Trace = { name, node: 0, self: '', epochs: [], sent: 0, damaged: 0, orderly: false }
  let epoch: TraceEpoch = { ring: '', members: [], delivered: [] }
  // A program that was killed may leave half a line.
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    const words = line.split(' ')
    switch (words[0]) {
      case 'P':
        trace.node = Number(words[1])
        trace.self = `${words[1]}:${words[2]}`
        break
      case 'R':
        // The same configuration is told again to one who joins a group after the ring has formed.
        if (words[1] === epoch.ring) break
        epoch = { ring: words[1] ?? '', members: words.slice(2).map(Number), delivered: [] }
        trace.epochs.push(epoch)
        break
      case 'S':
        trace.sent++
        break
      case 'D':
        epoch.delivered.push({
          sender: `${words[1]}:${words[2]}`,
          node: Number(words[1]),
          seq: Number(words[3]),
          bytes: Number(words[4]),
          atMs: Number(words[6]),
        })
        if (trace.epochs.length === 0) trace.epochs.push(epoch)
        if (words[5] !== 'ok') trace.damaged++
        break
      case 'X':
        trace.orderly = line.slice(2) === ORDERLY_END
        break
    }
  }
  return trace
}

/** Every violation that the traces show; an empty list for a correct ring. */
export function judge(traces: readonly Trace[]): string[] {
  const found: string[] = []
  for (const trace of traces) found.push(...judgeAlone(trace, traces))
  found.push(...sameMembers(traces))
  for (const [i, one] of traces.entries())
    for (const other of traces.slice(i + 1)) if (one.node !== other.node) found.push(...judgePair(one, other, traces))
  return found
}

/** What one trace must hold by itself: no damage, no repetition, order per sender, no gap while sender and receiver stay together. */
function judgeAlone(trace: Trace, all: readonly Trace[]): string[] {
  const found: string[] = []
  if (trace.damaged > 0) found.push(`${trace.name}: ${trace.damaged} damaged messages`)
  const next = new Map<string, number>()
  /** Senders that were in company of this node in every configuration since their last delivery. */
  let together = new Set<string>()
  let last = -1
  let previous: TraceEpoch | undefined
  for (const epoch of trace.epochs) {
    if (epoch.ring !== '') {
      const seq = ringSequence(epoch.ring)
      if (seq <= last) found.push(`${trace.name}: ring ${epoch.ring} after ring sequence ${last}`)
      last = seq
      if (!epoch.members.includes(trace.node)) found.push(`${trace.name}: not a member of its own ring ${epoch.ring}`)
    }
    together = new Set(
      [...together].filter(sender => previous && movedTogether(sender, previous.ring, epoch.ring, trace, all)),
    )
    for (const message of epoch.delivered) {
      const expected = next.get(message.sender)
      if (expected !== undefined && message.seq < expected)
        found.push(`${trace.name}: message ${message.seq} of ${message.sender} again or late, in ring ${epoch.ring}`)
      else if (expected !== undefined && message.seq > expected && together.has(message.sender))
        found.push(
          `${trace.name}: messages ${expected} to ${message.seq - 1} of ${message.sender} missing in ring ${epoch.ring}`,
        )
      if (expected === undefined || message.seq >= expected) next.set(message.sender, message.seq + 1)
      together.add(message.sender)
    }
    previous = epoch
  }
  const own = next.get(trace.self) ?? 0
  if (own > trace.sent) found.push(`${trace.name}: own message ${own - 1} delivered, but only ${trace.sent} were sent`)
  if (trace.orderly && own < trace.sent)
    found.push(`${trace.name}: own messages ${own} to ${trace.sent - 1} were not delivered`)
  return found
}

/** Whether a sender's node went with this one from one ring straight to the next. */
function movedTogether(sender: string, from: string, to: string, trace: Trace, all: readonly Trace[]): boolean {
  if (sender === trace.self) return true
  const other = all.find(candidate => candidate.self === sender)
  return other?.epochs.some((epoch, i) => epoch.ring === from && other.epochs[i + 1]?.ring === to) ?? false
}

function sameMembers(traces: readonly Trace[]): string[] {
  const found: string[] = []
  const known = new Map<string, string>()
  for (const trace of traces)
    for (const epoch of trace.epochs) {
      if (epoch.ring === '') continue
      const members = [...epoch.members].sort((a, b) => a - b).join(' ')
      const first = known.get(epoch.ring)
      if (first === undefined) known.set(epoch.ring, members)
      else if (first !== members)
        found.push(`${trace.name}: ring ${epoch.ring} has members ${members}, elsewhere ${first}`)
    }
  return found
}

/** What two traces must agree on in each ring that both were in. */
function judgePair(one: Trace, other: Trace, all: readonly Trace[]): string[] {
  const found: string[] = []
  for (const [i, epoch] of one.epochs.entries()) {
    const j = epoch.ring === '' ? -1 : other.epochs.findIndex(candidate => candidate.ring === epoch.ring)
    const match = other.epochs[j]
    if (!match) continue
    const pair = `${one.name} and ${other.name} in ring ${epoch.ring}`
    const disorder = outOfOrder(epoch.delivered, match.delivered)
    if (disorder !== undefined) found.push(`${pair}: different order around ${disorder}`)
    // A program that joined while the ring stood saw only the end of it; the first configuration of a trace is such a one.
    const wholeStart = i > 0 && j > 0
    const nextRing = one.epochs[i + 1]?.ring
    const wentOnTogether = nextRing !== undefined && nextRing === other.epochs[j + 1]?.ring
    const bothToTheEnd = nextRing === undefined && other.epochs[j + 1] === undefined && one.orderly && other.orderly
    if (!wentOnTogether && !bothToTheEnd) continue
    const mine = withoutStraddlers(epoch, previousRing(one, epoch.ring), match, previousRing(other, epoch.ring), all)
    const theirs = withoutStraddlers(match, previousRing(other, epoch.ring), epoch, previousRing(one, epoch.ring), all)
    const difference = firstDifference(mine, theirs, wholeStart)
    if (difference !== undefined) found.push(`${pair}: ${difference}`)
  }
  return found
}

/**
 * What one member delivered in a ring, less what another one that came from elsewhere could not: the first messages of a sender
 * with whom the former came, when the first of them may have begun in the ring before and the rest fit one frame with its end.
 */
function withoutStraddlers(
  epoch: TraceEpoch,
  from: string | undefined,
  other: TraceEpoch,
  otherFrom: string | undefined,
  all: readonly Trace[],
): readonly TraceMessage[] {
  if (from === undefined || from === otherFrom) return epoch.delivered
  const first = new Map<string, number>()
  for (const message of other.delivered) if (!first.has(message.sender)) first.set(message.sender, message.seq)
  /** Bytes that are excused for each sender, not counting the straddling message itself. */
  const behind = new Map<string, number>()
  return epoch.delivered.filter(message => {
    const begins = first.get(message.sender)
    if (begins !== undefined && message.seq >= begins) return true
    const sender = all.find(trace => trace.self === message.sender)
    if (!sender || previousRing(sender, epoch.ring) !== from) return true
    const before = behind.get(message.sender)
    const excused = before === undefined ? 0 : before + message.bytes
    if (excused > FRAME_BYTES_MAX) return true
    behind.set(message.sender, excused)
    return false
  })
}

function previousRing(trace: Trace, ring: string): string | undefined {
  return trace.epochs[trace.epochs.findIndex(epoch => epoch.ring === ring) - 1]?.ring
}

/** A message that both delivered, but on different sides of another one that both delivered. */
function outOfOrder(one: readonly TraceMessage[], other: readonly TraceMessage[]): string | undefined {
  const place = new Map(other.map((message, i) => [key(message), i]))
  let last = -1
  for (const message of one) {
    const at = place.get(key(message))
    if (at === undefined) continue
    if (at < last) return key(message)
    last = at
  }
  return undefined
}

/** Where two lists that must be equal differ; without `wholeStart` the longer may begin earlier. */
function firstDifference(
  one: readonly TraceMessage[],
  other: readonly TraceMessage[],
  wholeStart: boolean,
): string | undefined {
  if (wholeStart && one.length !== other.length) {
    const [longer, shorter] = one.length > other.length ? [one, other] : [other, one]
    const held = new Set(shorter.map(key))
    const lost = longer.filter(message => !held.has(key(message)))
    return `${one.length} and ${other.length} messages; only one has ${lost.slice(0, 5).map(key).join(', ')}`
  }
  const length = Math.min(one.length, other.length)
  for (let back = 1; back <= length; back++) {
    const a = key(one[one.length - back]!)
    const b = key(other[other.length - back]!)
    if (a !== b) return `${a} where the other has ${b}, ${back} before the end`
  }
  return undefined
}

function key(message: TraceMessage): string {
  return `${message.sender}/${message.seq}`
}

function ringSequence(ring: string): number {
  return Number(ring.slice(ring.indexOf('.') + 1))
}
