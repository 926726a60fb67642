// From the events of the grammar to the configuration map (spec: config 3): nodes get their position, interfaces their link
// number, members and logging sections their names, values their types. Also remembers where every key was written.
// Knows the table of keys, not what the values mean together.

import { type ConfigEvent, type ItemEvent, type ParsedText, parseText } from './grammar.js'
import { convert, findKey, integer } from './keys.js'
import { ConfigMap, type MapValue } from './map.js'
import type { ConfigProblem, ConfigWarning, Place, ServiceDeclaration } from './types.js'

/** What reading needs to know of the host's users. */
export interface IdResolver {
  userId(name: string): number | undefined
  groupId(name: string): number | undefined
}

export interface ReadState {
  readonly map: ConfigMap
  readonly origins: Map<string, Place>
  /** In the order of the files; the first one is what the C daemon would report. */
  readonly problems: ConfigProblem[]
  readonly warnings: ConfigWarning[]
  readonly services: ServiceDeclaration[]
  legacy: boolean
}

export function createReadState(): ReadState {
  return {
    map: new ConfigMap(),
    origins: new Map(),
    problems: [],
    warnings: [],
    services: [],
    legacy: false,
  }
}

/** Reads the main file into `state`. */
export function readMainFile(state: ReadState, file: string, bytes: Uint8Array, ids: IdResolver): void {
  const parsed = parseText(bytes)
  state.legacy = isLegacy(parsed.events)
  if (!parsed.utf8) {
    state.warnings.push({ message: `${file} is not UTF-8; bytes that are not are kept as they are.` })
  }
  new Reader(state, file, ids, 'main').run(parsed)
}

/** Reads one file of uidgid.d: only uidgid sections are allowed there. */
export function readIdFile(state: ReadState, file: string, bytes: Uint8Array, ids: IdResolver): void {
  new Reader(state, file, ids, 'uidgid').run(parseText(bytes))
}

/** Reads one file of the 1.x service directory; only its service sections matter. */
export function readServiceFile(state: ReadState, file: string, bytes: Uint8Array): void {
  collectServices(state, file, parseText(bytes).events)
}

/** Old style: an interface with a bindnetaddr or members, and no node with an address on link 0 (spec: config 9). */
export function isLegacy(events: readonly ConfigEvent[]): boolean {
  const path: string[] = []
  let interfaces = false
  for (const event of events) {
    if (event.kind === 'open') path.push(event.name)
    else if (event.kind === 'close') path.pop()
    else {
      const section = path.join('.')
      if (section === 'nodelist.node' && event.key === 'ring0_addr') return false
      const totem = section.replace(/^network\b/, 'totem')
      if (totem === 'totem.interface' && event.key === 'bindnetaddr') interfaces = true
      if (totem === 'totem.interface.member' && event.key === 'memberaddr') interfaces = true
    }
  }
  return interfaces
}

function collectServices(state: ReadState, file: string, events: readonly ConfigEvent[]): void {
  let depth = 0
  let open: { name?: ItemEvent; version: number } | undefined
  for (const event of events) {
    if (event.kind === 'open') {
      if (depth === 0 && event.name === 'service') open = { version: 0 }
      depth++
    } else if (event.kind === 'close') {
      depth--
      if (depth > 0 || open === undefined) continue
      if (open.name !== undefined) {
        const place = { file, line: open.name.line, column: open.name.valueColumn }
        state.services.push({ name: open.name.value, version: open.version, place })
      }
      open = undefined
    } else if (depth === 1 && open !== undefined) {
      if (event.key === 'name') open.name = event
      if (event.key === 'ver') open.version = integer(event.value, 0, 0xffffffff) ?? 0
    }
  }
}

type Role = 'plain' | 'nodelist' | 'node' | 'interface' | 'member' | 'subsystem' | 'daemon' | 'ids'

const ROLES: Readonly<Record<string, Role>> = {
  nodelist: 'nodelist',
  'nodelist.node': 'node',
  'totem.interface': 'interface',
  'totem.interface.member': 'member',
  'logging.logger_subsys': 'subsystem',
  'logging.logging_daemon': 'daemon',
  uidgid: 'ids',
}

interface Pending {
  readonly key: string
  readonly value: MapValue
  /** Where the value stands. */
  readonly place: Place
  readonly keyColumn: number
}

