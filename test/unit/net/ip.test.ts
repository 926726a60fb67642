import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatIp, isLinkLocal, parseIp, sameNetwork } from '../../../src/config/ip.js'

function bytes(text: string): string | undefined {
  const parsed = parseIp(text)
  return parsed === undefined ? undefined : Buffer.from(parsed.bytes).toString('hex')
}

describe('numeric addresses', () => {
  it('are read in every usual spelling', () => {
    assert.equal(bytes('10.77.0.1'), '0a4d0001')
    assert.equal(bytes('::'), '0'.repeat(32))
    assert.equal(bytes('::1'), `${'0'.repeat(31)}1`)
    assert.equal(bytes('fd77::2'), `fd77${'0'.repeat(27)}2`)
    assert.equal(bytes('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008')
    assert.equal(bytes('1::8'), '00010000000000000000000000000008')
    assert.equal(bytes('::ffff:10.0.0.1'), '00000000000000000000ffff0a000001')
    assert.equal(bytes('FF15::A'), 'ff15000000000000000000000000000a')
  })

  it('are told from everything else', () => {
    for (const text of [
      '',
      '1.2.3',
      '1.2.3.256',
      '01.2.3.4',
      '1.2.3.4.5',
      'a.b.c.d',
      ':',
      ':::',
      '1::2::3',
      '12345::',
    ]) {
      assert.equal(parseIp(text), undefined, text)
    }
    for (const text of [
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8',
      '1.2.3.4::',
      'fe80::1%eth0',
      'node1',
    ]) {
      assert.equal(parseIp(text), undefined, text)
    }
  })

  it('agree with node:net about what is one', () => {
    const piece = fc.constantFrom('0', '1', 'f', 'ffff', '10', '255', ':', '::', '.', '1.2.3.4', 'g')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        const text = pieces.join('')
        assert.equal(parseIp(text) !== undefined, net.isIP(text) !== 0, text)
      }),
      { numRuns: 2000 },
    )
  })

  it('come back as text and bytes the same', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ maxLength: 16 }),
        (address, zeros) => {
          for (const at of zeros) address[at % 16] = 0
          assert.deepEqual(parseIp(formatIp(address))?.bytes, address)
        },
      ),
    )
    assert.equal(formatIp(parseIp('1:0:0:2:0:0:0:3')!.bytes), '1:0:0:2::3')
    assert.equal(formatIp(parseIp('1:0:2:3:4:5:6:7')!.bytes), '1:0:2:3:4:5:6:7')
    assert.equal(formatIp(parseIp('1::')!.bytes), '1::')
  })

  it('compare under a netmask', () => {
    const at = (text: string) => parseIp(text)!.bytes
    assert.equal(sameNetwork(at('10.77.1.5'), at('10.77.0.0'), 24), false)
    assert.equal(sameNetwork(at('10.77.1.5'), at('10.77.0.0'), 23), true)
    assert.equal(sameNetwork(at('10.77.1.5'), at('10.77.1.6'), 32), false)
    assert.equal(sameNetwork(at('10.77.1.5'), at('1.1.1.1'), 0), true)
    assert.equal(sameNetwork(at('fd77::5'), at('fd77::'), 64), true)
    assert.equal(sameNetwork(at('fd77::5'), at('10.0.0.1'), 0), false)
  })

  it('are link-local or not', () => {
    assert.equal(isLinkLocal(parseIp('fe80::1')!.bytes), true)
    assert.equal(isLinkLocal(parseIp('febf::1')!.bytes), true)
    assert.equal(isLinkLocal(parseIp('ff02::1')!.bytes), true)
    assert.equal(isLinkLocal(parseIp('ff15::1')!.bytes), false)
    assert.equal(isLinkLocal(parseIp('fd77::1')!.bytes), false)
    assert.equal(isLinkLocal(parseIp('169.254.0.1')!.bytes), false)
  })
})
