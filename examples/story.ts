// `npm start`: three nodes on 127.0.0.1 to 127.0.0.3 with real UDP, each a process of its own with a replicated key-value
// store (kv.ts). Shows them form a ring, replicate, lose a node to SIGKILL, go on, and take it back; then compares the three
// stores. `--stay` keeps the cluster and takes commands.

import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
const KV = fileURLToPath(new URL('./kv.js', import.meta.url))
/** The whole story, and one step of it. */
const STORY_MS = 60_000
const STEP_MS = 20_000
const PORT_ATTEMPTS = 20

/** What every store holds in the end. Which of two colours written at once is the later one, the order decides; green comes after. */
const EXPECTED = JSON.stringify({
  animal: 'otter',
  colour: 'green',
  counter: '4',
  greeting: 'hello again',
  'written-while-away': '1',
})

const began = performance.now()
const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR

function elapsed(): number {
  return performance.now() - began
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function paint(code: number, text: string): string {
  return coloured ? `\u001b[${code}m${text}\u001b[0m` : text
}

function print(who: string, code: number, text: string): void {
  const seconds = (elapsed() / 1000).toFixed(2).padStart(6)
  console.log(`${paint(2, `${seconds} s`)}  ${paint(code, who.padEnd(6))}  ${text}`)
}

function tell(text: string): void {
  print('', 0, paint(1, text))
}

/** A process with a store. */
class KvNode {
  readonly id: number
  readonly #process: ChildProcess
  readonly #lines: string[] = []
  #waiting: (() => void)[] = []
  #over = false

  constructor(id: number, port: number) {
    this.id = id
    this.#process = spawn(process.execPath, [KV, String(id), String(port), ...ADDRESSES])
    children.add(this.#process)
    this.#process.once('exit', () => {
      this.#over = true
      children.delete(this.#process)
      this.#wake()
    })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      createInterface({ input: stream }).on('line', line => {
        print(`node ${id}`, 31 + id, line)
        this.#lines.push(line)
        this.#wake()
      })
    }
  }

  /** Waits for a line that matches, from the place in its output that `mark` has given; without one from the beginning. */
  async line(pattern: RegExp, mark = 0): Promise<string> {
    const late = AbortSignal.timeout(STEP_MS)
    late.addEventListener('abort', () => this.#wake())
    for (let i = mark; ; i++) {
      for (; i < this.#lines.length; i++) if (pattern.test(this.#lines[i]!)) return this.#lines[i]!
      if (this.#over) throw new Error(`node ${this.id} ended while '${pattern.source}' was awaited`)
      if (late.aborted) throw new Error(`node ${this.id} did not say '${pattern.source}' within ${STEP_MS / 1000} s`)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
      i--
    }
  }

  get mark(): number {
    return this.#lines.length
  }

  /** Types a command; resolves with the answer. */
  async type(command: string): Promise<string> {
    const { mark } = this
    this.#process.stdin!.write(`${command}\n`)
    return (await this.line(/^> /, mark)).slice(2)
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    while (!this.#over) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  /** Lets it leave the ring in order. */
  async end(): Promise<void> {
    this.#process.stdin!.end()
    while (!this.#over) await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

/** A port that is free on all three addresses. */
async function freePort(): Promise<number> {
  for (let i = 0; i < PORT_ATTEMPTS; i++) {
    const port = 20_000 + Math.floor(Math.random() * 20_000)
    const free = await Promise.all(ADDRESSES.map(address => canBind(address, port)))
    if (free.every(Boolean)) return port
  }
  throw new Error(`no UDP port is free on ${ADDRESSES.join(', ')}; these addresses have to be this host's own`)
}

function canBind(address: string, port: number): Promise<boolean> {
  const socket = createSocket('udp4')
  return new Promise(resolve => {
    socket.once('error', () => {
      socket.close()
      resolve(false)
    })
    socket.bind(port, address, () => socket.close(() => resolve(true)))
  })
}

async function story(port: number): Promise<KvNode[]> {
  tell(`Three nodes start on ${ADDRESSES.join(', ')}, UDP port ${port}.`)
  const nodes = [1, 2, 3].map(id => new KvNode(id, port))
  const [one, two, three] = nodes as [KvNode, KvNode, KvNode]
  await Promise.all(nodes.map(node => node.line(/^active, replicas on nodes 1 2 3$/)))

  tell('Each writes; all apply the same changes in the same order.')
  await Promise.all([one.type('set colour red'), two.type('set colour blue'), three.type('set animal otter')])
  await seen(nodes, ['colour = red', 'colour = blue', 'animal = otter'])
  await Promise.all(nodes.map(node => node.type('list')))
  const formedMs = elapsed()

  let since = performance.now()
  tell('Node 3 is killed (SIGKILL). The others notice when the token does not come back.')
  const marks = [one.mark, two.mark]
  await three.kill()
  tell('Meanwhile they keep writing: what is sent now waits for the new ring.')
  await Promise.all([one.type('set written-while-away 1'), two.type('set colour green')])
  await one.line(/^ring of nodes 1 2$/, marks[0])
  await two.line(/^ring of nodes 1 2$/, marks[1])
  const lostMs = performance.now() - since
  for (let i = 1; i <= 3; i++) await one.type(`set counter ${i}`)

  tell('Node 3 is started again, empty. It gets the state, and the others go on.')
  since = performance.now()
  const again = new KvNode(3, port)
  await again.line(/^got the state: \d+ keys$/)
  await again.line(/^active, replicas on nodes 1 2 3$/)
  const backMs = performance.now() - since
  const all = [one, two, again]
  await Promise.all([one.type('set counter 4'), again.type('set greeting hello again')])
  await seen(all, ['counter = 4', 'greeting = hello again'])

  tell('The three stores now:')
  const stores = await Promise.all(all.map(node => node.type('list')))
  if (stores.some(store => store !== EXPECTED)) throw new Error(`the stores should be ${EXPECTED}`)
  tell(
    `All three are equal. Seen: three nodes on one ring after ${inSeconds(formedMs)}, one lost and the others going on ` +
      `after ${inSeconds(lostMs)}, back with the whole state after ${inSeconds(backMs)}, no change lost.`,
  )
  return all
}

/** Waits until every node has applied every one of these changes. */
async function seen(nodes: readonly KvNode[], changes: readonly string[]): Promise<void> {
  await Promise.all(nodes.flatMap(node => changes.map(change => node.line(new RegExp(`^${change}, said`)))))
}

const HELP = `The cluster stays. Type
  1 set KEY VALUE    (or delete KEY, get KEY, list) to say it to node 1
  kill 2             to kill a node, and
  start 2            to start it again
  quit               (or Ctrl-C) to end.`

async function stay(nodes: KvNode[], port: number): Promise<void> {
  console.log(HELP)
  const running = new Map(nodes.map(node => [node.id, node]))
  for await (const line of createInterface({ input: process.stdin })) {
    const [first = '', second = '', ...rest] = line.trim().split(' ')
    const node = running.get(Number(first)) ?? running.get(Number(second))
    if (first === 'quit') break
    if (running.has(Number(first)) && second !== '') {
      // Answers are shown as they come.
      node?.type([second, ...rest].join(' ')).catch((error: Error) => tell(error.message))
    } else if (first === 'kill' && node !== undefined) {
      running.delete(node.id)
      await node.kill()
    } else if (first === 'start' && node === undefined && ['1', '2', '3'].includes(second)) {
      running.set(Number(second), new KvNode(Number(second), port))
    } else console.log(HELP)
  }
  await Promise.all([...running.values()].map(node => node.end()))
}

const { values } = parseArgs({ options: { stay: { type: 'boolean', default: false } } })
const limit = setTimeout(() => {
  console.error(`The story was not over within ${STORY_MS / 1000} s.`)
  process.exit(1)
}, STORY_MS)
try {
  const port = await freePort()
  const nodes = await story(port)
  clearTimeout(limit)
  if (values.stay) await stay(nodes, port)
  else {
    tell('The nodes leave the ring.')
    await Promise.all(nodes.map(node => node.end()))
  }
} catch (error) {
  console.error(`The story failed: ${(error as Error).message}`)
  process.exitCode = 1
}
process.exit()
