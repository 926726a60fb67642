// The binding against the running kernel, as far as an ordinary user may go.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ReceiveBatch } from '../../../src/sys/datagrams.js'
import { EventPoll } from '../../../src/sys/epoll.js'
import { SysError } from '../../../src/sys/errno.js'
import { clearEventFd, closeFd, openEventFd, signalEventFd } from '../../../src/sys/eventfd.js'
import { Epoll, SocketOption } from '../../../src/sys/layout.js'
import { NativeMemory } from '../../../src/sys/native.js'
import { InterfaceDump, InterfaceMonitor } from '../../../src/sys/netlink.js'
import { UdpSocket } from '../../../src/sys/socket.js'
import { lockFile, lockMemory, setThreadName } from '../../../src/sys/thread.js'

const threadModule = new URL('../../../src/sys/thread.js', import.meta.url).href
const loopback = Uint8Array.of(127, 0, 0, 1)

describe('a failed system call', () => {
  it('throws its name, number and call', () => {
    const socket = new UdpSocket(4)
    assert.throws(
      () => socket.bind(Uint8Array.of(192, 0, 2, 200), 0),
      (error: unknown) =>
        error instanceof SysError &&
        error.code === 'EADDRNOTAVAIL' &&
        error.errno === 99 &&
        error.syscall === 'bind' &&
        error.message === 'bind: Cannot assign requested address (99)',
    )
    socket.close()
  })
})

describe('native memory', () => {
  it('holds pointers and sizes as the kernel reads them', () => {
    const memory = new NativeMemory(16)
    memory.setPointer(0, 0x7f12_3456_789a)
    memory.setSize(8, 65536)
    assert.equal(memory.view.getBigUint64(0, true), 0x7f12_3456_789an)
    assert.equal(memory.view.getBigUint64(8, true), 65536n)
    assert.equal(BigInt(memory.address), memory.pointer)
  })
})

describe('epoll', () => {
  it('reports the tag of a descriptor that is ready, and nothing else', () => {
    const poll = new EventPoll()
    const [a, b] = [openEventFd(), openEventFd()]
    poll.add(a, Epoll.IN, 0xfffffff0)
    poll.add(b, Epoll.IN, 2)
    assert.equal(poll.wait(0), 0)
    signalEventFd(a)
    assert.equal(poll.wait(0), 1)
    assert.equal(poll.tagAt(0), 0xfffffff0)
    assert.equal(poll.eventsAt(0), Epoll.IN)
    signalEventFd(b)
    assert.equal(poll.wait(0), 2)
    assert.deepEqual([poll.tagAt(0), poll.tagAt(1)].sort(), [2, 0xfffffff0].sort())
    clearEventFd(a)
    clearEventFd(b)
    poll.modify(b, Epoll.OUT, 3)
    assert.equal(poll.wait(0), 1)
    assert.equal(poll.tagAt(0), 3)
    poll.remove(b)
    assert.equal(poll.wait(0), 0)
    poll.close()
    closeFd(a)
    closeFd(b)
  })

  it('never waits longer than a quarter of a second', () => {
    const poll = new EventPoll()
    const before = performance.now()
    assert.equal(poll.wait(Number.POSITIVE_INFINITY), 0)
    const waited = performance.now() - before
    assert.ok(waited >= 240 && waited < 5000, `waited ${waited}`)
    poll.close()
  })
})

describe('a UDP socket', () => {
  it('tells its port and takes options', () => {
    const socket = new UdpSocket(4)
    socket.bind(loopback, 0)
    assert.ok(socket.port > 0)
    socket.setInt(SocketOption.SOL_SOCKET, SocketOption.SO_PRIORITY, 6)
    assert.equal(socket.getInt(SocketOption.SOL_SOCKET, SocketOption.SO_PRIORITY), 6)
    assert.throws(() => socket.setInt(SocketOption.SOL_SOCKET, 9999, 1), { code: 'ENOPROTOOPT' })
    assert.equal(socket.trySetInt(SocketOption.SOL_SOCKET, 9999, 1), false)
    socket.close()
  })

  it('gets as much receive buffer as is allowed', () => {
    const socket = new UdpSocket(4)
    const limit = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'))
    const granted = socket.growReceiveBuffer(8 * 1024 * 1024)
    assert.ok(granted >= Math.min(limit, 8 * 1024 * 1024), `granted ${granted}`)
    assert.ok(granted <= 8 * 1024 * 1024)
    socket.close()
  })

  it('has nothing to receive at first', () => {
    const socket = new UdpSocket(4)
    socket.bind(loopback, 0)
    assert.equal(new ReceiveBatch(2).receive(socket.fd), -os.constants.errno.EAGAIN)
    socket.close()
  })
})

