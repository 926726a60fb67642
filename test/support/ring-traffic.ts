// What passes on a RingNetwork, decoded: tests of rules that peers see read the wire, not the machine.

import {
  type CommitToken,
  createCommitToken,
  createJoin,
  createMcastHeader,
  createMergeDetect,
  createOrfToken,
  createTokenHoldCancel,
  type Join,
  type McastHeader,
  type MergeDetect,
  MessageType,
  type OrfToken,
  type TokenHoldCancel,
} from '../../src/wire/generation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import type { RingNetwork } from './ring-network.js'

interface Passed<T> {
  readonly at: number
  readonly from: number
  readonly to: number
  readonly message: T
  readonly bytes: Uint8Array
}

export class Traffic {
  readonly tokens: Passed<OrfToken>[] = []
  readonly mcasts: Passed<McastHeader>[] = []
  readonly mergeDetects: Passed<MergeDetect>[] = []
  readonly joins: Passed<Join>[] = []
  readonly commitTokens: Passed<CommitToken>[] = []
  readonly holdCancels: Passed<TokenHoldCancel>[] = []
  readonly #wire = createGeneration3()

  /** Reads along on `network` from now on; `pass` decides as usual which datagrams arrive. */
  constructor(network: RingNetwork, pass: RingNetwork['pass'] = () => true) {
    network.pass = (from, to, bytes) => {
      this.#note(network.now, from, to, bytes)
      return pass(from, to, bytes)
    }
  }

  clear(): void {
    for (const list of [this.tokens, this.mcasts, this.mergeDetects, this.joins, this.commitTokens, this.holdCancels]) {
      list.length = 0
    }
  }

  #note(at: number, from: number, to: number, bytes: Uint8Array): void {
    const { length } = bytes
    const wire = this.#wire
    const passed = { at, from, to, bytes }
    let read = false
    switch (wire.open(bytes, 0, length)) {
      case MessageType.orfToken: {
        const message = createOrfToken()
        read = wire.readToken(bytes, 0, length, message)
        this.tokens.push({ ...passed, message })
        break
      }
      case MessageType.mcast: {
        const message = createMcastHeader()
        read = wire.readMcast(bytes, 0, length, message)
        this.mcasts.push({ ...passed, message })
        break
      }
      case MessageType.mergeDetect: {
        const message = createMergeDetect()
        read = wire.readMergeDetect(bytes, 0, length, message)
        this.mergeDetects.push({ ...passed, message })
        break
      }
      case MessageType.join: {
        const message = createJoin()
        read = wire.readJoin(bytes, 0, length, message)
        this.joins.push({ ...passed, message })
        break
      }
      case MessageType.commitToken: {
        const message = createCommitToken()
        read = wire.readCommitToken(bytes, 0, length, message)
        this.commitTokens.push({ ...passed, message })
        break
      }
      case MessageType.tokenHoldCancel: {
        const message = createTokenHoldCancel()
        read = wire.readTokenHoldCancel(bytes, 0, length, message)
        this.holdCancels.push({ ...passed, message })
        break
      }
    }
    if (!read) throw new Error(`node ${from} sent what nobody can read`)
  }
}
