// Values of the map together with their defaults, as one generation sees them: what a key is worth and where that comes
// from. Everything after reading goes through here, so that a default is written in the table only.

import { defaultOf, schemaOf } from './keys.js'
import type { ConfigMap, MapValue } from './map.js'
import type { ReadState } from './read.js'
import {
  type ConfigProblem,
  type ConfigWarning,
  type DefaultsGeneration,
  type EffectiveValue,
  ExitCode,
  InvalidConfiguration,
  type Place,
  type ProblemStage,
  type ValueOrigin,
} from './types.js'

/** In front of most messages of the validation (spec: config 12.1). */
export const PARSE_ERROR = 'parse error in config: '

export class Settings {
  readonly map: ConfigMap
  readonly origins: Map<string, Place>
  readonly warnings: ConfigWarning[]
  readonly effective: EffectiveValue[] = []
  readonly legacy: boolean
  readonly generation: DefaultsGeneration
  readonly file: string

  constructor(state: ReadState, file: string, generation: DefaultsGeneration) {
    this.map = state.map
    this.origins = state.origins
    this.warnings = state.warnings
    this.legacy = state.legacy
    this.generation = generation
    this.file = file
  }

  /** The text in the file, or undefined. */
  given(key: string): string | undefined {
    return this.map.getString(key)
  }

  /** The text in the file, or the default. */
  text(key: string): string {
    return this.map.getString(key) ?? this.default(key)
  }

  default(key: string): string {
    return defaultOf(schemaOf(key), this.generation)
  }

  /** The number in the file; undefined when it is missing, or 0 where 0 stands for the default. */
  givenNumber(key: string, path = key): number | undefined {
    const schema = schemaOf(path)
    if (schema.type === 'str' || schema.type === 'u64') return undefined
    const value = this.map.getNumber(key, schema.type)
    return value === 0 && schema.zeroIsDefault ? undefined : value
  }

  /** The number in the file, or the default of the table, which has to be one. */
  number(key: string, path = key): number {
    const value = this.givenNumber(key, path) ?? Number(this.default(path))
    if (Number.isNaN(value)) throw new Error(`the default of ${path} is computed, not a number`)
    return value
  }

  origin(key: string): ValueOrigin {
    const place = this.origins.get(key)
    return place === undefined ? { kind: 'default' } : { kind: 'file', place }
  }

  /** The same for a number, where 0 in the file may mean the default. */
  numberOrigin(key: string, path = key): ValueOrigin {
    return this.givenNumber(key, path) === undefined ? { kind: 'default' } : this.origin(key)
  }

  place(key: string | undefined): Place {
    const place = key === undefined ? undefined : this.origins.get(key)
    return place ?? { file: this.file, line: 0, column: 0 }
  }

  /** A line of the table that `-t -v` prints. */
  note(key: string, value: string | number, origin: ValueOrigin = this.origin(key)): void {
    this.effective.push({ key, value: String(value), origin })
  }

  warn(message: string, key?: string): void {
    const place = key === undefined ? undefined : this.origins.get(key)
    this.warnings.push({
      message,
      ...(key === undefined ? {} : { key }),
      ...(place === undefined ? {} : { place }),
    })
  }

  problem(key: string | undefined, message: string, help: string, stage: ProblemStage = 'validation'): ConfigProblem {
    return { stage, ...this.place(key), ...(key === undefined ? {} : { key }), message, help }
  }

  /** Ends the validation. */
  fail(
    key: string | undefined,
    message: string,
    help: string,
    exitCode: number = ExitCode.configuration,
    stage: ProblemStage = 'validation',
  ): never {
    throw new InvalidConfiguration([this.problem(key, message, help, stage)], exitCode)
  }

  /** Puts a value into the map that no file holds. */
  write(key: string, value: MapValue): void {
    const result = this.map.set(key, value)
    if (result === 'bad name' || result === 'bad value') throw new Error(`${result}: ${key}`)
  }
}
