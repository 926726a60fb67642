// The rules of the configuration map towards programs, on bytes (spec: services 7.1 to 7.3). All were seen on a C daemon.
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { CMAP_GET_ROOM_MAX, CMAP_HANDLES_MAX, CmapLibrary } from '../../../../src/services/cmap/library.js'
import { LiveMap } from '../../../../src/services/cmap/live-map.js'
import { PROGRAM_KEYS_MAX, ProgramLiveMap } from '../../../../src/services/cmap/program-map.js'
import { CsError } from '../../../../src/services/errors.js'
import { ascii, CmapClient, TRACK, TYPE, u32 } from '../../../support/cmap-client.js'

const { OK, INVALID_PARAM, BAD_HANDLE, BUSY, ACCESS, NOT_EXIST, NAME_TOO_LONG, NO_SECTIONS, NO_RESOURCES } = CsError
const ALL = TRACK.ADD | TRACK.DELETE | TRACK.MODIFY

let map: LiveMap
let library: CmapLibrary
let program: CmapClient

beforeEach(() => {
  map = new LiveMap()
  const stats = new LiveMap()
  stats.set('stats.x', { type: 'u8', value: 1 })
  library = new CmapLibrary({ live: new ProgramLiveMap(map), stats: new ProgramLiveMap(stats) })
  program = new CmapClient(library)
})

describe('a value that a program sets', () => {
  it('has exactly the length of its type', () => {
    for (const [type, length] of [
      [TYPE.i8, 1],
      [TYPE.u8, 1],
      [TYPE.i16, 2],
      [TYPE.u16, 2],
      [TYPE.i32, 4],
      [TYPE.u32, 4],
      [TYPE.i64, 8],
      [TYPE.u64, 8],
      [TYPE.flt, 4],
      [TYPE.dbl, 8],
    ] as const) {
      const bytes = Uint8Array.from({ length: length + 1 }, (_, i) => i + 1)
      assert.equal(program.set('a.b', type, bytes), INVALID_PARAM)
      assert.equal(program.set('a.b', type, bytes.subarray(0, length - 1)), INVALID_PARAM)
      assert.equal(program.set('a.b', type, bytes.subarray(0, length)), OK)
      const read = program.get('a.b', length)
      assert.deepEqual([read.type, read.length, [...read.bytes]], [type, length, [...bytes.subarray(0, length)]])
    }
  })

  it('is of a known type', () => {
    for (const type of [0, 13, 255]) {
      assert.equal(program.set('a.b', type, new Uint8Array(0)), INVALID_PARAM)
      assert.equal(program.set('a.b', type, Uint8Array.of(1)), INVALID_PARAM)
    }
  })

  it('is a text with or without its NUL, which counts either way', () => {
    for (const [sent, length] of [
      ['abc', 4],
      ['abc\0', 4],
      ['', 1],
      ['\0', 1],
    ] as const) {
      assert.equal(program.set('a.b', TYPE.str, ascii(sent)), OK)
      assert.equal(program.get('a.b', 0).length, length)
      assert.deepEqual(program.get('a.b', 6).bytes, ascii(sent.replace('\0', '').padEnd(6, '\0')))
    }
    assert.equal(program.set('a.b', TYPE.str, ascii('ab\0c')), INVALID_PARAM)
    assert.equal(program.set('a.b', TYPE.str, ascii('\0\0')), INVALID_PARAM)
  })

  it('may have 16384 bytes, a NUL that the program did not send not counted', () => {
    const bytes = new Uint8Array(16385).fill(0x78)
    for (const type of [TYPE.str, TYPE.bin]) {
      assert.equal(program.set('a.b', type, bytes), INVALID_PARAM)
      assert.equal(program.set('a.b', type, bytes.subarray(0, 16384)), OK)
      assert.equal(program.get('a.b', 0).length, type === TYPE.str ? 16385 : 16384)
    }
    assert.equal(program.get('a.b', 16384).bytes.length, 16384)
    bytes[16383] = 0
    assert.equal(program.set('a.b', TYPE.str, bytes.subarray(0, 16384)), OK)
    assert.equal(program.get('a.b', 0).length, 16384)
  })

  it('cannot be longer than the message', () => {
    assert.equal(program.set('a.b', TYPE.bin, Uint8Array.of(1, 2), 3), INVALID_PARAM)
    assert.equal(program.set('a.b', TYPE.bin, Uint8Array.of(1, 2), 2 ** 60), INVALID_PARAM)
    assert.equal(program.set('a.b', TYPE.bin, Uint8Array.of(1, 2), 1), OK)
    assert.deepEqual([...program.get('a.b', 1).bytes], [1])
  })

  it('may be bytes that are no text', () => {
    const bytes = Uint8Array.of(0xff, 0xc3, 0xa9, 0xc3, 0x80, 0x41)
    assert.equal(program.set('a.b', TYPE.str, bytes), OK)
    assert.deepEqual(program.get('a.b', 7).bytes, Uint8Array.of(...bytes, 0))
    const all = Uint8Array.from({ length: 255 }, (_, i) => i + 1)
    assert.equal(program.set('a.c', TYPE.bin, all), OK)
    assert.deepEqual(program.get('a.c', 255).bytes, all)
  })

  it('may be empty only as a text or as bytes', () => {
    assert.equal(program.set('a.b', TYPE.bin, new Uint8Array(0)), OK)
    assert.deepEqual([program.get('a.b', 0).length, program.get('a.b', 0).type], [0, TYPE.bin])
    assert.equal(program.set('a.b', TYPE.u8, new Uint8Array(0)), INVALID_PARAM)
  })

  it('goes before the name of the key, and may it be written before both', () => {
    assert.equal(program.set('totem.version', TYPE.u32, Uint8Array.of(1)), ACCESS)
    assert.equal(program.set('a!b', TYPE.u32, Uint8Array.of(1)), INVALID_PARAM)
    assert.equal(program.set('a!b', TYPE.u8, Uint8Array.of(1)), NAME_TOO_LONG)
  })
})

