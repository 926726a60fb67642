// Clients of our daemon on this machine's loopback, found by a prefix: as an ordinary user, too.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  AlreadyJoinedError,
  ClosedError,
  type Cluster,
  ConnectionError,
  ConnectionLostError,
  connect,
  type Group,
  replicate,
} from '../../../src/index.js'
import { isSupportedPlatform } from '../../../src/sys/layout.js'
import { Child } from '../../support/child.js'
import { freeUdpPort } from '../../support/free-port.js'
import { serviceChecks } from '../../support/service-checks.js'

const COROSYNC = fileURLToPath(new URL('../../../../bin/corosync', import.meta.url))
const READY = /Completed service synchronization, ready to provide service\./
const skip = isSupportedPlatform() ? false : 'needs the binding'
const prefix = `corosync-connect-${process.pid}-`

describe('a client of a daemon', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'corosync-connect-'))
  let daemon: Child
  let cluster: Cluster

  before(async () => {
    mkdirSync(join(folder, 'state'))
    const file = join(folder, 'corosync.conf')
    writeFileSync(
      file,
      `totem {
version: 2
transport: udpu
cluster_name: connected
interface {
mcastport: ${await freeUdpPort()}
}
}
nodelist {
node {
nodeid: 7
ring0_addr: 127.0.0.1
}
}
quorum {
provider: corosync_votequorum
}
uidgid {
uid: ${process.getuid?.()}
}
system {
state_dir: ${join(folder, 'state')}
sched_rr: no
}
logging {
to_syslog: no
}
`,
    )
    daemon = new Child(process.execPath, [COROSYNC, '-f', '-c', file, '-l', join(folder, 'pid')], {
      env: { PATH: process.env.PATH, COROSYNC_IPC_PREFIX: prefix },
    })
    // Not waited for: who connects while the daemon starts is asked to wait.
    await daemon.until(/Initializing IPC on votequorum|server name: votequorum|Completed/)
    cluster = await connect({ prefix })
  })
  after(async () => {
    await cluster?.close()
    daemon?.kill('SIGKILL')
    await daemon?.ended
    rmSync(folder, { recursive: true, force: true })
  })

  it('knows the node and its ring when it has connected', async () => {
    await daemon.until(READY)
    assert.deepEqual([cluster.nodeId, cluster.nodes, cluster.members], [7, [7], [7]])
    assert.deepEqual(await cluster.cmap.get('totem.cluster_name'), { type: 'str', value: 'connected' })
  })

  for (const [name, check] of Object.entries(serviceChecks)) it(`passes the check of ${name}`, () => check(cluster))

  it('sees the members of a group come and go, and what they say', async () => {
    const group = await cluster.cpg.join('g')
    assert.deepEqual(group.members, [group.self])
    assert.deepEqual(await cluster.cpg.members('g'), [group.self])
    const other = await connect({ prefix })
    await assert.rejects(other.cpg.join('g'), AlreadyJoinedError)
    await other.close()
    await group.send('hello')
    for await (const event of group) {
      if (event.type !== 'message') continue
      assert.equal(Buffer.from(event.data).toString(), 'hello')
      break
    }
    await group.leave()
    assert.deepEqual(await cluster.cpg.members('g'), [])
    const again = await cluster.cpg.join('g')
    await again.leave()
  })

  it('carries messages in pieces between others, in order', async () => {
    const group = await cluster.cpg.join('pieces')
    const sizes = [1, 3_000_000, 2, 1_047_552, 1_047_553, 3]
    const sending = Promise.all(sizes.map(size => group.send(new Uint8Array(size).fill(size & 0xff))))
    const received: number[] = []
    for await (const event of group) {
      if (event.type === 'message' && received.push(event.data.length) === sizes.length) break
    }
    await sending
    assert.deepEqual(received, sizes)
    await group.leave()
  })

  it('keeps replicated state', async () => {
    let sum = 0
    const replica = await replicate(cluster, 'sum', {
      apply: command => {
        sum += command.length
        return sum
      },
      snapshot: () => Buffer.from(String(sum)),
      restore: bytes => {
        sum = Number(Buffer.from(bytes).toString())
      },
    })
    await replica.active()
    assert.deepEqual(await Promise.all([1, 2, 3].map(n => replica.submit(new Uint8Array(n)))), [1, 3, 6])
    await replica.close()
  })

  it('has its members see that it has gone when it closes', async () => {
    const other = await connect({ prefix })
    const group = await other.cpg.join('closing')
    const ended = (async () => {
      for await (const event of group) assert.notEqual(event.type, 'message')
    })()
    await other.close()
    await ended
    assert.deepEqual(await cluster.cpg.members('closing'), [])
    await assert.rejects(group.send('x'), ClosedError)
    await assert.rejects(other.cmap.get('totem.version'), ClosedError)
    await assert.rejects(other.cpg.join('closing'), ClosedError)
  })

  it('finds no daemon under another name', async () => {
    await assert.rejects(connect({ prefix: `${prefix}none-`, timeoutMs: 100 }), ConnectionError)
    await assert.rejects(connect({ sockets: folder, timeoutMs: 100 }), (error: unknown) => {
      assert.ok(error instanceof ConnectionError)
      assert.equal(error.code, 'CS_ERR_NOT_EXIST')
      return true
    })
  })

  it('is told when the daemon ends, last of all', async () => {
    const group: Group = await cluster.cpg.join('last')
    const ended = once(cluster, 'end')
    const iteration = assert.rejects(async () => {
      for await (const event of group) assert.notEqual(event.type, 'message')
    }, ConnectionLostError)
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
    const [error] = await ended
    assert.ok(error instanceof ConnectionLostError, String(error))
    await iteration
    await assert.rejects(cluster.cpg.join('other'), ConnectionLostError)
    await assert.rejects(cluster.quorum.isQuorate(), ConnectionLostError)
  })
})
