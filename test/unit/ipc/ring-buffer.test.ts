import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { MIN_RING_BYTES, RingReader, RingWriter, ringBytes } from '../../../src/ipc/ring-buffer.js'

const MAX_MESSAGE = 1 << 20

function ring(dataBytes = MIN_RING_BYTES, position = 0) {
  const memory = new ArrayBuffer(ringBytes(dataBytes))
  // Both positions may stand anywhere, the end of the 32-bit range included.
  const control = new Int32Array(memory)
  control[0] = position | 0
  control[16] = position | 0
  return { writer: new RingWriter(memory, 0, dataBytes), reader: new RingReader(memory, 0, dataBytes, MAX_MESSAGE) }
}

function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed * 7 + (i >> 8)) & 0xff
  return bytes
}

function taken(reader: RingReader): Uint8Array {
  const bytes = reader.buf.slice(reader.off, reader.off + reader.len)
  reader.consume()
  return bytes
}

describe('a ring of bytes', () => {
  it('carries kind, words and bytes', () => {
    const { writer, reader } = ring()
    assert.equal(reader.peek(), false)
    assert.equal(writer.empty, true)
    const bytes = pattern(100, 1)
    assert.equal(writer.write(7, 1, 0xffff_ffff, 3, bytes, 10, 50, 0), 50)
    assert.equal(writer.empty, false)
    assert.equal(reader.peek(), true)
    assert.deepEqual([reader.kind, reader.a, reader.b, reader.c, reader.len], [7, 1, 0xffff_ffff, 3, 50])
    assert.deepEqual(taken(reader), bytes.slice(10, 60))
    assert.equal(reader.peek(), false)
    assert.equal(writer.empty, true)
  })

  it('shows the same message until it is consumed', () => {
    const { writer, reader } = ring()
    writer.write(1, 0, 0, 0, pattern(5, 1), 0, 5, 0)
    writer.write(2, 0, 0, 0, pattern(5, 2), 0, 5, 0)
    assert.ok(reader.peek() && reader.peek())
    assert.equal(reader.kind, 1)
    reader.consume()
    reader.consume()
    assert.ok(reader.peek())
    assert.equal(reader.kind, 2)
  })

  it('carries messages without bytes', () => {
    const { writer, reader } = ring()
    assert.equal(writer.write(3, 0, 0, 0, new Uint8Array(0), 0, 0, 0), 0)
    assert.ok(reader.peek())
    assert.equal(reader.kind, 3)
    assert.equal(reader.len, 0)
  })

  it('refuses when it is full and takes again what fits after a read', () => {
    const { writer, reader } = ring()
    const bytes = pattern(200, 1)
    let written = 0
    while (writer.write(1, written, 0, 0, bytes, 0, 200, 0) === 200) written++
    assert.equal(written, 4)
    assert.ok(reader.peek())
    reader.consume()
    assert.equal(writer.write(1, written, 0, 0, bytes, 0, 200, 0), 200)
    assert.equal(writer.write(1, written, 0, 0, bytes, 0, 200, 0), -1)
  })

  it('passes a message longer than itself while the reader takes chunks', () => {
    const { writer, reader } = ring()
    const bytes = pattern(10_000, 5)
    let from = 0
    let rounds = 0
    let complete = false
    while (!complete) {
      const progress = writer.write(9, 1, 2, 3, bytes, 0, bytes.length, from)
      assert.ok(progress > from, 'every round brings it on')
      from = progress
      complete = reader.peek()
      assert.equal(complete, from === bytes.length)
      rounds++
    }
    assert.ok(rounds > 5)
    assert.deepEqual([reader.kind, reader.a, reader.b, reader.c], [9, 1, 2, 3])
    assert.deepEqual(taken(reader), bytes)
  })

  it('reports a ring whose bytes make no sense', () => {
    const memory = new ArrayBuffer(ringBytes(MIN_RING_BYTES))
    const writer = new RingWriter(memory, 0, MIN_RING_BYTES)
    writer.write(1, 0, 0, 0, pattern(50, 1), 0, 50, 0)
    new Uint32Array(memory)[32 + 2] = MAX_MESSAGE + 1
    assert.throws(() => new RingReader(memory, 0, MIN_RING_BYTES, MAX_MESSAGE).peek(), /ring buffer/)
  })

  it('takes powers of two only', () => {
    assert.throws(() => ringBytes(1000), RangeError)
    assert.throws(() => ringBytes(512), RangeError)
  })
})

