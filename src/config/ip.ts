// Numeric IP addresses: text to bytes and back, and the tests that the transports need. Pure; names are resolved before.

export interface IpAddress {
  readonly family: 4 | 6
  /** 4 or 16 bytes, network order. */
  readonly bytes: Uint8Array
  /** The usual text: IPv6 in lower case with the longest run of zeros cut. */
  readonly text: string
}

/** The address that `text` spells, or undefined when it is not a numeric address. */
export function parseIp(text: string): IpAddress | undefined {
  const bytes = text.includes(':') ? parseV6(text) : parseV4(text)
  return bytes === undefined ? undefined : ipFromBytes(bytes)
}

/** Copies 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  const copy = bytes.slice()
  return { family: copy.length === 4 ? 4 : 6, bytes: copy, text: formatIp(copy) }
}

export function sameIp(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two addresses of one family agree in the first `prefixLength` bits. */
export function sameNetwork(a: Uint8Array, b: Uint8Array, prefixLength: number): boolean {
  if (a.length !== b.length) return false
  for (let i = 0, bits = prefixLength; i < a.length && bits > 0; i++, bits -= 8) {
    const mask = bits >= 8 ? 0xff : (0xff00 >> bits) & 0xff
    if (((a[i]! ^ b[i]!) & mask) !== 0) return false
  }
  return true
}

/** Addresses that mean something on one interface only (fe80::/10, ff02::/16) need its index beside them. */
export function isLinkLocal(address: Uint8Array): boolean {
  if (address.length !== 16) return false
  return (address[0] === 0xfe && (address[1]! & 0xc0) === 0x80) || (address[0] === 0xff && (address[1]! & 0x0f) === 2)
}

export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const words: number[] = []
  for (let i = 0; i < 16; i += 2) words.push((bytes[i]! << 8) | bytes[i + 1]!)
  let best = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && words[end] === 0) end++
    if (end - i > bestLength) {
      best = i
      bestLength = end - i
    }
    if (end > i) i = end
  }
  const text = words.map(word => word.toString(16))
  if (best < 0) return text.join(':')
  return `${text.slice(0, best).join(':')}::${text.slice(best + bestLength).join(':')}`
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined
    bytes[i] = Number(part)
  }
  return bytes
}

function parseV6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseWords(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? parseWords(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  // '::' stands for one zero word at least.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const words = [...head, ...new Array<number>(missing).fill(0), ...tail]
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 8; i++) {
    bytes[2 * i] = words[i]! >> 8
    bytes[2 * i + 1] = words[i]! & 0xff
  }
  return bytes
}

function parseWords(text: string, mayEndInV4: boolean): number[] | undefined {
  if (text === '') return []
  const words: number[] = []
  const parts = text.split(':')
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    if (mayEndInV4 && i === parts.length - 1 && part.includes('.')) {
      const v4 = parseV4(part)
      if (v4 === undefined) return undefined
      words.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined
      words.push(Number.parseInt(part, 16))
    }
  }
  return words
}
