// A process that touches a file behind its end, for the test of the guard. Argument: what to do. Prints 'alive' and the
// number of faults counted when it gets that far.

import { closeSync, ftruncateSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { Arena, type ArenaSlot, pageSize } from '../../src/sys/arena.js'
import { native, viewMemory } from '../../src/sys/native.js'

const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const ARENA_BYTES = 1 << 30
const PAGES = 4

/** A file of four pages, mapped and then cut to one. */
function cutFile(map: (fd: number) => void): void {
  const path = join(tmpdir(), `corosync-ts-bus-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const fd = openSync(path, 'wx+')
  rmSync(path)
  ftruncateSync(fd, PAGES * pageSize())
  map(fd)
  ftruncateSync(fd, pageSize())
  closeSync(fd)
}

/** Reads and writes in the first page, which is there, and in the third, which is not. */
function touch(bytes: Uint8Array): void {
  bytes[0] = 1
  const third = 2 * pageSize()
  if (bytes[third] !== 0) throw new Error('not zero')
  bytes[third] = 7
  if (bytes[third] !== 7 || bytes[0] !== 1) throw new Error('not kept')
}

function slotOf(arena: Arena): ArenaSlot {
  const slot = arena.take(PAGES * pageSize())
  if (slot === undefined) throw new Error('no slot')
  return slot
}

function inArena(arena: Arena): void {
  const slot = slotOf(arena)
  cutFile(fd => slot.map(0, slot.size, fd))
  touch(slot.bytes)
}

function outside(): void {
  let bytes = new Uint8Array(0)
  cutFile(fd => {
    const at = native().mmap(null, PAGES * pageSize(), PROT_READ_WRITE, MAP_SHARED, fd, 0)
    bytes = new Uint8Array(viewMemory(BigInt(at), PAGES * pageSize()))
  })
  touch(bytes)
}

const what = isMainThread ? process.argv[2] : (workerData as string)
const arena = new Arena(ARENA_BYTES)

switch (what) {
  case 'arena':
    inArena(arena)
    break
  case 'two arenas': {
    const other = new Arena(ARENA_BYTES)
    inArena(arena)
    inArena(other)
    inArena(arena)
    if (other.unclaimedFaults !== 1) throw new Error(`${other.unclaimedFaults} faults in the other arena`)
    break
  }
  case 'worker': {
    const worker = new Worker(new URL(import.meta.url), { workerData: 'arena' })
    await new Promise((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', resolve)
    })
    inArena(arena)
    break
  }
  case 'outside':
    outside()
    break
  case 'two arenas, outside':
    inArena(new Arena(ARENA_BYTES))
    outside()
    break
  case 'signal':
    process.kill(process.pid, 'SIGBUS')
    break
  default:
    throw new Error(`${what}?`)
}
process.stdout.write(`alive ${arena.unclaimedFaults}\n`)
