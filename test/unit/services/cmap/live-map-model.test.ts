// The live map against a model of a few lines: random writes, deletions, additions and trackers must have the same results, the
// same keys in the same order, and tell the same trackers of the same changes in the same order.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { MapValue } from '../../../../src/config/map.js'
import { LiveMap, type MapChange, MapEvent, type MapTracker } from '../../../../src/services/cmap/live-map.js'
import { CsError } from '../../../../src/services/errors.js'

const INTEGERS: Readonly<Record<string, readonly [bits: number, signed: boolean]>> = {
  i8: [8, true],
  u8: [8, false],
  i16: [16, true],
  u16: [16, false],
  i32: [32, true],
  u32: [32, false],
  i64: [64, true],
  u64: [64, false],
}

interface ModelTracker {
  readonly id: number
  readonly key: string
  readonly mask: number
  readonly prefix: boolean
}

/** What the map is meant to be, without a thought for speed. */
class Model {
  values: Record<string, MapValue> = {}
  trackers: ModelTracker[] = []

  set(key: string, value: MapValue): number {
    const before = this.values[key]
    if (!isValue(value)) return CsError.INVALID_PARAM
    if (before === undefined && !/^[a-zA-Z0-9._/:-]{3,255}$/.test(key)) return CsError.NAME_TOO_LONG
    this.values[key] = value
    return CsError.OK
  }

  delete(key: string): number {
    if (this.values[key] === undefined) return CsError.NOT_EXIST
    delete this.values[key]
    return CsError.OK
  }

  adjust(key: string, step: number): number {
    const before = this.values[key]
    if (before === undefined) return CsError.NOT_EXIST
    const width = INTEGERS[before.type]
    if (width === undefined) return CsError.INVALID_PARAM
    const sum = BigInt(before.value as number | bigint) + BigInt(step)
    const value = width[1] ? BigInt.asIntN(width[0], sum) : BigInt.asUintN(width[0], sum)
    this.values[key] = { type: before.type, value: width[0] === 64 ? value : Number(value) } as MapValue
    return CsError.OK
  }

  /** Who hears of a change of `key`, in order. */
  told(key: string, event: number): ModelTracker[] {
    const heard: ModelTracker[] = []
    for (let length = key.length; length >= 0; length--) {
      const here = this.trackers.filter(
        tracker =>
          tracker.key === key.slice(0, length) &&
          (tracker.mask & event) !== 0 &&
          (tracker.prefix || length === key.length),
      )
      const exact = here.filter(tracker => !tracker.prefix).reverse()
      const prefixes = here.filter(tracker => tracker.prefix)
      heard.push(...exact, ...(length === 0 ? prefixes.reverse() : prefixes))
    }
    return heard
  }
}

function isValue(value: MapValue): boolean {
  const width = INTEGERS[value.type]
  if (value.type === 'str') return !value.value.includes('\0')
  if (width === undefined) return true
  if (typeof value.value === 'number' && !Number.isInteger(value.value)) return false
  const number = BigInt(value.value as number | bigint)
  return (width[1] ? BigInt.asIntN(width[0], number) : BigInt.asUintN(width[0], number)) === number
}

/** Objects like those that programs make. */
const OBJECTS = { noNullPrototype: true } as const

const plain = (value: MapValue | undefined) =>
  value === undefined ? undefined : [value.type, typeof value.value === 'object' ? [...value.value] : value.value]
const line = (id: number, event: number, key: string, before: MapValue | undefined, after: MapValue | undefined) => [
  id,
  event,
  key,
  plain(before),
  plain(after),
]

