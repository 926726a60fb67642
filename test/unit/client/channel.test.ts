// A channel's two sides and nothing else: whoever has something to say rings, and nobody looks unless rung. A ring that is
// missing shows as a stand-still.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ChannelClient } from '../../../src/client/channel-client.js'
import { EventKind } from '../../../src/daemon/channel.js'
import { LocalMembers } from '../../../src/daemon/local-members.js'
import { CPG_MAX_ATOMIC_LENGTH, type CpgConnection, type CpgListener } from '../../../src/services/cpg/types.js'
import { CsError, type CsErrorCode } from '../../../src/services/errors.js'

/** A service that accepts what it is told to and keeps what it accepted. */
class ScriptedService {
  listener: CpgListener | undefined
  accepts: () => CsErrorCode = () => CsError.OK
  readonly messages: Uint8Array[] = []
  closed = false

  connect(listener: CpgListener): CpgConnection {
    this.listener = listener
    const take = (buf: Uint8Array, off: number, len: number): CsErrorCode => {
      const code = this.accepts()
      if (code === CsError.OK) this.messages.push(buf.slice(off, off + len))
      return code
    }
    return {
      join: () => CsError.OK,
      leave: () => CsError.OK,
      mcast: take,
      mcastPartial: (_type, _total, buf, off, len) => take(buf, off, len),
      membership: () => [],
      close: () => {
        this.closed = true
      },
    }
  }
}

function channel() {
  const service = new ScriptedService()
  let executiveRung = false
  let userRung = false
  const members = new LocalMembers({
    cpg: service,
    nodeId: 1,
    ringUser: () => {
      userRung = true
    },
  })
  const client = new ChannelClient(
    bytes => new ArrayBuffer(bytes),
    () => {
      executiveRung = true
    },
  )
  members.add(client.memory)
  const events: { kind: number; bytes: Uint8Array }[] = []
  const drain = (): void => {
    for (let event = client.peekEvent(); event !== undefined; event = client.peekEvent()) {
      events.push({ kind: event.kind, bytes: event.buf.slice(event.off, event.off + event.len) })
      client.consumeEvent()
    }
  }
  /** Serves whoever has been rung until nobody is. `order` decides whom first. */
  const settle = (order: () => boolean = () => true): void => {
    while (executiveRung || userRung) {
      if (executiveRung && (!userRung || order())) {
        executiveRung = false
        members.service()
      } else {
        userRung = false
        client.service()
        drain()
      }
    }
  }
  return { service, members, client, events, settle }
}

function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 13 + seed + (i >> 8)) & 0xff
  return bytes
}

const sizes = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 200_000, max: 300_000 }),
    fc.constantFrom(CPG_MAX_ATOMIC_LENGTH - 1, CPG_MAX_ATOMIC_LENGTH),
  ),
  { minLength: 1, maxLength: 12 },
)

describe('a channel', () => {
  it('brings every event to the user, whoever looks first', () => {
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.boolean()), (lengths, coin) => {
        const { service, members, events, settle } = channel()
        const messages = lengths.map((length, i) => pattern(length, i))
        for (const message of messages) service.listener!.deliver(1, 2, message, 0, message.length)
        members.worked()
        settle(() => coin.next().value)
        assert.equal(events.length, messages.length)
        for (const [i, { kind, bytes }] of events.entries()) {
          assert.equal(kind, EventKind.DELIVER)
          assert.equal(Buffer.compare(bytes, messages[i]!), 0)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('brings every message to the service, whoever looks first and however often it has no room', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.infiniteStream(fc.boolean()), async (lengths, coin) => {
        const { service, members, client, settle } = channel()
        service.accepts = () => (coin.next().value ? CsError.OK : CsError.TRY_AGAIN)
        const messages = lengths.map((length, i) => pattern(length, i))
        const sent = messages.map(message => client.mcast(message))
        for (let turns = 0; service.messages.length < messages.length; turns++) {
          assert.ok(turns < 10_000, 'it goes on')
          settle(() => coin.next().value)
          members.worked()
        }
        settle()
        assert.deepEqual(new Set(await Promise.all(sent)), new Set([CsError.OK]))
        for (const [i, message] of service.messages.entries()) {
          assert.equal(Buffer.compare(message, messages[i]!), 0)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('tells each request its own result', async () => {
    const { service, client, settle } = channel()
    let n = 0
    service.accepts = () => (++n % 3 === 0 ? CsError.INVALID_PARAM : CsError.OK)
    const results = Promise.all(Array.from({ length: 9 }, (_, i) => client.mcast(pattern(10, i))))
    settle()
    const { OK, INVALID_PARAM } = CsError
    assert.deepEqual(await results, [OK, OK, INVALID_PARAM, OK, OK, INVALID_PARAM, OK, OK, INVALID_PARAM])
  })

  it('begins a large message again when a piece is interrupted', async () => {
    const { service, client, settle } = channel()
    const results: CsErrorCode[] = []
    let n = 0
    service.accepts = () => (++n === 2 || n === 3 ? CsError.INTERRUPT : CsError.OK)
    const big = pattern(3 * CPG_MAX_ATOMIC_LENGTH, 1)
    for (const message of [big, pattern(5, 2)]) client.mcast(message).then(code => results.push(code))
    settle()
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(results, [CsError.OK, CsError.OK])
    // The first piece twice, then the rest, then the short message.
    assert.deepEqual(
      service.messages.map(message => message.length),
      [...Array.from({ length: 4 }, () => CPG_MAX_ATOMIC_LENGTH), 5],
    )
  })

  for (const piece of [1, 2, 3]) {
    it(`gives up a large message whose piece ${piece} is refused`, async () => {
      const { service, client, settle } = channel()
      let n = 0
      service.accepts = () => (n++ === piece ? CsError.NOT_EXIST : CsError.OK)
      // With this one before them, a piece and the beginning of the next lie in the ring together.
      const first = client.mcast(pattern(400_000, 3))
      const short = pattern(5, 2)
      const results = Promise.all([first, client.mcast(pattern(3 * CPG_MAX_ATOMIC_LENGTH, 1)), client.mcast(short)])
      settle()
      assert.deepEqual(await results, [CsError.OK, CsError.NOT_EXIST, CsError.OK])
      assert.deepEqual(service.messages.at(-1), short)
    })
  }

  it('closes the connection when the user is done with it', () => {
    const { service, members, client, settle } = channel()
    client.close(CsError.BAD_HANDLE)
    settle()
    assert.equal(service.closed, true)
    assert.equal(members.count, 0)
  })
})
