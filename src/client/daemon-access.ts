// Connections to the services of a daemon of this host. In: where it is. Out: connections. A daemon that is starting is asked
// again for a while.

import { IpcClient, type IpcClientOptions } from '../ipc/client.js'
import { IpcError } from '../ipc/errors.js'
import { hostSocketDirectory } from '../ipc/names.js'
import { Errno } from '../sys/errno.js'
import { ConnectionError } from './errors.js'
import {
  lostError,
  pause,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
  type ServiceAccess,
  type ServiceListener,
} from './service-link.js'

export interface DaemonOptions extends IpcClientOptions {
  /** How long a daemon that is starting or busy is asked again, in milliseconds. */
  readonly timeoutMs: number
}

/** Where a daemon is, as a program says it. */
export interface DaemonAddress {
  /** Put before the names of the daemon's sockets; by default what COROSYNC_IPC_PREFIX says, or nothing. */
  readonly prefix?: string
  /**
   * Directory of the daemon's sockets, or 'abstract' for names without a file. By default as libqb has it: abstract, unless
   * /etc/libqb/force-filesystem-sockets exists.
   */
  readonly sockets?: string
  /** How long a daemon that is starting, or too busy for a call, is asked again (10 000 ms). */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 10_000

export function daemonOptions({ prefix, sockets, timeoutMs = TIMEOUT_MS }: DaemonAddress = {}): DaemonOptions {
  return {
    prefix: prefix ?? process.env.COROSYNC_IPC_PREFIX ?? '',
    directory: sockets === undefined ? hostSocketDirectory() : sockets === 'abstract' ? undefined : sockets,
    timeoutMs,
  }
}

/** Connects; asks again while the daemon is not ready. Rejects with ConnectionError. */
export async function openConnection(
  service: string,
  options: DaemonOptions,
  listener: ServiceListener,
): Promise<IpcClient> {
  const until = performance.now() + options.timeoutMs
  for (let wait = RETRY_MIN_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    try {
      return await IpcClient.connect(service, options, {
        event: (buf, off, len) => listener.event(buf, off, len),
        lost: error => listener.lost(lostError(service, error)),
      })
    } catch (error) {
      if (!(error instanceof IpcError)) throw error
      if (error.errno !== Errno.EAGAIN || performance.now() >= until) {
        throw new ConnectionError(error.errno, error.message, { cause: error })
      }
    }
    await pause(wait)
  }
}

export function daemonAccess(options: DaemonOptions): ServiceAccess {
  return {
    timeoutMs: options.timeoutMs,
    connect: (service, listener) => openConnection(service, options, listener),
  }
}