describe('a key', () => {
  it('has 3 to 255 characters of those that may be', () => {
    const one = Uint8Array.of(1)
    for (const key of ['', 'ab', 'a b', 'a,b', 'a\xe9b', 'k'.repeat(256)]) {
      assert.equal(program.set(key, TYPE.u8, one), NAME_TOO_LONG)
    }
    for (const key of ['abc', 'aZ0._-/:', 'k'.repeat(255)]) {
      assert.equal(program.set(key, TYPE.u8, one), OK)
      assert.equal(program.get(key, 1).error, OK)
    }
  })

  it('that is not there cannot be read, changed or deleted', () => {
    for (const key of ['a.b', 'a b', '', 'ab']) {
      assert.equal(program.get(key, 10).error, NOT_EXIST)
      assert.equal(program.get(key, 0).error, NOT_EXIST)
      assert.equal(program.delete(key), NOT_EXIST)
      assert.equal(program.adjust(key, 1), NOT_EXIST)
    }
  })

  it('that only the engine writes is refused before it is looked for', () => {
    for (const key of ['totem.version', 'nodelist.x', 'runtime.services.x', 'config.reload_in_progress']) {
      assert.equal(program.set(key, TYPE.u8, Uint8Array.of(1)), ACCESS)
      assert.equal(program.delete(key), ACCESS)
      assert.equal(program.adjust(key, 1), ACCESS)
    }
    map.setReadOnly('quorum.wait_for_all')
    assert.equal(program.set('quorum.wait_for_all', TYPE.u8, Uint8Array.of(1)), ACCESS)
    assert.equal(program.set('quorum.wait_for_al', TYPE.u8, Uint8Array.of(1)), OK)
    assert.equal(program.set('totem.token', TYPE.u32, u32(1)), OK)
  })
})

describe('keys of programs', () => {
  it('are many at most; others can still be changed', () => {
    for (let i = 0; i < PROGRAM_KEYS_MAX; i++) map.set(`a.${i}`, { type: 'u8', value: 1 })
    assert.equal(program.set('b.new', TYPE.u8, Uint8Array.of(1)), CsError.NO_MEMORY)
    assert.equal(program.set('a.0', TYPE.u8, Uint8Array.of(2)), OK)
    assert.equal(map.set('runtime.new', { type: 'u8', value: 1 }), OK, 'the engine has room')
    assert.equal(program.delete('a.0'), OK)
    assert.equal(program.delete('a.1'), OK)
    assert.equal(program.set('b.new', TYPE.u8, Uint8Array.of(1)), OK)
  })
})