describe('the list of interfaces', () => {
  it('agrees with what Node shows of those that are up', () => {
    const monitor = new InterfaceMonitor()
    const ours = monitor
      .list()
      .filter(entry => entry.up)
      .map(entry => `${entry.name}/${entry.family}/${Buffer.from(entry.address).toString('hex')}`)
    monitor.close()
    for (const [name, entries] of Object.entries(os.networkInterfaces())) {
      for (const entry of entries ?? []) {
        if (entry.family !== 'IPv4') continue
        const hex = Buffer.from(entry.address.split('.').map(Number)).toString('hex')
        assert.ok(ours.includes(`${name}/4/${hex}`), `${name} ${entry.address}`)
      }
    }
    assert.ok(ours.includes('lo/4/7f000001'))
  })

  it('is read from untrusted lengths without harm', () => {
    // A link message and an address message, then every truncation and every one-byte change of them.
    const link = '2c00000010000200000000000000000000000100020000004310010000000000090003006574683000000000'
    const address = '28000000140002000000000000000000021880000200000008000100' + '0a4d0003' + '08000200' + '0a4d0003'
    const dump = new Uint8Array(Buffer.from(link + address, 'hex'))
    const read = (bytes: Uint8Array) => {
      const into = new InterfaceDump()
      into.read(bytes, bytes.length)
      return into
    }
    assert.deepEqual(read(dump).list(), [
      { name: 'eth0', index: 2, up: true, family: 4, address: Uint8Array.of(10, 77, 0, 3), prefixLength: 24 },
    ])
    assert.equal(read(dump).interrupted, false)
    const interrupted = dump.slice()
    interrupted[6]! |= 0x10
    assert.equal(read(interrupted).interrupted, true)
    for (let end = 0; end < dump.length; end++) read(dump.slice(0, end))
    for (let i = 0; i < dump.length; i++) {
      for (let value = 0; value < 256; value++) {
        const changed = dump.slice()
        changed[i] = value
        read(changed)
      }
    }
  })
})

describe('a record lock', () => {
  it('keeps other processes out, whatever they are written in', () => {
    const folder = mkdtempSync(join(os.tmpdir(), 'corosync-ts-'))
    const path = join(folder, 'pid')
    const fd = openSync(path, 'w')
    const other = () =>
      spawnSync(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env, LOCKED: path } })
        .status
    const program = `
      import { openSync } from 'node:fs'
      const { lockFile } = await import(${JSON.stringify(threadModule)})
      process.exit(lockFile(openSync(process.env.LOCKED, 'r+')) ? 10 : 11)`
    try {
      assert.equal(other(), 10)
      assert.equal(lockFile(fd), true)
      assert.equal(other(), 11)
      closeSync(fd)
      assert.equal(other(), 10)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the calling thread', () => {
  it('gets the name that ps shows, cut to fifteen bytes', () => {
    const before = readFileSync('/proc/self/comm', 'utf8').trim()
    setThreadName('corosync-with-a-long-name')
    assert.equal(readFileSync('/proc/self/comm', 'utf8').trim(), 'corosync-with-a')
    setThreadName(before)
  })

  it('says honestly whether it may have priority and locked memory, and may always be nicer', () => {
    // In a process of its own: neither is to be had for the rest of the tests.
    const program = `
      import { readFileSync } from 'node:fs'
      const { isRoundRobin, liftLockedMemoryLimit, setNice, setRoundRobin } = await import(${JSON.stringify(threadModule)})
      const nicer = setNice(19) === undefined
      const refused = setRoundRobin()
      const lifted = liftLockedMemoryLimit()
      const limit = /^Max locked memory +(\\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))[1]
      console.log(JSON.stringify([
        nicer,
        refused === undefined ? isRoundRobin() : refused.code,
        lifted === undefined ? limit : lifted.code,
      ]))`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    const [nicer, priority, memory] = JSON.parse(stdout) as [boolean, boolean | string, string]
    assert.equal(nicer, true)
    assert.ok(priority === true || priority === 'EPERM', String(priority))
    assert.ok(memory === 'unlimited' || memory === 'EPERM', memory)
  })

  it('locks memory of its own, or says why not', () => {
    const refused = lockMemory(new NativeMemory(65536))
    if (refused !== undefined) assert.ok(['EPERM', 'ENOMEM', 'ENOSYS'].includes(refused.code), refused.message)
    else assert.notEqual(/VmLck:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1], '0')
  })
})