describe('a ring of bytes under any order of writes and reads', () => {
  const message = fc.record({
    kind: fc.integer({ min: 1, max: 255 }),
    length: fc.oneof(
      fc.integer({ min: 0, max: 80 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.constantFrom(231, 232, 233, 255, 256),
    ),
  })
  const start = fc.oneof(
    fc.integer({ min: 0, max: 127 }).map(n => n * 8),
    fc.integer({ min: 0, max: 200 }).map(n => 0xffff_ffff - 7 - n * 8),
  )

  it('gives back every message, whole and in order', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 40 }),
        fc.infiniteStream(fc.boolean()),
        start,
        (messages, coin, position) => {
          const { writer, reader } = ring(MIN_RING_BYTES, position)
          const bytes = messages.map((m, i) => pattern(m.length, i))
          let writing = 0
          let from = 0
          let read = 0
          while (read < messages.length) {
            const canWrite = writing < messages.length
            let stuck = !canWrite
            if (canWrite && coin.next().value) {
              const m = messages[writing]!
              const progress = writer.write(m.kind, writing, m.length, 0xdead_beef, bytes[writing]!, 0, m.length, from)
              stuck = progress < 0
              if (progress === m.length) {
                writing++
                from = 0
              } else if (progress > 0) from = progress
            }
            if (stuck || coin.next().value) {
              if (!reader.peek()) continue
              const m = messages[read]!
              assert.deepEqual([reader.kind, reader.a, reader.b, reader.c], [m.kind, read, m.length, 0xdead_beef])
              assert.deepEqual(taken(reader), bytes[read])
              read++
            }
          }
          assert.equal(reader.peek(), false)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a ring of bytes between two threads', () => {
  it('keeps every message', async () => {
    const dataBytes = 4096
    const memory = new SharedArrayBuffer(ringBytes(dataBytes))
    const count = 5000
    const module = new URL('../../../src/ipc/ring-buffer.js', import.meta.url).href
    const worker = new Worker(
      `const { workerData } = require('node:worker_threads')
       import(workerData.module).then(({ RingWriter }) => {
         const writer = new RingWriter(workerData.memory, 0, ${dataBytes})
         for (let i = 0; i < ${count}; i++) {
           const length = (i * 7919) % 3000
           const bytes = new Uint8Array(length).fill(i & 0xff)
           let from = 0
           for (;;) {
             const progress = writer.write(1, i, length, 0, bytes, 0, length, from)
             if (progress === length) break
             if (progress > 0) from = progress
           }
         }
       })`,
      { eval: true, workerData: { memory, module } },
    )
    const ended = new Promise<void>((resolve, reject) => {
      worker.once('error', reject)
      worker.once('exit', () => resolve())
    })
    const reader = new RingReader(memory, 0, dataBytes, MAX_MESSAGE)
    let next = 0
    const deadline = Date.now() + 60_000
    try {
      while (next < count) {
        if (!reader.peek()) {
          assert.ok(Date.now() < deadline, `stopped at message ${next}`)
          await new Promise(resolve => setImmediate(resolve))
          continue
        }
        assert.equal(reader.a, next)
        assert.equal(reader.len, (next * 7919) % 3000)
        for (let i = 0; i < reader.len; i++) assert.equal(reader.buf[reader.off + i], next & 0xff)
        reader.consume()
        next++
      }
      await ended
    } finally {
      // A writer whose reader has given up would write for ever.
      await worker.terminate()
    }
  })
})
