// Directories of connections that a daemon of ours left when it was killed together with its programs (spec: ipc 10.6): each
// holds 3 MiB of memory. Other servers of libqb use the same names, and process ids mean nothing between containers that
// share /dev/shm. So each ring carries a mark of its daemon, and only what bears the mark of one that certainly
// runs no more is removed. Programs that outlive their daemon remove the files themselves and leave the directory: an empty
// one holds nothing that anybody could miss. In: the directory of directories. Out: how many were removed.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmdirSync,
} from 'node:fs'
import { join } from 'node:path'
import { native } from '../sys/native.js'
import { DAEMON_MARK_BYTES, RingHeader } from '../wire/ipc-transport.js'

/** `qb-<server>-<program>-<descriptor>-<random>`. */
const DIRECTORY = /^qb-([0-9]+)-[0-9]+-[0-9]+-[A-Za-z0-9]{6}$/
const REQUEST_HEADER = /^qb-request-.+-header$/
const RING_FILE = /^qb-(?:request|response|event)-.+-(?:header|data)$/
/** A server fills a directory as soon as it has made it, in milliseconds; one that is empty for so long stays empty. */
const EMPTY_MS = 1000
const MARK = /^corosync-ts ([^ ]+) ([0-9]+) ([0-9]+)$/

let mark: string | undefined

/** Names this process among all that ever ran since the host was started; empty where the kernel does not tell. */
export function daemonMark(): string {
  if (mark === undefined) {
    const namespace = pidNamespace()
    const started = startTime(process.pid)
    mark = namespace === undefined || started === undefined ? '' : `corosync-ts ${namespace} ${process.pid} ${started}`
    if (mark.length >= DAEMON_MARK_BYTES) mark = ''
  }
  return mark
}

export function removeStaleDirectories(root: string): number {
  let removed = 0
  for (const name of listed(root)) {
    const server = DIRECTORY.exec(name)?.[1]
    if (server !== undefined && removeIfStale(join(root, name), Number(server))) removed++
  }
  return removed
}

function removeIfStale(path: string, server: number): boolean {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch {
    return false
  }
  try {
    const files = listed(path)
    const header = files.find(file => REQUEST_HEADER.test(file))
    if (files.length === 0) {
      if (isRunning(server) || Date.now() - fstatSync(fd).mtimeMs < EMPTY_MS) return false
    } else if (header === undefined || !isOfDead(readMark(join(path, header)), server)) return false
    for (const file of files) if (RING_FILE.test(file)) native().unlinkat(fd, file, 0)
  } finally {
    closeSync(fd)
  }
  try {
    rmdirSync(path)
    return true
  } catch {
    return false
  }
}

function isOfDead(found: string, server: number): boolean {
  const [, namespace, pid, started] = MARK.exec(found) ?? []
  if (namespace === undefined || Number(pid) !== server || namespace !== pidNamespace()) return false
  if (!isRunning(server)) return true
  const now = startTime(server)
  return now !== undefined && now !== started
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** The mark in the header of a ring; empty when there is none. */
function readMark(path: string): string {
  try {
    // The directory belongs to a program: what is in it may be anything.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      if (!fstatSync(fd).isFile()) return ''
      const bytes = Buffer.alloc(DAEMON_MARK_BYTES)
      readSync(fd, bytes, 0, bytes.length, RingHeader.daemonMark)
      return bytes.toString('latin1').replace(/\0.*$/s, '')
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function pidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}

/** In ticks since the host was started: field 22, and the name in field 2 may hold anything. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
