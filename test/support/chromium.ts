// A headless Chromium and one page in it, driven over the DevTools protocol on a pipe: opens files, presses real keys,
// evaluates expressions, takes pictures. Its profile is a new folder that goes with it; it reaches no network.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'

const BINARY = process.env.CHROMIUM ?? 'chromium'
const START_TIMEOUT_MS = 30_000
const END_TIMEOUT_MS = 10_000
const OPTIONS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-pipe',
]

export const chromiumMissing = spawnSync(BINARY, ['--version'], { timeout: START_TIMEOUT_MS }).status !== 0

interface Reply {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

export interface ChromiumOptions {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
}

export class Chromium {
  readonly #child: ChildProcess
  readonly #profile: string
  readonly #waiting = new Map<
    number,
    { resolve: (result: Record<string, unknown>) => void; reject: (error: Error) => void }
  >()
  readonly #listeners: ((reply: Reply) => void)[] = []
  /** What the page complained about: exceptions, and errors on its console. */
  readonly complaints: string[] = []
  #next = 1
  #session: string | undefined
  #text = ''

  private constructor({ width = 1400, height = 900 }: ChromiumOptions) {
    this.#profile = mkdtempSync(join(tmpdir(), 'corosync-chromium-'))
    const args = [...OPTIONS, `--user-data-dir=${this.#profile}`, `--window-size=${width},${height}`, 'about:blank']
    this.#child = spawn(BINARY, args, { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    const output = this.#child.stdio[4] as Readable
    output.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#child.on('exit', () => this.#fail(new Error('chromium has ended')))
    this.#child.on('error', error => this.#fail(error))
  }

  static async start(options: ChromiumOptions = {}): Promise<Chromium> {
    const chromium = new Chromium(options)
    const { targetInfos } = await chromium.#command('Target.getTargets')
    const page = (targetInfos as { type: string; targetId: string }[]).find(({ type }) => type === 'page')
    const targetId = page?.targetId ?? (await chromium.#command('Target.createTarget', { url: 'about:blank' })).targetId
    const { sessionId } = await chromium.#command('Target.attachToTarget', { targetId, flatten: true })
    chromium.#session = sessionId as string
    await chromium.#command('Page.enable')
    await chromium.#command('Runtime.enable')
    const { width = 1400, height = 900, dark = false } = options
    await chromium.#command('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    })
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]
    await chromium.#command('Emulation.setEmulatedMedia', { features })
    return chromium
  }

  async open(file: string): Promise<void> {
    const loaded = new Promise<void>(resolve => {
      this.#listeners.push(({ method }) => {
        if (method === 'Page.loadEventFired') resolve()
      })
    })
    await this.#command('Page.navigate', { url: pathToFileURL(file).href })
    await loaded
    await this.frame()
  }

  /** Until everything asked for has been drawn. */
  async frame(): Promise<void> {
    await this.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))')
  }

  /** The value of an expression of the page, as JSON. Promises are awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#command('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return (result as { value: T }).value
  }

  /** `key`: as in KeyboardEvent.key. */
  async press(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {}
    await this.#command('Input.dispatchKeyEvent', { type: 'keyDown', key, ...text })
    await this.#command('Input.dispatchKeyEvent', { type: 'keyUp', key })
    await this.frame()
  }

  async click(x: number, y: number): Promise<void> {
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.#command('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 })
    }
    await this.frame()
  }

  async hover(x: number, y: number): Promise<void> {
    await this.#command('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y })
    await this.frame()
  }

  /** Positive: towards the reader, which zooms out. */
  async wheel(x: number, y: number, deltaY: number): Promise<void> {
    await this.#command('Input.dispatchMouseEvent', { type: 'mouseWheel', x, y, deltaX: 0, deltaY })
    await this.frame()
  }

  /** PNG of what is to be seen. */
  async picture(): Promise<Buffer> {
    const { data } = await this.#command('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data as string, 'base64')
  }

  async close(): Promise<void> {
    const child = this.#child
    const ended = new Promise<void>(resolve => {
      if (child.exitCode !== null || child.signalCode !== null) resolve()
      else child.once('exit', () => resolve())
    })
    const stubborn = setTimeout(() => this.#kill(), END_TIMEOUT_MS)
    this.#session = undefined
    this.#command('Browser.close').catch(() => {})
    await ended
    clearTimeout(stubborn)
    // Helpers that it left behind, in its process group, would still write into the profile.
    this.#kill()
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  #kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }

  #command(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.#next++
    const session = this.#session === undefined ? {} : { sessionId: this.#session }
    const input = this.#child.stdio[3] as Writable
    input.write(`${JSON.stringify({ id, method, params, ...session })}\0`)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer from chromium`)), START_TIMEOUT_MS)
      const settle =
        <T>(action: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          this.#waiting.delete(id)
          action(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
    })
  }

  #read(text: string): void {
    const parts = (this.#text + text).split('\0')
    this.#text = parts.pop() ?? ''
    for (const part of parts) this.#take(JSON.parse(part) as Reply)
  }

  #take(reply: Reply): void {
    if (reply.method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(reply.params))
    if (reply.method === 'Runtime.consoleAPICalled' && reply.params?.type === 'error') {
      this.complaints.push(JSON.stringify(reply.params.args))
    }
    for (const listener of this.#listeners) listener(reply)
    if (reply.id === undefined) return
    const { id, error, result = {} } = reply
    if (error === undefined) this.#waiting.get(id)?.resolve(result)
    else this.#waiting.get(id)?.reject(new Error(error.message))
  }

  #fail(error: Error): void {
    for (const { reject } of [...this.#waiting.values()]) reject(error)
  }
}
