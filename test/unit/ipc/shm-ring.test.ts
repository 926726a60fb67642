// Rings of libqb in shared memory: both ends in this process, over a file mapped twice in a row.

import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type RingPlace, ShmRingReader, ShmRingWriter } from '../../../src/ipc/shm-ring.js'
import { Arena, type ArenaSlot, pageSize } from '../../../src/sys/arena.js'
import { ChunkMagic, RingHeader, ringDataBytes } from '../../../src/wire/ipc-transport.js'

const MAX_MESSAGE = 3000
const NOTHING = new Uint8Array(0)
const arena = new Arena(1 << 30)

/** A ring of one page, as programs see it: the data twice. */
function createRing(): { slot: ArenaSlot; writer: ShmRingWriter; reader: ShmRingReader; words: number; data: number } {
  const page = pageSize()
  const header = Math.ceil(RingHeader.bytes / page) * page
  const dataBytes = ringDataBytes(MAX_MESSAGE, page)
  const slot = arena.take(header + 2 * dataBytes)
  assert.ok(slot !== undefined)
  const directory = mkdtempSync(join(tmpdir(), 'corosync-ts-ring-'))
  const fd = openSync(join(directory, 'data'), 'wx+')
  ftruncateSync(fd, dataBytes)
  slot.map(header, dataBytes, fd)
  slot.map(header + dataBytes, dataBytes, fd)
  closeSync(fd)
  rmSync(directory, { recursive: true })
  const place: RingPlace = { header: 0, data: header, dataBytes, maxMessage: MAX_MESSAGE }
  const writer = new ShmRingWriter(slot, place)
  writer.semaphore.init()
  return { slot, writer, reader: new ShmRingReader(slot, place), words: dataBytes / 4, data: header }
}

/** A request of so many bytes that can be told from others. */
function message(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + seed
  new DataView(bytes.buffer).setInt32(8, length, true)
  return bytes
}

function write(writer: ShmRingWriter, bytes: Uint8Array, split = 0): string {
  return writer.write(bytes, 0, split, bytes, split, bytes.length - split)
}

function read(reader: ShmRingReader): Buffer {
  assert.equal(reader.next(), 'message')
  const copy = Buffer.from(reader.bytes.subarray(reader.off, reader.off + reader.len))
  reader.reclaim()
  return copy
}

describe('a ring', () => {
  it('carries messages of every length over every place of its end', () => {
    const { writer, reader, words, slot } = createRing()
    const starts = new Set<number>()
    let written = 0
    // Odd lengths in words move the start by one place in some round or other.
    for (let round = 0; round < 40; round++) {
      for (let length = 16; length <= 64; length++) {
        starts.add(slot.words[RingHeader.writePosition >> 2]!)
        const bytes = message(length, round)
        assert.equal(write(writer, bytes, length % 17), 'written')
        written++
        assert.deepEqual(read(reader), Buffer.from(bytes))
      }
    }
    assert.equal(reader.next(), 'none')
    for (let start = words - 20; start < words; start++) {
      // Chunks that end just there.
      for (;;) {
        const distance = (start - slot.words[RingHeader.writePosition >> 2]! + words) % words
        if (distance === 0) break
        // The shortest chunk has six words; a distance below that takes another round.
        const chunk = distance >= 12 ? Math.min(distance - 6, 100) : distance >= 6 ? distance : 100
        assert.equal(write(writer, message((chunk - 2) * 4, 1)), 'written')
        read(reader)
      }
      const bytes = message(61, start)
      assert.equal(write(writer, bytes, 24), 'written')
      assert.deepEqual(read(reader), Buffer.from(bytes))
    }
    assert.ok(written > 1900 && starts.size > 300, `${starts.size}`)
  })

  it('holds what the rule says and then is full, and empty again', () => {
    const { writer, reader, words } = createRing()
    for (let round = 0; round < 3; round++) {
      let count = 0
      while (write(writer, message(24, count)) === 'written') count++
      // Each takes 2 + 6 words; one more needs 9 free of those before the reader, less one.
      assert.equal(count, Math.floor((words - 1 - 9) / 8) + 1)
      for (let i = 0; i < count; i++) assert.deepEqual(read(reader), Buffer.from(message(24, i)))
      assert.equal(reader.next(), 'none')
    }
  })

  it('shows a message again that was not read after all', () => {
    const { writer, reader } = createRing()
    write(writer, message(20, 1))
    write(writer, message(20, 2))
    assert.equal(reader.next(), 'message')
    reader.unread()
    assert.deepEqual(read(reader), Buffer.from(message(20, 1)))
    assert.deepEqual(read(reader), Buffer.from(message(20, 2)))
  })

  it('leaves marks as programs expect them', () => {
    const { slot, writer, reader, data } = createRing()
    write(writer, message(27, 1))
    write(writer, message(24, 2))
    const word = (at: number) => slot.words[(data >> 2) + at]
    assert.deepEqual([word(0), word(1), word(9), word(10)], [27, ChunkMagic.VALID, 24, ChunkMagic.VALID])
    assert.deepEqual([slot.words[0], slot.words[1], writer.semaphore.value], [17, 0, 2])
    read(reader)
    read(reader)
    assert.deepEqual([word(0), word(1), word(9), word(10)], [0, ChunkMagic.DEAD, 0, ChunkMagic.DEAD])
    assert.deepEqual([slot.words[0], slot.words[1], writer.semaphore.value], [17, 17, 0])
  })

  it('refuses messages that are too long', () => {
    const { writer } = createRing()
    assert.equal(write(writer, message(MAX_MESSAGE + 1, 0)), 'long')
    assert.equal(write(writer, message(MAX_MESSAGE, 0)), 'written')
    assert.equal(writer.write(NOTHING, 0, 0, message(MAX_MESSAGE, 0), 0, MAX_MESSAGE), 'full')
  })
})
