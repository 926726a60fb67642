// The groups known on this node, found by name without allocating: every message asks. A group is known as long as it
// has a member anywhere or a local connection. In: names as bytes. Out: Group objects, equal exactly when the names
// are. Must not know: what members and connections do.

/** A group: its name, where its members are, and who listens here. */
export class Group<Listener> {
  readonly name: Uint8Array
  readonly hash: number
  /** Another group with the same hash. */
  next: Group<Listener> | null = null
  /** Number of members by node. */
  readonly membersByNode = new Map<number, number>()
  /** Local connections that are told what happens in the group, newest first. Replaced as a whole, never changed. */
  listeners: readonly Listener[] = []
  /** Connections that refer to the group, listening or not. */
  references = 0

  constructor(name: Uint8Array, hash: number) {
    this.name = name
    this.hash = hash
  }

  get unused(): boolean {
    return this.references === 0 && this.membersByNode.size === 0
  }
}

/** FNV-1a. */
function hashOf(buf: Uint8Array, off: number, len: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < len; i++) hash = Math.imul(hash ^ buf[off + i]!, 0x01000193)
  return hash | 0
}

function hasName(name: Uint8Array, buf: Uint8Array, off: number, len: number): boolean {
  if (name.length !== len) return false
  for (let i = 0; i < len; i++) if (name[i] !== buf[off + i]) return false
  return true
}

export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  return hasName(a, b, 0, b.length)
}

/** Order of names in which membership events are sent after a change: by bytes, the shorter first. */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

export class GroupTable<Listener> {
  readonly #byHash = new Map<number, Group<Listener>>()

  find(buf: Uint8Array, off: number, len: number): Group<Listener> | null {
    let group = this.#byHash.get(hashOf(buf, off, len)) ?? null
    while (group !== null && !hasName(group.name, buf, off, len)) group = group.next
    return group
  }

  /** The group of that name, made if need be; the name is copied. */
  obtain(name: Uint8Array): Group<Listener> {
    const known = this.find(name, 0, name.length)
    if (known !== null) return known
    const hash = hashOf(name, 0, name.length)
    const group = new Group<Listener>(new Uint8Array(name), hash)
    group.next = this.#byHash.get(hash) ?? null
    this.#byHash.set(hash, group)
    return group
  }

  /** Forgets the group if nothing refers to it any more. */
  release(group: Group<Listener>): void {
    if (!group.unused) return
    const first = this.#byHash.get(group.hash)
    if (first === group) {
      if (group.next === null) this.#byHash.delete(group.hash)
      else this.#byHash.set(group.hash, group.next)
      return
    }
    for (let at = first ?? null; at !== null; at = at.next) if (at.next === group) at.next = group.next
  }

  get size(): number {
    let size = 0
    for (const first of this.#byHash.values())
      for (let at: Group<Listener> | null = first; at !== null; at = at.next) size++
    return size
  }
}
