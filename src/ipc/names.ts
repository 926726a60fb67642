// Names by which programs find a daemon and its channels (spec: ipc 3 and 4.5). In: service, prefix, what the host's
// libqb is told. Out: addresses and paths. Knows no sockets.

import { existsSync } from 'node:fs'
import type { UnixAddress } from '../sys/unix-socket.js'

/** Its existence makes every program on the host look for sockets in the file system. */
export const FORCE_FILESYSTEM_FILE = '/etc/libqb/force-filesystem-sockets'
/** Debian builds libqb with the first directory, its authors with the second. */
const DEBIAN_SOCKET_DIRECTORY = '/tmp'
const SOCKET_DIRECTORY = '/var/run'
const DEBIAN_MARK = '/etc/debian_version'

/** Where programs of this host look for a daemon: in a directory, or (undefined) in the abstract name space. */
export function hostSocketDirectory(exists: (path: string) => boolean = existsSync): string | undefined {
  if (!exists(FORCE_FILESYSTEM_FILE)) return undefined
  return exists(DEBIAN_MARK) ? DEBIAN_SOCKET_DIRECTORY : SOCKET_DIRECTORY
}

export function serviceAddress(service: string, prefix: string, socketDirectory: string | undefined): UnixAddress {
  const name = prefix + service
  return socketDirectory === undefined
    ? { abstract: true, name }
    : { abstract: false, name: `${socketDirectory}/${name}` }
}

/** Start of the name of the directory of one connection; six random characters follow. */
export function connectionDirectory(directory: string, serverPid: number, clientPid: number, fd: number): string {
  return `${directory}/qb-${serverPid}-${clientPid}-${fd}-`
}

/** The rings of a connection, in the order of the handshake. */
export const RING_NAMES = ['request', 'response', 'event'] as const
export type RingName = (typeof RING_NAMES)[number]

/** What the program is told with datagram sockets: the file with the counters, and the start of the sockets' names. */
export function controlName(directory: string, service: string): string {
  return `${directory}/qb-control-${service}`
}

export function socketsName(directory: string, service: string): string {
  return `${directory}/qb-${service}`
}

/** What the program is told of a ring; it adds `-header`. */
export function ringName(directory: string, ring: RingName, service: string): string {
  return `${directory}/qb-${ring}-${service}`
}
