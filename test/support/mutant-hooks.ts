// Module hooks that load one compiled file of src/ with one piece of its text replaced: a mutant of the engine. In: the
// mutation, when the hooks are registered. Out: modules. The piece has to occur exactly once, so that a mutation cannot
// quietly stop being one when the source changes.

export interface Replacement {
  /** Compiled file, relative to src/, without extension: 'totem/single-ring'. */
  readonly file: string
  /** Text of the compiled file; where it has white space, any white space will do. */
  readonly original: string
  readonly replacement: string
}

interface Loaded {
  readonly format: string
  readonly source?: string | ArrayBuffer | Uint8Array
}

let mutation: Replacement | undefined
let target = ''

export function initialize(data: Replacement): void {
  mutation = data
  target = new URL(`../../src/${data.file}.js`, import.meta.url).href
}

export async function load<C>(
  url: string,
  context: C,
  next: (url: string, context: C) => Promise<Loaded>,
): Promise<Loaded> {
  const loaded = await next(url, context)
  if (mutation === undefined || url !== target) return loaded
  const source =
    typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source as Uint8Array)
  return { ...loaded, source: mutate(source, mutation) }
}

/** The source with the replacement made. Throws when the original does not occur exactly once. */
export function mutate(source: string, { file, original, replacement }: Replacement): string {
  const words = original.trim().split(/\s+/)
  const pattern = new RegExp(words.map(word => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+'), 'g')
  const count = [...source.matchAll(pattern)].length
  if (count !== 1) throw new Error(`${file} has this ${count} times, it should once:\n${original}`)
  return source.replace(pattern, () => replacement)
}
