import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ConfigMap, KEY_LENGTH_MAX, type MapValue, VALUE_LENGTH_MAX } from '../../../src/config/map.js'

const u32 = (value: number): MapValue => ({ type: 'u32', value })
const str = (value: string): MapValue => ({ type: 'str', value })

describe('the keys of the map', () => {
  it('are iterated in byte order, whatever the order of writing', () => {
    const map = new ConfigMap()
    for (const key of ['a.b', 'a:b', 'a-b', 'a_b', 'aZb', 'a/b', 'a1b', 'abb', 'a.10', 'a.2', 'a.b.c'])
      map.set(key, u32(1))
    assert.deepEqual(map.keys(), ['a-b', 'a.10', 'a.2', 'a.b', 'a.b.c', 'a/b', 'a1b', 'a:b', 'aZb', 'a_b', 'abb'])
    assert.deepEqual(map.keys('a.'), ['a.10', 'a.2', 'a.b', 'a.b.c'])
    assert.deepEqual(map.keys('zz'), [])
  })

  it('have 3 to 255 characters out of a few', () => {
    const map = new ConfigMap()
    assert.equal(map.set('ab', u32(1)), 'bad name')
    assert.equal(map.set('abc', u32(1)), 'created')
    assert.equal(map.set('k'.repeat(KEY_LENGTH_MAX), u32(1)), 'created')
    assert.equal(map.set('k'.repeat(KEY_LENGTH_MAX + 1), u32(1)), 'bad name')
    for (const key of ['a b', 'aäb', 'a\nb', 'a=b']) assert.equal(map.set(key, u32(1)), 'bad name')
    assert.equal(map.size, 2)
  })

  it('are walked by one who keeps only the last key, while others come and go', () => {
    const map = new ConfigMap()
    for (const key of ['x.a', 'x.c', 'x.e', 'y.a']) map.set(key, u32(1))
    assert.equal(map.nextKey('x.'), 'x.a')
    map.delete('x.a')
    map.set('x.b', u32(1))
    assert.equal(map.nextKey('x.', 'x.a'), 'x.b')
    map.delete('x.c')
    assert.equal(map.nextKey('x.', 'x.b'), 'x.e')
    assert.equal(map.nextKey('x.', 'x.e'), undefined)
  })

  it('stay sorted and complete under any sequence of changes', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '1'), minLength: 3, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), name), { maxLength: 60 }), changes => {
        const map = new ConfigMap()
        const model = new Set<string>()
        for (const [add, key] of changes) {
          if (add) {
            map.set(key, u32(1))
            model.add(key)
          } else assert.equal(map.delete(key), model.delete(key))
        }
        assert.deepEqual(map.keys(), [...model].sort())
        const walked: string[] = []
        for (let key = map.nextKey(); key !== undefined; key = map.nextKey('', key)) walked.push(key)
        assert.deepEqual(walked, map.keys())
      }),
    )
  })
})

describe('a value of the map', () => {
  it('tells whether it changed, type included', () => {
    const map = new ConfigMap()
    assert.equal(map.set('key', u32(1)), 'created')
    assert.equal(map.set('key', u32(1)), 'unchanged')
    assert.equal(map.set('key', { type: 'u16', value: 1 }), 'changed')
    assert.equal(map.set('key', str('1')), 'changed')
    assert.deepEqual(map.get('key'), str('1'))
  })

  it('keeps to the range of its type', () => {
    const map = new ConfigMap()
    const bounds: [MapValue['type'], number, number][] = [
      ['i8', -128, 127],
      ['u8', 0, 255],
      ['i16', -32768, 32767],
      ['u16', 0, 65535],
      ['i32', -2147483648, 2147483647],
      ['u32', 0, 4294967295],
    ]
    for (const [type, min, max] of bounds) {
      for (const value of [min, max]) assert.notEqual(map.set('key', { type, value } as MapValue), 'bad value', type)
      for (const value of [min - 1, max + 1, 0.5, Number.NaN]) {
        assert.equal(map.set('key', { type, value } as MapValue), 'bad value', `${type} ${value}`)
      }
    }
    assert.equal(map.set('key', { type: 'u64', value: 2n ** 64n - 1n }), 'changed')
    assert.equal(map.set('key', { type: 'u64', value: 2n ** 64n }), 'bad value')
    assert.equal(map.set('key', { type: 'i64', value: -(2n ** 63n) - 1n }), 'bad value')
  })

  it('has at most 16384 bytes, the terminator of a string not counted', () => {
    const map = new ConfigMap()
    assert.equal(map.set('key', str('x'.repeat(VALUE_LENGTH_MAX))), 'created')
    assert.equal(map.set('key', str('x'.repeat(VALUE_LENGTH_MAX + 1))), 'bad value')
    assert.equal(map.set('key', str('é'.repeat(VALUE_LENGTH_MAX / 2 + 1))), 'bad value')
    assert.equal(map.set('key', str('\udcff'.repeat(VALUE_LENGTH_MAX))), 'changed')
    assert.equal(map.set('key', str('a\0b')), 'bad value')
    assert.equal(map.set('key', { type: 'bin', value: new Uint8Array(VALUE_LENGTH_MAX) }), 'changed')
    assert.equal(map.set('key', { type: 'bin', value: new Uint8Array(VALUE_LENGTH_MAX + 1) }), 'bad value')
  })

  it('is read as its own type only', () => {
    const map = new ConfigMap()
    map.set('number', u32(7))
    map.set('text', str('7'))
    assert.equal(map.getNumber('number', 'u32'), 7)
    assert.equal(map.getNumber('number', 'u16'), undefined)
    assert.equal(map.getNumber('text', 'u32'), undefined)
    assert.equal(map.getString('number'), undefined)
    assert.equal(map.getString('text'), '7')
  })

  it('is copied when it is bytes', () => {
    const map = new ConfigMap()
    const bytes = Uint8Array.of(1, 2)
    map.set('key', { type: 'bin', value: bytes })
    assert.equal(map.set('key', { type: 'bin', value: bytes }), 'unchanged')
    bytes[0] = 9
    assert.deepEqual(map.get('key')?.value, Uint8Array.of(1, 2))
  })
})
