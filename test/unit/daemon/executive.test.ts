// The executive's thread and the hold that the main thread has on it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Executive } from '../../../src/daemon/executive-handle.js'
import type { ExecutiveSetup } from '../../../src/daemon/executive-setup.js'
import type { ExecutiveEnd, ExecutiveHandle } from '../../../src/daemon/types.js'
import type { LogRecord } from '../../../src/log/record.js'
import { levelRank } from '../../../src/log/settings.js'
import { DEFAULT_TOTEM_PARAMETERS } from '../../../src/totem/parameters.js'
import { unicastTransport } from '../../support/fake-node.js'
import { freeUdpPort } from '../../support/free-port.js'

interface Running {
  readonly executive: ExecutiveHandle
  readonly lines: LogRecord[]
  readonly synchronized: Promise<void>
  readonly ended: Promise<ExecutiveEnd>
}

async function run(change: Partial<ExecutiveSetup> = {}): Promise<Running> {
  const lines: LogRecord[] = []
  let synchronized: () => void = () => {}
  let ended: (end: ExecutiveEnd) => void = () => {}
  const whenSynchronized = new Promise<void>(resolve => {
    synchronized = resolve
  })
  const whenEnded = new Promise<ExecutiveEnd>(resolve => {
    ended = resolve
  })
  const setup: ExecutiveSetup = {
    nodeId: 1,
    memberNodeIds: [1],
    map: [],
    totem: { ...DEFAULT_TOTEM_PARAMETERS, tokenTimeoutMs: 300, consensusMs: 360, tokenRetransmitMs: 71, holdMs: 46 },
    tuning: { transport: 'udpu', family: 4, netMtu: 1500, defaults: '3', legacy: false },
    transport: unicastTransport(1, ['127.0.0.1'], await freeUdpPort()),
    stateDir: undefined,
    logFilter: { otherwise: levelRank('info'), ranks: {} },
    ...change,
  }
  const listener = { log: (record: LogRecord) => lines.push(record), synchronized, ended }
  return { executive: new Executive(setup, listener), lines, synchronized: whenSynchronized, ended: whenEnded }
}

describe('an executive', () => {
  it('forms a ring, beats, leaves when it is asked to, and is gone then', async () => {
    const { executive, lines, synchronized, ended } = await run()
    await synchronized
    const beat = Atomics.load(executive.heartbeat, 0)
    assert.ok(beat > 0)
    await new Promise(resolve => setTimeout(resolve, 600))
    assert.ok(Atomics.load(executive.heartbeat, 0) > beat)
    executive.leave()
    executive.leave()
    assert.deepEqual(await ended, { kind: 'left', reason: undefined })
    assert.ok(lines.some(line => line.subsystem === 'SERV' && line.message.startsWith('Service engine unloaded')))
    assert.equal(executive.stopNow(0), true)
    executive.leave()
  })

  it('stops within a moment while the main thread waits, blocking', async () => {
    const { executive, synchronized, ended } = await run()
    await synchronized
    const began = performance.now()
    assert.equal(executive.stopNow(500), true)
    // The longest wait of its loop is 250 ms: it was woken.
    assert.ok(performance.now() - began < 200)
    assert.equal((await ended).kind, 'left')
  })

  it('stops while it starts', async () => {
    const { executive, ended } = await run()
    executive.leave()
    assert.equal((await ended).kind, 'left')
  })

  it('says with which status a daemon has to end when the ring cannot be reached', async () => {
    const { ended } = await run({ transport: unicastTransport(1, ['192.0.2.1'], await freeUdpPort()) })
    const end = await ended
    assert.ok(end.kind === 'fatal')
    assert.equal(end.code, 1)
    assert.match(end.message, /192\.0\.2\.1/)
  })

  it('says so when the ring id cannot be kept', async () => {
    const { ended } = await run({ stateDir: '/proc/nowhere' })
    const end = await ended
    assert.ok(end.kind === 'fatal')
    assert.equal(end.code, 21)
  })

  it('is reported dead, with the error, when something inside breaks', async () => {
    const { executive, ended } = await run({ totem: undefined as never })
    const end = await ended
    assert.ok(end.kind === 'died')
    assert.ok(end.error instanceof TypeError, String(end.error))
    assert.equal(executive.stopNow(0), true)
  })

  it('sends only lines that somebody wants', async () => {
    const { executive, lines, synchronized, ended } = await run({ logFilter: { otherwise: -1, ranks: { QUORUM: 8 } } })
    await synchronized
    executive.leave()
    await ended
    assert.ok(lines.length > 0)
    assert.deepEqual([...new Set(lines.map(line => line.subsystem))], ['QUORUM'])
  })
})
