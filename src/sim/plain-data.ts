// Readers of plain data from outside, such as a file: each takes a value of unknown shape and its place, and returns the
// value with its type, newly built, or throws an error that names the place. Must not know: what the data means.

export class DataError extends Error {
  /** `at`: the field, as 'faults[2].fault.forMs'; empty for the whole. */
  constructor(at: string, text: string) {
    super(at === '' ? text : `${at}: ${text}`)
    this.name = 'DataError'
  }
}

export type Reader<T> = (value: unknown, at: string) => T

/** Errors show what was found, but not a whole file of it. */
const SHOWN_LENGTH = 40

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}...`
}

export function number(least: number, most: number): Reader<number> {
  return (value, at) => {
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw new DataError(at, `expected a number from ${least} to ${most}, found ${show(value)}`)
    }
    return value
  }
}

export function whole(least: number, most: number): Reader<number> {
  return (value, at) => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      throw new DataError(at, `expected a whole number from ${least} to ${most}, found ${show(value)}`)
    }
    return value as number
  }
}

export function powerOfTwo(least: number, most: number): Reader<number> {
  const inRange = whole(least, most)
  return (value, at) => {
    const found = inRange(value, at)
    if (!Number.isInteger(Math.log2(found))) throw new DataError(at, `expected a power of two, found ${show(value)}`)
    return found
  }
}

export const flag: Reader<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw new DataError(at, `expected true or false, found ${show(value)}`)
  return value
}

export function oneOf<T extends string>(names: readonly T[]): Reader<T> {
  return (value, at) => {
    const known = names.find(name => name === value)
    if (known === undefined) throw new DataError(at, `expected one of ${names.join(', ')}, found ${show(value)}`)
    return known
  }
}

export function list<T>(item: Reader<T>, least: number, most: number): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new DataError(at, `expected a list, found ${show(value)}`)
    if (value.length < least || value.length > most) {
      const length = least === most ? `${least}` : `${least} to ${most}`
      throw new DataError(at, `expected ${length} entries, found ${value.length}`)
    }
    return value.map((entry, index) => item(entry, `${at}[${index}]`))
  }
}

/** No two entries are equal. */
export function distinct<T>(items: Reader<T[]>): Reader<T[]> {
  return (value, at) => {
    const entries = items(value, at)
    const twice = entries.find((entry, index) => entries.indexOf(entry) !== index)
    if (twice !== undefined) throw new DataError(at, `${show(twice)} is there twice`)
    return entries
  }
}

/** The fields of a value of unknown shape; it has none that are not its own. */
export function fieldsOf(value: unknown, at: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataError(at, `expected an object, found ${show(value)}`)
  }
  return new Map(Object.entries(value))
}

/**
 * An object with these fields and no others. One that is missing has the value that `absent` gives it; one that is
 * missing there too must be given. A field that `absent` holds as undefined stays away.
 */
export function object<T extends object>(
  readers: { readonly [K in keyof T]-?: Reader<Exclude<T[K], undefined>> },
  absent: { readonly [K in keyof T]?: T[K] | undefined } = {},
): Reader<T> {
  return (value, at) => {
    const inside = (name: string) => (at === '' ? name : `${at}.${name}`)
    const fields = fieldsOf(value, at)
    for (const name of fields.keys()) {
      if (!Object.hasOwn(readers, name)) throw new DataError(inside(name), 'there is no such field')
    }
    const result: Partial<T> = {}
    for (const name of Object.keys(readers) as (keyof T & string)[]) {
      if (fields.has(name)) result[name] = readers[name](fields.get(name), inside(name))
      else if (!Object.hasOwn(absent, name)) throw new DataError(inside(name), 'is missing')
      else if (absent[name] !== undefined) result[name] = absent[name] as T[typeof name]
    }
    return result as T
  }
}
