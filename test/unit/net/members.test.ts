import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIp } from '../../../src/config/ip.js'
import { AddressBook, GROUP_PLACE } from '../../../src/net/members.js'
import { senderOfJoin } from '../../../src/net/open-membership.js'
import { encodeSockaddr, SOCKADDR_SIZE, sockaddrPort } from '../../../src/sys/sockaddr.js'
import { PROCESSOR_COUNT_MAX } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'

function sockaddr(text: string, port = 5405, scope = 0): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_SIZE)
  encodeSockaddr(bytes, 0, parseIp(text)!.bytes, port, scope)
  return bytes
}

function at(book: AddressBook, place: number): string {
  return Buffer.from(
    book.sockaddrs.subarray(place * SOCKADDR_SIZE, place * SOCKADDR_SIZE + book.lengths[place]!),
  ).toString('hex')
}

describe('socket addresses', () => {
  it('have the layout of the kernel', () => {
    const v4 = new Uint8Array(SOCKADDR_SIZE)
    assert.equal(encodeSockaddr(v4, 0, parseIp('10.77.0.3')!.bytes, 5405), 16)
    assert.equal(Buffer.from(v4.subarray(0, 16)).toString('hex'), '0200151d0a4d00030000000000000000')
    const v6 = new Uint8Array(SOCKADDR_SIZE + 4).fill(0xee)
    assert.equal(encodeSockaddr(v6, 4, parseIp('fe80::3')!.bytes, 5405, 7), 28)
    assert.equal(Buffer.from(v6).toString('hex'), 'eeeeeeee0a00151d00000000fe80000000000000000000000000000307000000')
    assert.equal(sockaddrPort(v6, 4), 5405)
  })
})

describe('the address book', () => {
  it('finds members by source address, whatever the port', () => {
    const book = new AddressBook(5405)
    book.set(1, parseIp('10.77.0.1')!)
    book.set(2, parseIp('fd77::2')!)
    assert.equal(book.bySource(sockaddr('10.77.0.1', 40000), 0)?.nodeId, 1)
    assert.equal(book.bySource(sockaddr('fd77::2', 1), 0)?.nodeId, 2)
    assert.equal(book.bySource(sockaddr('10.77.0.2'), 0), undefined)
    assert.equal(book.bySource(new Uint8Array(SOCKADDR_SIZE), 0), undefined)
  })

  it('keeps addresses apart that share a hash', () => {
    // 31 * a + b is the same for both.
    const book = new AddressBook(5405)
    book.set(1, parseIp('10.0.1.0')!)
    book.set(2, parseIp('10.0.0.31')!)
    assert.equal(book.bySource(sockaddr('10.0.1.0'), 0)?.nodeId, 1)
    assert.equal(book.bySource(sockaddr('10.0.0.31'), 0)?.nodeId, 2)
    book.remove(1)
    assert.equal(book.bySource(sockaddr('10.0.1.0'), 0), undefined)
    assert.equal(book.bySource(sockaddr('10.0.0.31'), 0)?.nodeId, 2)
  })

  it('writes where to send to', () => {
    const book = new AddressBook(5405)
    book.set(7, parseIp('10.77.0.7')!)
    book.setGroup(parseIp('239.192.5.3')!)
    assert.equal(at(book, book.get(7)!.place), '0200151d0a4d00070000000000000000')
    assert.equal(at(book, GROUP_PLACE), '0200151defc005030000000000000000')
  })

  it('reaches link-local members through the interface in use', () => {
    const book = new AddressBook(5405)
    book.set(7, parseIp('fe80::7')!)
    book.set(8, parseIp('fd77::8')!)
    book.setScope(3)
    assert.equal(at(book, book.get(7)!.place).slice(-8), '03000000')
    assert.equal(at(book, book.get(8)!.place).slice(-8), '00000000')
  })

  it('learns a node and its new address', () => {
    const book = new AddressBook(5405)
    book.learn(9, sockaddr('10.77.0.9', 5404), 0)
    assert.equal(book.get(9)?.address.text, '10.77.0.9')
    book.learn(9, sockaddr('10.77.0.90', 5404), 0)
    assert.equal(book.get(9)?.address.text, '10.77.0.90')
    assert.equal(book.bySource(sockaddr('10.77.0.9'), 0), undefined)
    assert.equal(at(book, book.get(9)!.place), '0200151d0a4d005a0000000000000000')
  })

  it('has a bound: beyond it the node learned first is forgotten', () => {
    const book = new AddressBook(5405)
    for (let i = 1; i <= PROCESSOR_COUNT_MAX; i++) {
      assert.equal(book.set(i, parseIp(`10.1.${i >> 8}.${i & 255}`)!), true)
    }
    assert.equal(book.set(1000, parseIp('10.2.0.1')!), false)
    book.learn(1000, sockaddr('10.2.0.1'), 0)
    assert.equal(book.get(1), undefined)
    assert.equal(book.get(1000)?.address.text, '10.2.0.1')
    assert.equal([...book.members()].length, PROCESSOR_COUNT_MAX)
  })

  it('names strangers', () => {
    const book = new AddressBook(5405)
    assert.equal(book.strangerText(sockaddr('192.0.2.9'), 0), '192.0.2.9')
    assert.equal(book.strangerText(sockaddr('fd77::9'), 0), 'fd77::9')
    assert.equal(book.strangerText(new Uint8Array(SOCKADDR_SIZE), 0), 'unknown')
  })
})

describe('the sender of a join', () => {
  const wire = createGeneration3()
  const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
  const join = hex('70c0030300 03000000 00000000 03000000 01000000 00000000 0900000000000000 03000000')

  it('is the node id in its header', () => {
    assert.equal(senderOfJoin(wire, join, 0, join.length), 3)
  })

  it('is nobody for a leave message, other messages and noise', () => {
    const leave = join.slice()
    leave.fill(0, 5, 9)
    assert.equal(senderOfJoin(wire, leave, 0, leave.length), 0)
    const mergeDetect = hex('70c0030200 01000000 74c56675 01000000 01000000 0900000000000000')
    assert.equal(senderOfJoin(wire, mergeDetect, 0, mergeDetect.length), 0)
    assert.equal(senderOfJoin(wire, new Uint8Array(40), 0, 40), 0)
    assert.equal(senderOfJoin(wire, join, 0, 5), 0)
  })
})
