// How a process ends whose worker thread waits in the real loop (a thread that waits for ever would hold it for ever).

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RingLoop } from '../../../src/daemon/loop.js'
import type { WireGeneration } from '../../../src/wire/generation.js'
import { FakeNode, MemoryRingId, unicastTransport } from '../../support/fake-node.js'
import { freeUdpPort } from '../../support/free-port.js'

const program = fileURLToPath(new URL('../../support/loop-process.js', import.meta.url))

async function ending(how: string): Promise<{ code: number | null; out: string; err: string }> {
  const child: ChildProcess = spawn(process.execPath, [program, how, String(await freeUdpPort())])
  let out = ''
  let err = ''
  child.stdout?.on('data', data => {
    out += data
  })
  child.stderr?.on('data', data => {
    err += data
  })
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(killer)
  return { code, out, err }
}

async function assertEnds(how: string, expected: number): Promise<void> {
  const { code, err } = await ending(how)
  assert.equal(code, expected, err)
}

describe('a process whose worker waits in the loop', () => {
  it('ends by process.exit', async () => {
    await assertEnds('exit', 7)
  })

  it('ends by an exception on the main thread', async () => {
    const { code, err } = await ending('throw')
    assert.equal(code, 1)
    assert.match(err, /main is broken/)
  })

  it('can terminate the worker', async () => {
    await assertEnds('terminate', 8)
  })

  it('ends by an exit handler that stops the loop, wakes it and waits', async () => {
    // The handler gives the loop less than one wait of its own. On a busy machine it may need another chance.
    let end = await ending('handler')
    for (let i = 0; i < 5 && end.code === 92; i++) end = await ending('handler')
    assert.equal(end.code, 9, end.err)
  })

  it('ends by itself when the loop is asked to stop, and its timers ran meanwhile', async () => {
    const { code, out, err } = await ending('stop')
    assert.equal(code, 0, err)
    assert.equal(out, 'a timer fired in the worker\nstopped\n')
  })
})

describe('a loop that is never idle', () => {
  it('lets the timers of Node fire all the same', async () => {
    const loop = new RingLoop({
      transport: unicastTransport(1, ['127.0.0.1'], await freeUdpPort()),
      wire: undefined as unknown as WireGeneration,
      ringId: new MemoryRingId(),
      log: () => {},
      shutdownRequested: () => {},
    })
    const node = new FakeNode()
    node.deadline = 0
    node.onExpire = () => {}
    loop.attach(node)
    let fired = false
    setTimeout(() => {
      fired = true
    }, 10)
    const before = performance.now()
    await loop.run(() => fired || performance.now() - before > 10_000)
    loop.close()
    assert.equal(fired, true)
  })
})

describe('a signal during a wait', () => {
  it('counts as no event', async () => {
    const loop = new RingLoop({
      transport: unicastTransport(1, ['127.0.0.1'], await freeUdpPort()),
      wire: undefined as unknown as WireGeneration,
      ringId: new MemoryRingId(),
      log: () => {},
      shutdownRequested: () => {},
    })
    loop.attach(new FakeNode())
    loop.turn(0)
    let signals = 0
    process.on('SIGWINCH', () => signals++)
    const sender = spawn('sh', ['-c', `sleep 0.1; kill -WINCH ${process.pid}; sleep 0.1; kill -WINCH ${process.pid}`])
    try {
      const ended = once(sender, 'exit')
      let over = false
      void ended.then(() => {
        over = true
      })
      await loop.run(() => over && signals > 0)
    } finally {
      loop.close()
      process.removeAllListeners('SIGWINCH')
    }
    assert.ok(signals >= 1)
  })
})