interface Section {
  readonly path: string
  readonly role: Role
  /** Items whose map key is known only when the section ends. */
  readonly pending: Pending[]
  readonly members: Pending[]
  link?: number
  ring?: number
}

class Reader {
  readonly #state: ReadState
  readonly #file: string
  readonly #ids: IdResolver
  readonly #kind: 'main' | 'uidgid'
  readonly #sections: Section[] = []
  #node = -1
  #place: Place

  constructor(state: ReadState, file: string, ids: IdResolver, kind: 'main' | 'uidgid') {
    this.#state = state
    this.#file = file
    this.#ids = ids
    this.#kind = kind
    this.#place = { file, line: 0, column: 0 }
  }

  run(parsed: ParsedText): void {
    for (const event of parsed.events) {
      this.#at(event.line, event.column)
      if (event.kind === 'open') this.#open(event.name)
      else if (event.kind === 'close') this.#close()
      else this.#item(event)
    }
    if (this.#kind === 'main') collectServices(this.#state, this.#file, parsed.events)
    if (parsed.error !== undefined) {
      this.#at(parsed.error.line, parsed.error.column)
      this.#fail(parsed.error.reason, parsed.error.help)
    }
  }

  #at(line: number, column: number): void {
    this.#place = { file: this.#file, line, column }
  }

  #fail(message: string, help: string, key?: string): void {
    const problem = { stage: 'parser' as const, ...this.#place, message, help }
    this.#state.problems.push(key === undefined ? problem : { ...problem, key })
  }