describe('reading a value', () => {
  it('without room gives type and length, with too little room nothing', () => {
    program.set('a.b', TYPE.u32, u32(7))
    assert.deepEqual(program.get('a.b', 0), { error: OK, length: 4, type: TYPE.u32, bytes: new Uint8Array(0) })
    assert.equal(program.get('a.b', 3).error, INVALID_PARAM)
    assert.deepEqual(program.get('a.b', 9).bytes, Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 0))
  })

  it('is possible into much room, but not into any', () => {
    program.set('a.b', TYPE.str, ascii('x'))
    const read = program.get('a.b', CMAP_GET_ROOM_MAX)
    assert.equal(read.bytes.length, CMAP_GET_ROOM_MAX)
    assert.equal(read.bytes[0], 0x78)
    assert.ok(read.bytes.subarray(1).every(byte => byte === 0))
    assert.equal(program.get('a.b', CMAP_GET_ROOM_MAX + 1).error, INVALID_PARAM)
    assert.equal(program.get('a.b', 2 ** 60).error, INVALID_PARAM)
  })

  it('does not show what another answer left behind', () => {
    program.set('a.b', TYPE.bin, new Uint8Array(1000).fill(0xee))
    program.get('a.b', 1000)
    program.set('a.c', TYPE.u8, Uint8Array.of(1))
    assert.deepEqual(
      [...program.get('a.c', 1000).bytes].filter(byte => byte === 0xee),
      [],
    )
  })
})

describe('adding to a value', () => {
  it('wraps at the width of its type', () => {
    program.set('a.b', TYPE.u8, Uint8Array.of(255))
    assert.equal(program.adjust('a.b', 1000), OK)
    assert.deepEqual([...program.get('a.b', 1).bytes], [0xe7])
    program.set('a.q', TYPE.u64, new Uint8Array(8))
    assert.equal(program.adjust('a.q', -1), OK)
    assert.deepEqual([...program.get('a.q', 8).bytes], new Array(8).fill(255))
  })

  it('is for integers only', () => {
    for (const [type, length] of [
      [TYPE.flt, 4],
      [TYPE.dbl, 8],
      [TYPE.str, 1],
      [TYPE.bin, 4],
    ] as const) {
      program.set('a.b', type, new Uint8Array(length))
      assert.equal(program.adjust('a.b', 1), INVALID_PARAM)
    }
  })
})

describe('an iteration', () => {
  const fill = (...keys: string[]) => {
    for (const key of keys) program.set(key, TYPE.u8, Uint8Array.of(1))
  }

  it('goes through the keys in the order of their bytes', () => {
    const keys = ['zz.a', 'zz.a-', 'zz.a.b', 'zz.a/', 'zz.a0', 'zz.a:', 'zz.aB', 'zz.a_', 'zz.ab', 'zz.b']
    fill(...keys.toReversed())
    assert.deepEqual(program.rest(program.iterInit('')), keys)
    assert.deepEqual(program.rest(program.iterInit('zz.a')), keys.slice(0, -1))
    assert.deepEqual(program.rest(program.iterInit('zz.a.')), ['zz.a.b'])
  })

  it('tells type and length', () => {
    program.set('a.b', TYPE.str, ascii('four'))
    assert.deepEqual(program.iterNext(program.iterInit('a.')), { key: 'a.b', length: 5, type: TYPE.str })
  })

  it('holds its place while keys come and go', () => {
    fill('m.a', 'm.b', 'm.c')
    const handle = program.iterInit('m.')
    program.iterNext(handle)
    program.delete('m.a')
    program.delete('m.b')
    fill('m.aa', 'm.d')
    assert.deepEqual(program.rest(handle), ['m.aa', 'm.c', 'm.d'])
    fill('m.e')
    assert.equal(program.iterNext(handle), NO_SECTIONS, 'it has been at the end')
  })

  it('of nothing begins well and ends at once', () => {
    fill('m.a')
    const handle = program.iterInit('n.')
    assert.equal(program.iterNext(handle), NO_SECTIONS)
    assert.equal(program.iterNext(handle), NO_SECTIONS)
    assert.equal(program.iterFinalize(handle), OK)
  })

  it('is known by its handle to its own program only, until it is ended', () => {
    fill('m.a')
    const handle = program.iterInit('m.')
    const other = new CmapClient(library)
    assert.equal(other.iterNext(handle), BAD_HANDLE)
    assert.equal(other.iterFinalize(handle), BAD_HANDLE)
    assert.equal(program.iterFinalize(handle), OK)
    assert.equal(program.iterFinalize(handle), BAD_HANDLE)
    assert.equal(program.iterNext(handle), BAD_HANDLE)
    assert.equal(program.iterNext(2 ** 60), BAD_HANDLE)
  })

  it('is one of many at most', () => {
    for (let i = 0; i < CMAP_HANDLES_MAX; i++) assert.ok(program.iterInit('') > 0)
    assert.equal(program.iterInit(''), -NO_RESOURCES)
  })
})

