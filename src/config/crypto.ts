// Packet security as the file asks for it (spec: config 4 and 12.1, steps 5 and 6): which cipher and hash, and the key. The
// key is read even where the transport could not use it, because the reference complains about the key first.

import { textBytes } from '../wire/text.js'
import { asSystemError, errorText } from './errors.js'
import type { Settings } from './settings.js'
import type { CryptoConfiguration } from './types.js'

export const KEY_BYTES_MIN = 128
export const KEY_BYTES_MAX = 4096

export interface CryptoRequest extends CryptoConfiguration {
  /** The key of the file that switched security on. */
  readonly because: string
}

/** Undefined when packets travel in the clear. */
export function readCrypto(
  settings: Settings,
  read: (file: string) => Uint8Array,
  environmentKeyFile: string | undefined,
): CryptoRequest | undefined {
  const secauth = settings.text('totem.secauth') === 'on'
  // The ciphers of the older generations are not a choice of these keys; secauth alone decides there.
  const cipher = settings.given('totem.crypto_cipher') ?? (secauth ? 'aes256' : 'none')
  const hash = settings.given('totem.crypto_hash') ?? (secauth ? 'sha256' : 'none')
  if (cipher === 'none' && hash === 'none') return undefined
  const because = secauth ? 'totem.secauth' : cipher === 'none' ? 'totem.crypto_hash' : 'totem.crypto_cipher'
  if (hash === 'none') {
    settings.fail(
      settings.origins.has('totem.crypto_hash') ? 'totem.crypto_hash' : 'totem.crypto_cipher',
      'crypto_cipher requires crypto_hash with value other than none',
      'add "crypto_hash: sha256"',
    )
  }
  const key = readKey(settings, because, read, environmentKeyFile)
  return { model: settings.text('totem.crypto_model'), cipher, hash, key, because }
}

function readKey(
  settings: Settings,
  because: string,
  read: (file: string) => Uint8Array,
  environmentKeyFile: string | undefined,
): Uint8Array {
  const inline = settings.given('totem.key')
  const file = settings.given('totem.keyfile')
  if (file === undefined && inline !== undefined) {
    const bytes = textBytes(inline)
    // The reference counts the terminator of the text as a byte of the key.
    if (bytes.length + 1 < KEY_BYTES_MIN) {
      settings.fail(
        'totem.key',
        'key is too short',
        `at least ${KEY_BYTES_MIN} characters, this one has ${bytes.length}`,
      )
    }
    return bytes
  }
  const path = file ?? environmentKeyFile ?? settings.default('totem.keyfile')
  const origin = file === undefined ? because : 'totem.keyfile'
  const asked = settings.origins.has(because) ? 'asks for a key' : 'is on by default in files without a nodelist'
  const why = `${because} ${asked}; packet security does not run yet, "secauth: off" does without`
  let bytes: Uint8Array
  try {
    bytes = read(path).subarray(0, KEY_BYTES_MAX)
  } catch (error) {
    const verb = asSystemError(error).syscall === 'read' ? 'read' : 'open'
    return settings.fail(origin, `Could not ${verb} ${path}: ${errorText(error)}`, why)
  }
  if (bytes.length < KEY_BYTES_MIN) {
    settings.fail(
      origin,
      `Could only read ${bytes.length * 8} bits of minimum ${KEY_BYTES_MIN * 8} bits from ${path}.`,
      `a file of at least ${KEY_BYTES_MIN} bytes, as corosync-keygen writes it`,
    )
  }
  return bytes
}
