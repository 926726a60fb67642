// Administrators' orders to a node that lives on a thread of a program.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inlineHost } from '../../../src/client/inline-host.js'
import { CsError } from '../../../src/services/errors.js'
import { type CfgNode, cfgNodes, request } from '../../support/cfg-node.js'
import { FakeCluster } from '../../support/fake-ring.js'

function form() {
  const ends: string[] = []
  const cluster = new FakeCluster()
  const host = inlineHost(
    { killed: reason => ends.push(`killed: ${reason}`), leave: reason => ends.push(`leave: ${reason}`) },
    () => node!.cfg,
  )
  const nodes: CfgNode[] = cfgNodes(cluster, 1, { host: () => host })
  const node = nodes[0]
  assert.ok(node)
  return { cluster, node, ends, run: () => cluster.run(cluster.rings.at(-1)!) }
}

describe('a node within a program', () => {
  it('can be killed', () => {
    const { node, ends, run } = form()
    node.map.set('runtime.members.1.status', { type: 'str', value: 'joined' })
    const kill = request(2, 288, bytes => {
      bytes.writeUInt32LE(1, 16)
      bytes.writeUInt16LE(2, 24)
      bytes.write('x', 26)
    })
    node.connect().send(kill)
    run()
    assert.deepEqual(ends, ['killed: Killed by node 1 : x'])
  })

  it('can be asked to leave', () => {
    const { node, ends, run } = form()
    node.connect().send(request(3, 24, bytes => bytes.writeUInt32LE(2, 16)))
    run()
    assert.deepEqual(ends, ['leave: Node 1 was shut down by sysadmin'])
  })

  it('has no file to read and no log to open, and says so', () => {
    const { node, run } = form()
    const program = node.connect()
    program.send(request(7))
    run()
    assert.deepEqual(program.result(), [14, CsError.INVALID_PARAM])
    assert.ok(
      node.logged.some(line => /Unable to reload config file: this node was configured by its program/.test(line)),
    )
    assert.equal(node.map.getNumber('config.totemconfig_reload_in_progress', 'u8'), 0)
    program.send(request(8))
    assert.deepEqual(program.result(), [15, CsError.LIBRARY])
  })
})
