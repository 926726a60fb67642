// What `npm start` does, as a process: the examples run and tell what they should.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Child } from '../../support/child.js'
import { freeUdpPort } from '../../support/free-port.js'

const EXAMPLES = new URL('../../../examples/', import.meta.url)
const STORY = fileURLToPath(new URL('story.js', EXAMPLES))
const KV = fileURLToPath(new URL('kv.js', EXAMPLES))

/** Ids of processes that run this script with this word among their arguments. */
function processes(script: string, word: string): number[] {
  const found: number[] = []
  for (const name of readProcesses()) {
    try {
      const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      if (args.includes(script) && args.includes(word)) found.push(Number(name))
    } catch {
      // It has ended since.
    }
  }
  return found
}

function readProcesses(): string[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name))
}

function portOf(story: Child): string {
  return /UDP port (\d+)/.exec(story.stdout)?.[1] ?? assert.fail('the story names its port')
}

// Elsewhere 127.0.0.2 and 127.0.0.3 are not this host's own, and there is no /proc to look for what was left running.
const elsewhere = process.platform === 'linux' ? false : 'needs Linux'

describe('the story of three nodes', { skip: elsewhere }, () => {
  it('is told to its end, in plain text, and leaves nothing running', async () => {
    const story = new Child(process.execPath, [STORY])
    try {
      const { code, afterMs } = await story.ended
      assert.equal(code, 0, story.stdout + story.stderr)
      assert.ok(afterMs < 60_000)
      assert.match(story.stdout, /Node 3 is killed/)
      assert.match(story.stdout, /node 3 {2}got the state: 4 keys/)
      assert.match(story.stdout, /All three are equal/)
      assert.ok(!story.stdout.includes('\u001b'), 'no colours where nobody looks')
      assert.deepEqual(processes(KV, portOf(story)), [])
    } finally {
      await story.stop()
    }
  })

  it('takes its nodes along when it is interrupted', async () => {
    const story = new Child(process.execPath, [STORY])
    try {
      await story.until(/ring of nodes/, 30_000)
      const port = portOf(story)
      assert.equal(processes(KV, port).length, 3)
      story.kill('SIGINT')
      assert.equal((await story.ended).code, 1)
      const deadline = performance.now() + 5000
      while (processes(KV, port).length > 0) {
        assert.ok(performance.now() < deadline, 'the nodes end')
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    } finally {
      await story.stop()
    }
  })
})

describe('the key-value store of the examples', () => {
  it('is well under a hundred lines', () => {
    const source = readFileSync(new URL('../../examples/kv.ts', EXAMPLES), 'utf8')
    assert.ok(source.split('\n').length < 90)
  })

  it('answers on its own', async () => {
    const port = String(await freeUdpPort())
    const kv = new Child(process.execPath, [KV, '1', port, '127.0.0.1'], {
      input: 'set a 1\nset b two words\nget a\nlist\ndelete a\nlist\nwhat\n',
    })
    try {
      assert.equal((await kv.ended).code, 0, kv.stderr)
      const answers = kv.stdout.split('\n').filter(line => line.startsWith('> '))
      assert.deepEqual(answers, [
        '> set a',
        '> set b',
        '> a = 1',
        '> {"a":"1","b":"two words"}',
        '> deleted a',
        '> {"b":"two words"}',
        '> set KEY VALUE, delete KEY, get KEY or list',
      ])
    } finally {
      await kv.stop()
    }
  })
})