describe('a tracker', () => {
  const seen = (client = program) => client.look().map(({ instance, key, event }) => `${instance} ${key} ${event}`)

  it('is told of what it asked for, with both values', () => {
    program.trackAdd('a.b', ALL, 77n)
    program.set('a.b', TYPE.u32, u32(7))
    program.set('a.b', TYPE.u32, u32(7))
    program.set('a.bc', TYPE.u32, u32(7))
    program.adjust('a.b', 1)
    program.set('a.b', TYPE.str, ascii('xy'))
    program.delete('a.b')
    const nothing = new Uint8Array(0)
    const same = { instance: 77n, key: 'a.b' }
    assert.deepEqual(program.look(), [
      { ...same, event: TRACK.ADD, newType: TYPE.u32, newBytes: u32(7), oldType: 0, oldBytes: nothing },
      { ...same, event: TRACK.MODIFY, newType: TYPE.u32, newBytes: u32(8), oldType: TYPE.u32, oldBytes: u32(7) },
      { ...same, event: TRACK.MODIFY, newType: TYPE.str, newBytes: ascii('xy\0'), oldType: TYPE.u32, oldBytes: u32(8) },
      { ...same, event: TRACK.DELETE, newType: 0, newBytes: nothing, oldType: TYPE.str, oldBytes: ascii('xy\0') },
    ])
  })

  it('of a prefix hears of all keys below, one without a key of everything', () => {
    program.trackAdd('a.', ALL | TRACK.PREFIX, 1n)
    program.trackAdd('', ALL | TRACK.PREFIX, 2n)
    program.trackAdd('', ALL, 3n)
    program.set('a.b', TYPE.u8, Uint8Array.of(1))
    program.set('b.a', TYPE.u8, Uint8Array.of(1))
    assert.deepEqual(seen(), ['1 a.b 4', '2 a.b 4', '2 b.a 4'])
  })

  it('may be one of several alike', () => {
    const first = program.trackAdd('a.b', ALL, 1n)
    const second = program.trackAdd('a.b', ALL, 1n)
    assert.notEqual(first, second)
    program.set('a.b', TYPE.u8, Uint8Array.of(1))
    assert.equal(program.trackDelete(first).error, OK)
    program.delete('a.b')
    assert.deepEqual(seen(), ['1 a.b 4', '1 a.b 4', '1 a.b 1'])
  })

  it('asks for known kinds of changes, even for none', () => {
    for (const type of [16, 23, -1]) assert.equal(program.trackAdd('a.b', type), -INVALID_PARAM)
    for (const type of [0, 8, 15]) assert.ok(program.trackAdd('a.', type) > 0)
  })

  it('gives back what its program calls it when it goes', () => {
    const handle = program.trackAdd('a.b', ALL, 0xfedc_ba98_7654_3210n)
    assert.deepEqual(new CmapClient(library).trackDelete(handle), { error: BAD_HANDLE, instance: 0n })
    assert.deepEqual(program.trackDelete(handle), { error: OK, instance: 0xfedc_ba98_7654_3210n })
    assert.deepEqual(program.trackDelete(handle), { error: BAD_HANDLE, instance: 0n })
    program.set('a.b', TYPE.u8, Uint8Array.of(1))
    assert.deepEqual(seen(), [])
  })

  it('goes with its program', () => {
    const other = new CmapClient(library)
    other.trackAdd('a.b', ALL)
    program.trackAdd('a.b', ALL)
    other.client.disconnect()
    program.set('a.b', TYPE.u8, Uint8Array.of(1))
    assert.deepEqual(seen(other), [])
    assert.deepEqual(seen(), ['1 a.b 4'])
  })

  it('can carry the longest values there are', () => {
    program.trackAdd('a.b', ALL)
    program.set('a.b', TYPE.str, new Uint8Array(16384).fill(0x78))
    program.set('a.b', TYPE.str, new Uint8Array(16384).fill(0x79))
    const [, changed] = program.look()
    assert.deepEqual([changed!.newBytes.length, changed!.oldBytes.length], [16385, 16385])
    assert.deepEqual([changed!.newBytes[0], changed!.oldBytes[0]], [0x79, 0x78])
  })

  it('is one of many at most', () => {
    for (let i = 0; i < CMAP_HANDLES_MAX; i++) program.trackAdd('a.b', ALL)
    assert.equal(program.trackAdd('a.b', ALL), -NO_RESOURCES)
  })
})