const key = fc.constantFrom('a.b', 'a.b.c', 'a.bc', 'a.b-c', 'A.b', 'a.b0', 'b.a', 'ab', 'a b')
const prefix = fc.constantFrom('', 'a', 'a.', 'a.b', 'a.b.c', 'b', 'A')
const value: fc.Arbitrary<MapValue> = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('i8', 'u8', 'i16', 'u16', 'i32', 'u32'),
      value: fc.oneof(
        fc.integer({ min: -130, max: 130 }),
        fc.constantFrom(-0x8000, 0xffff, 0x7fffffff, 0xffffffff, 0.5),
      ),
    },
    OBJECTS,
  ) as fc.Arbitrary<MapValue>,
  fc.record(
    {
      type: fc.constantFrom('i64', 'u64'),
      value: fc.oneof(fc.bigInt({ min: -2n, max: 2n }), fc.constantFrom(2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 64n)),
    },
    OBJECTS,
  ) as fc.Arbitrary<MapValue>,
  fc.record({ type: fc.constantFrom('flt', 'dbl'), value: fc.constantFrom(0, 1.5) }, OBJECTS) as fc.Arbitrary<MapValue>,
  fc.record({ type: fc.constant('str'), value: fc.constantFrom('', 'x', 'a\0b') }, OBJECTS) as fc.Arbitrary<MapValue>,
  fc
    .array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 })
    .map(bytes => ({ type: 'bin', value: Uint8Array.from(bytes) }) as const),
)
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, value }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({
    do: fc.constant('adjust' as const),
    key,
    step: fc.constantFrom(-1, 1, 0, 1000, -0x80000000, 0x7fffffff),
  }),
  fc.record({
    do: fc.constant('track' as const),
    key: fc.oneof(key, prefix),
    mask: fc.integer({ min: 0, max: 7 }),
    prefix: fc.boolean(),
  }),
  fc.record({ do: fc.constant('untrack' as const), which: fc.nat(8) }),
)

describe('a live map of any history', () => {
  it('is what the model is', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const map = new LiveMap()
        const model = new Model()
        const trackers: MapTracker[] = []
        let told: unknown[] = []
        let ids = 0
        const write = (name: string, does: () => number, modelDoes: () => number) => {
          const before = model.values[name]
          const expected = modelDoes()
          const after = model.values[name]
          assert.equal(does(), expected)
          const event = before === undefined ? MapEvent.ADD : after === undefined ? MapEvent.DELETE : MapEvent.MODIFY
          const same = JSON.stringify(plain(before), big) === JSON.stringify(plain(after), big)
          const heard = same ? [] : model.told(name, event)
          assert.deepEqual(
            told,
            heard.map(({ id }) => line(id, event, name, before, after)),
          )
          told = []
        }
        for (const one of steps) {
          switch (one.do) {
            case 'set':
              write(
                one.key,
                () => map.set(one.key, one.value),
                () => model.set(one.key, one.value),
              )
              break
            case 'delete':
              write(
                one.key,
                () => map.delete(one.key),
                () => model.delete(one.key),
              )
              break
            case 'adjust':
              write(
                one.key,
                () => map.adjust(one.key, one.step),
                () => model.adjust(one.key, one.step),
              )
              break
            case 'track': {
              const id = ids++
              const listener = ({ event, key, before, after }: MapChange) => {
                told.push(line(id, event, key, before, after))
              }
              trackers.push(map.track(one.key, listener, { mask: one.mask, prefix: one.prefix }))
              model.trackers.push({ id, key: one.key, mask: one.mask, prefix: one.prefix })
              break
            }
            case 'untrack':
              if (one.which >= trackers.length) break
              map.untrack(trackers.splice(one.which, 1)[0]!)
              model.trackers.splice(one.which, 1)
          }
        }
        const keys = Object.keys(model.values).sort()
        assert.deepEqual(map.keys(), keys)
        for (const name of keys) assert.deepEqual(map.get(name), model.values[name])
        for (const start of ['', 'a', 'a.b', 'a.b.', 'zz']) {
          const found: string[] = []
          for (let next = map.nextKey(start); next !== undefined; next = map.nextKey(start, next)) found.push(next)
          assert.deepEqual(
            found,
            keys.filter(name => name.startsWith(start)),
          )
        }
      }),
      { numRuns: 500 },
    )
  })
})

function big(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