  #open(name: string): void {
    const outer = this.#sections[this.#sections.length - 1]
    // 1.x also calls the section `network`.
    const own = outer === undefined && this.#state.legacy && name === 'network' ? 'totem' : name
    const path = outer === undefined ? own : `${outer.path}.${own}`
    const role = this.#kind === 'uidgid' && path !== 'uidgid' ? 'plain' : (ROLES[path] ?? 'plain')
    if (this.#kind === 'uidgid' && role !== 'ids') {
      this.#fail("uidgid: Can't add subsection different than uidgid", 'files in uidgid.d hold only uidgid sections')
    } else if (outer?.role === 'ids') {
      this.#fail("uidgid: Can't add subsection different than uidgid", 'a uidgid section holds only uid and gid')
    } else if (outer?.role === 'member') {
      this.#fail('Only memberaddr is allowed in member section', 'a member section holds only memberaddr')
    }
    if (role === 'nodelist') this.#node = -1
    if (role === 'node') this.#node++
    this.#sections.push({ path, role, pending: [], members: [] })
  }

  #item(event: ItemEvent): void {
    const section = this.#sections[this.#sections.length - 1]
    if (this.#kind === 'uidgid' && section?.role !== 'ids') {
      this.#fail('uidgid: Only uid and gid are allowed items', 'files in uidgid.d hold only uidgid sections')
      return
    }
    const path = section === undefined ? event.key : `${section.path}.${event.key}`
    switch (section?.role) {
      case 'ids':
        this.#id(event)
        return
      case 'member':
        this.#member(event)
        return
      default:
    }
    const schema = findKey(path)
    this.#at(event.line, event.valueColumn)
    // Messages name a node's keys with the position of the node, all others as they stand in the file.
    const shown = section?.role === 'node' ? `${section.path}.${this.#node}.${event.key}` : path
    const converted = convert(schema, shown, event.value)
    if (!converted.ok) {
      this.#fail(converted.reason, converted.help, shown)
      return
    }
    const item: Pending = { key: event.key, value: converted.value, place: this.#place, keyColumn: event.column }
    switch (section?.role) {
      case 'node':
        this.#store(`nodelist.node.${this.#node}.${event.key}`, item)
        break
      case 'interface':
        if (event.key === 'linknumber' && item.value.type === 'u8') section.link = item.value.value
        else if (event.key === 'ringnumber') this.#ring(section, event, item)
        else if (schema?.cmap !== undefined) section.pending.push(item)
        else this.#store(path, item)
        break
      case 'subsystem':
      case 'daemon':
        section.pending.push(item)
        break
      default:
        this.#store(path, item)
    }
  }

  /** 3.x stores it like any unknown key; here it also chooses the link when there is no linknumber. */
  #ring(section: Section, event: ItemEvent, item: Pending): void {
    this.#store(`${section.path}.ringnumber`, item)
    const ring = integer(event.value, 0, 255)
    if (ring !== undefined) section.ring = ring
    else
      this.#state.warnings.push({
        message: `ringnumber "${event.value}" is not a number and is ignored.`,
        key: 'totem.interface.ringnumber',
        place: this.#place,
      })
  }

  #member(event: ItemEvent): void {
    if (event.key !== 'memberaddr') {
      this.#fail('Only memberaddr is allowed in member section', 'write "memberaddr: <address of a node>"')
      return
    }
    this.#at(event.line, event.valueColumn)
    const outer = this.#sections[this.#sections.length - 2]
    outer?.members.push({
      key: event.key,
      value: { type: 'str', value: event.value },
      place: this.#place,
      keyColumn: event.column,
    })
  }

  #id(event: ItemEvent): void {
    if (event.key !== 'uid' && event.key !== 'gid') {
      this.#fail('uidgid: Only uid and gid are allowed items', 'a uidgid section holds only uid and gid')
      return
    }
    this.#at(event.line, event.valueColumn)
    const user = event.key === 'uid'
    // The largest number means "nobody" to the kernel; it is no user.
    const number =
      integer(event.value, 0, 0xfffffffe) ?? (user ? this.#ids.userId(event.value) : this.#ids.groupId(event.value))
    if (number === undefined) {
      const reason = user
        ? `The '${event.value}' user is not found in /etc/passwd, please read the documentation.`
        : `The '${event.value}' group is not found in /etc/group, please read the documentation.`
      this.#fail(reason, `a ${user ? 'user' : 'group'} of this host, by name or number`, `uidgid.${event.key}`)
      return
    }
    const item: Pending = {
      key: event.key,
      value: { type: 'u8', value: 1 },
      place: this.#place,
      keyColumn: event.column,
    }
    this.#store(`uidgid.config.${event.key}.${number}`, item)
  }

  #close(): void {
    const section = this.#sections.pop()
    if (section?.role === 'interface') this.#closeInterface(section)
    else if (section?.role === 'subsystem') this.#closeSubsystem(section)
    else if (section?.role === 'daemon') this.#closeDaemon(section)
  }

  #closeInterface(section: Section): void {
    const prefix = `totem.interface.${section.link ?? section.ring ?? 0}.`
    for (const item of section.pending) this.#store(prefix + item.key, item)
    // The reference builds the list from its end: the last member of the file is number 0.
    for (let i = 0; i < section.members.length; i++) {
      this.#store(`${prefix}member.${i}`, section.members[section.members.length - 1 - i]!)
    }
  }

  #closeSubsystem(section: Section): void {
    const name = textOf(section, 'subsys')
    if (name === undefined) {
      this.#fail('No subsys key in logger_subsys directive', 'name the subsystem, for example "subsys: TOTEM"')
      return
    }
    for (const item of section.pending) this.#store(`logging.logger_subsys.${name}.${item.key}`, item)
  }

  #closeDaemon(section: Section): void {
    const name = textOf(section, 'name')
    const subsystem = textOf(section, 'subsys')
    if (name === undefined) {
      this.#fail('No name key in logging_daemon directive', 'name the program, for example "name: qdevice"')
      return
    }
    const own = name === 'corosync'
    const prefix =
      subsystem === undefined
        ? own
          ? 'logging.'
          : `logging.logging_daemon.${name}.`
        : own
          ? `logging.logger_subsys.${subsystem}.`
          : `logging.logging_daemon.${name}.${subsystem}.`
    for (const item of section.pending) {
      if (own && item.key === 'name') continue
      this.#store(prefix + item.key, item)
    }
  }

  #store(key: string, item: Pending): void {
    const result = this.#state.map.set(key, item.value)
    if (result === 'bad name' || result === 'bad value') {
      this.#at(item.place.line, item.keyColumn)
      this.#fail(
        `Can't store key "${key}" into icmap, returned error is CS_ERR_NAME_TOO_LONG`,
        'a key has 3 to 255 characters, section names included, out of a-z A-Z 0-9 . _ - / :',
        key,
      )
      return
    }
    this.#state.origins.set(key, item.place)
  }
}

function textOf(section: Section, key: string): string | undefined {
  let found: string | undefined
  for (const item of section.pending) {
    if (item.key === key && item.value.type === 'str') found = item.value.value
  }
  return found
}