describe('choosing a map', () => {
  it('changes what the program sees', () => {
    assert.equal(program.get('stats.x', 0).error, NOT_EXIST)
    assert.equal(program.setCurrentMap(1), OK)
    assert.equal(program.get('stats.x', 0).error, OK)
    assert.equal(new CmapClient(library).get('stats.x', 0).error, NOT_EXIST)
    assert.equal(program.setCurrentMap(0), OK)
  })

  it('needs all iterators and trackers closed, whatever the map', () => {
    const iterator = program.iterInit('')
    assert.equal(program.setCurrentMap(0), BUSY)
    assert.equal(program.setCurrentMap(9), BUSY)
    program.iterFinalize(iterator)
    const tracker = program.trackAdd('a.b', ALL)
    assert.equal(program.setCurrentMap(1), BUSY)
    program.trackDelete(tracker)
    assert.equal(program.setCurrentMap(1), OK)
  })

  it('needs one that there is', () => {
    for (const map of [2, -1]) assert.equal(program.setCurrentMap(map), NOT_EXIST)
  })
})

describe('a program that sends anything', () => {
  const request = fc
    .tuple(
      fc.integer({ min: -1, max: 11 }),
      fc.oneof(fc.constantFrom(16, 24, 279, 280, 288, 296, 297, 300, 304, 17_000), fc.integer({ min: 16, max: 400 })),
      fc.array(fc.tuple(fc.integer({ min: 16, max: 310 }), fc.constantFrom(0, 1, 2, 4, 11, 12, 13, 0x61, 0x2e, 0xff)), {
        maxLength: 12,
      }),
    )
    .map(([id, length, bytes]) => {
      const message = new Uint8Array(length)
      const view = new DataView(message.buffer)
      view.setInt32(0, id, true)
      view.setInt32(8, length, true)
      // A key that there can be, most of the time.
      message.set(ascii('\x03\0\0\0\0\0\0\0a.b').subarray(0, Math.max(0, length - 16)), 16)
      for (const [at, byte] of bytes) if (at < length) message[at] = byte
      return message
    })

  it('gets one answer to each request, and harms nobody', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), messages => {
        const live = new LiveMap()
        const anyone = new CmapLibrary({ live: new ProgramLiveMap(live), stats: new ProgramLiveMap(new LiveMap()) })
        const hostile = new CmapClient(anyone)
        const other = new CmapClient(anyone)
        for (const [i, message] of messages.entries()) {
          hostile.client.send(message)
          assert.equal(hostile.client.answers.length, i + 1)
        }
        assert.equal(other.set('b.c', TYPE.u8, Uint8Array.of(7)), OK)
        assert.deepEqual([...other.get('b.c', 1).bytes], [7])
        hostile.client.disconnect()
        assert.equal(live.computedTracked, false)
      }),
      { numRuns: 500 },
    )
  })
})
