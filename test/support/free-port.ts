// Ports that nobody uses right now, for tests on the loopback interface.

import dgram from 'node:dgram'

/** A UDP port that is free on 127.0.0.1, and the port below it on the same address too (udp sends from there). */
export async function freeUdpPort(): Promise<number> {
  for (;;) {
    const port = await bound(0)
    if (port !== undefined && port > 1024 && (await bound(port - 1)) !== undefined) return port
  }
}

function bound(port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const socket = dgram.createSocket('udp4')
    socket.once('error', () => resolve(undefined))
    socket.bind(port, '127.0.0.1', () => {
      const found = socket.address().port
      socket.close(() => resolve(found))
    })
  })
}
