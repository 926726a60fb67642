// The messages of the configuration service, among nodes and with programs.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProcessGroups } from '../../../src/pg/process-groups.js'
import * as cfg from '../../../src/wire/cfg.js'
import * as ipc from '../../../src/wire/cfg-ipc.js'
import { checkServiceMessage, functionOf, ServiceId, serviceOf } from '../../../src/wire/service.js'
import { loadCapture, totemOverKnet } from '../../support/captures.js'
import { FakeQueue, NET_MTU } from '../../support/fake-ring.js'
import { guard } from '../../support/guarded.js'
import { Collector } from '../../support/messages.js'
import { packetsByRing } from '../../support/ring-messages.js'

interface Captured {
  readonly origin: number
  readonly fn: number
  readonly bytes: Uint8Array
}

/** The messages of service 1 that C nodes were recorded to send. */
function captured(): Captured[] {
  const receiver = new Collector()
  const groups = new ProcessGroups({ queue: new FakeQueue(), netMtu: NET_MTU, receiver })
  for (const packets of packetsByRing(totemOverKnet(loadCapture('exec-messages-3n'))).values()) {
    for (const { origin, bytes } of packets) groups.receive(bytes, 0, bytes.length, origin, false)
  }
  return receiver.messages.flatMap(({ origin, bytes }) => {
    const id = checkServiceMessage(bytes, 0, bytes.length, true)
    return serviceOf(id) === ServiceId.cfg ? [{ origin, fn: functionOf(id), bytes }] : []
  })
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('latin1')

describe('cluster messages of the configuration service', () => {
  const messages = captured()

  it('of C nodes are read', () => {
    assert.deepEqual(
      messages.map(({ origin, fn }) => [origin, fn]),
      [
        [2, cfg.CfgFunction.reloadConfig],
        [2, cfg.CfgFunction.killNode],
        [2, cfg.CfgFunction.shutdown],
      ],
    )
    const [reload, kill, shutdown] = messages.map(message => message.bytes)
    assert.equal(cfg.readCfgSource(reload!, 0, reload!.length, true)?.nodeId, 2)
    const killed = cfg.readCfgKill(kill!, 0, kill!.length, true)
    assert.equal(killed?.nodeId, 3)
    assert.equal(text(killed?.reason), 'Killed by corosync-cfgtool')
    assert.equal(shutdown!.length, cfg.CFG_SHUTDOWN_LENGTH)
  })

  it('are written as C nodes write them', () => {
    const [reload, kill, shutdown] = messages.map(message => Buffer.from(message.bytes))
    const buf = Buffer.alloc(400, 0xaa)
    const source = cfg.readCfgSource(reload!, 0, reload!.length, true)!
    assert.equal(cfg.writeCfgSource(cfg.CfgFunction.reloadConfig, source, buf, 5, true), reload!.length)
    assert.deepEqual(fields(buf.subarray(5), [0, 8, 16, 24, 28]), fields(reload!, [0, 8, 16, 24, 28]))
    const killed = cfg.readCfgKill(kill!, 0, kill!.length, true)!
    assert.equal(cfg.writeCfgKill(killed, buf, 5, true), kill!.length)
    assert.deepEqual(fields(buf.subarray(5), [0, 8, 16]), fields(kill!, [0, 8, 16]))
    assert.equal(buf.readUInt16LE(5 + 24), kill!.readUInt16LE(24))
    assert.equal(text(buf.subarray(5 + 32, 5 + 59)), text(kill!.subarray(32, 59)))
    assert.equal(cfg.writeCfgShutdown(buf, 5, true), shutdown!.length)
    assert.deepEqual(fields(buf.subarray(5), [0, 8]), fields(shutdown!, [0, 8]))
  })

  it('come back in either byte order', () => {
    const buf = Buffer.alloc(400, 0xaa)
    for (const little of [true, false]) {
      const reason = Buffer.from('because')
      const kill = cfg.writeCfgKill({ nodeId: 0x01020304, reason }, buf, 1, little)
      assert.deepEqual(
        { ...cfg.readCfgKill(buf, 1, kill, little), reason: undefined },
        { nodeId: 0x01020304, reason: undefined },
      )
      assert.equal(text(cfg.readCfgKill(buf, 1, kill, little)?.reason), 'because')
      const source = { nodeId: 7, connection: 2 ** 40 + 3 }
      const length = cfg.writeCfgSource(cfg.CfgFunction.ringReenable, source, buf, 1, little)
      assert.deepEqual(cfg.readCfgSource(buf, 1, length, little), source)
      assert.equal(cfg.readCfgCrypto(buf, 1, cfg.writeCfgCrypto(2, buf, 1, little), little), 2)
    }
  })

  it('that are too short are not read', () => {
    const buf = Buffer.alloc(400)
    assert.equal(cfg.readCfgKill(buf, 0, cfg.CFG_KILL_LENGTH - 1, true), undefined)
    assert.equal(cfg.readCfgSource(buf, 0, cfg.CFG_SOURCE_LENGTH - 1, true), undefined)
    assert.equal(cfg.readCfgCrypto(buf, 0, cfg.CFG_CRYPTO_LENGTH - 1, true), undefined)
  })

  it('are read within themselves, whatever they say', () => {
    for (const length of [0, 1, 255, 256, 257, 0xffff]) {
      const bytes = Buffer.alloc(cfg.CFG_KILL_LENGTH, 'x')
      bytes.writeUInt16LE(length, 24)
      const { buf, off } = guard(bytes)
      const reason = cfg.readCfgKill(buf, off, bytes.length, true)?.reason
      assert.equal(reason?.length, Math.min(length, cfg.CFG_REASON_MAX))
    }
  })

  it('with a reason beyond its room end with the room', () => {
    const buf = Buffer.alloc(cfg.CFG_KILL_LENGTH, 'x')
    buf.writeUInt16LE(0xffff, 24)
    assert.equal(cfg.readCfgKill(buf, 0, buf.length, true)?.reason.length, cfg.CFG_REASON_MAX)
    cfg.writeCfgKill({ nodeId: 1, reason: Buffer.alloc(1000, 'y') }, buf, 0, true)
    assert.equal(cfg.readCfgKill(buf, 0, buf.length, true)?.reason.length, cfg.CFG_REASON_MAX - 1)
    assert.equal(buf.readUInt16LE(24), cfg.CFG_REASON_MAX)
  })
})

/** The 32-bit fields at these offsets. */
function fields(bytes: Buffer, offsets: readonly number[]): number[] {
  return offsets.map(off => bytes.readUInt32LE(off))
}

// Recorded between libcfg and a C daemon; the padding, which is garbage there, is zero.
const KILL_REQUEST = '020000000000000020010000000000004d0000000000000005006e6f6e65'.padEnd(2 * 288, '0')
const ADDRESSES_ANSWER =
  '0b000000000000003000000000000000' + '0100000000000000' + '0200000001000000' + '0a4d0003000000000000000000000000'
const LOCAL_ANSWER = '0c000000000000002000000000000000' + '0100000000000000' + '0100000000000000'
const TEST_SHUTDOWN = '0a000000000000002000000000000000' + '0100000000000000' + '0000000000000000'
const REFUSED_STATUS = '10000000000000002000000000000000' + '1500000000000000' + '0000000000000000'
const STATUS_HEAD = '10000000000000006810000000000000' + '0100000000000000' + '0100000002000000' + '0100000000000000'
const STATUS_LINK = '01010000a6050000'

describe('requests and answers of the configuration service', () => {
  const buf = Buffer.alloc(ipc.CFG_RING_STATUS_LENGTH + 8, 0xaa)
  const hex = (length: number) => buf.subarray(8, 8 + length).toString('hex')

  it('KILLNODE has its reason at an odd place', () => {
    const bytes = Buffer.from(KILL_REQUEST, 'hex')
    assert.equal(bytes.length, ipc.CFG_KILL_REQUEST_LENGTH)
    assert.equal(ipc.readWordRequest(bytes, 0), 77)
    assert.equal(text(ipc.readKillReason(bytes, 0)), 'none')
    bytes.fill('x', 26)
    bytes.writeUInt16LE(0xffff, 24)
    assert.equal(ipc.readKillReason(bytes, 0).length, 256)
  })

  it('are written as the C daemon writes them', () => {
    assert.equal(hex(ipc.writeNodeAddresses([Uint8Array.of(10, 77, 0, 3)], 1, buf, 8)), ADDRESSES_ANSWER)
    assert.equal(hex(ipc.writeWordResponse(ipc.CfgResponse.localGet, 1, 1, buf, 8)), LOCAL_ANSWER)
    assert.equal(hex(ipc.writeTestShutdown(0, 1, buf, 8)), TEST_SHUTDOWN)
    assert.equal(hex(ipc.writeNodeStatusRefused(21, buf, 8)), REFUSED_STATUS)
  })

  it('no addresses and an error', () => {
    assert.equal(ipc.writeNodeAddresses([], 12, buf, 8), 32)
    assert.equal(buf.readUInt32LE(8 + 28), 0)
  })

  it('IPv6 addresses fill their places', () => {
    const address = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
    assert.equal(ipc.writeNodeAddresses([address, address], 1, buf, 8), 64)
    assert.equal(buf.readUInt32LE(8 + 24), 10)
    assert.deepEqual([...buf.subarray(8 + 48, 8 + 64)], [...address])
  })

  it('NODESTATUSGET as recorded from a healthy link', () => {
    const link = {
      enabled: true,
      connected: true,
      dynamicallyConnected: false,
      mtu: 1446,
      source: '10.77.0.1',
      destination: '10.77.0.2',
    }
    const plain = { remote: false, external: false, onwireMin: 0, onwireMax: 0, onwire: 0 }
    const status = { ...plain, reachable: true, links: [link, undefined, { ...link, enabled: false, mtu: 7 }] }
    assert.equal(ipc.writeNodeStatus(2, status, 1, buf, 8), 4200)
    assert.equal(hex(40), STATUS_HEAD)
    assert.equal(buf.subarray(8 + 40, 8 + 48).toString('hex'), STATUS_LINK)
    assert.equal(text(buf.subarray(8 + 48, 8 + 58)), '10.77.0.1\0')
    assert.equal(text(buf.subarray(8 + 40 + 264, 8 + 40 + 274)), '10.77.0.2\0')
    const third = 8 + 40 + 2 * 520
    assert.deepEqual([buf[third], buf[third + 1], buf.readUInt32LE(third + 4)], [0, 1, 7])
    assert.ok(buf.subarray(8 + 40 + 520, third).every(byte => byte === 0))
  })

  it('RINGSTATUSGET as recorded, and what does not fit', () => {
    assert.equal(ipc.writeRingStatus([{ name: '0 10.77.0.1', status: 'n33' }], 1, buf, 8), true)
    assert.equal(hex(32), '00000000000000002028000000000000010000000000000001000000' + '00000000')
    assert.equal(text(buf.subarray(8 + 32, 8 + 44)), '0 10.77.0.1\0')
    assert.equal(text(buf.subarray(8 + 2080, 8 + 2084)), 'n33\0')
    assert.equal(ipc.writeRingStatus([{ name: 'x'.repeat(127), status: 'y'.repeat(511) }], 1, buf, 8), true)
    assert.equal(ipc.writeRingStatus([{ name: 'x'.repeat(128), status: '' }], 1, buf, 8), false)
    assert.equal(ipc.writeRingStatus([{ name: '', status: 'x'.repeat(512) }], 1, buf, 8), false)
    assert.equal(ipc.writeRingStatus(Array(17).fill({ name: '', status: '' }), 1, buf, 8), false)
  })
})
