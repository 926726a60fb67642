// A crowd of programs on a daemon, of whom some are killed all the time (clients/crowd.c), and what the daemon keeps of them when
// they have gone: descriptors, mappings, files in shared memory, memory.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { compileClient } from './clients.js'
import type { ServiceCluster } from './service-cluster.js'
import { type Host, type HostProcess, pause, until } from './testbed.js'

/** How long a crowd may take to join, to come to rest, and to be gone. */
const JOIN_MS = 60_000
const REST_MS = 60_000
const GONE_MS = 15_000
const REST_LOOK_MS = 1000
const GROUPS = 10

export interface CrowdOptions {
  /** On the first node; the second one has a few of its own in the same groups. */
  readonly steady: number
  readonly victims: number
  /** Kills in that time, at random moments. */
  readonly kills: number
  readonly ms: number
  /** Messages a second of each, and their size. */
  readonly rate: number
  readonly bytes: number
}

export interface CrowdReport {
  /** Messages that each steady member has heard, summed over the groups. */
  readonly delivered: number
  readonly seconds: number
}

/** What a daemon holds on to. */
export interface Holdings {
  readonly descriptors: number
  /** Mappings of files that programs share with it. */
  readonly mappings: number
  readonly files: number
  readonly residentMb: number
  /** Of that, what is its own: without the rings that it shares with programs. */
  readonly privateMb: number
}

let compiled: string | undefined

class Crowd {
  readonly process: HostProcess

  constructor(host: Host, ...numbers: readonly number[]) {
    compiled ??= compileClient('crowd', ['cpg'])
    // A daemon would run before all these; here it has no such priority.
    this.process = host.spawn('nice', ['-n', '19', compiled, ...numbers.map(String)])
  }

  tell(command: string): void {
    this.process.child.stdin!.write(`${command}\n`)
  }

  /** Asks, and waits for a line that begins with this; all lines of the answer. */
  async ask(command: string, last: string, timeoutMs: number): Promise<string[]> {
    const before = this.process.stdout.length
    this.tell(command)
    const lines = () => this.process.stdout.slice(before).split('\n').slice(0, -1)
    await until(
      `a crowd to answer "${command}"`,
      timeoutMs,
      () => {
        this.check()
        return lines().some(line => line.startsWith(last)) ? true : undefined
      },
      () => this.process.stderr.slice(-1000),
    )
    return lines()
  }

  /** Members that fail say so. */
  check(): void {
    if (this.process.stderr !== '') throw new Error(`members failed: ${this.process.stderr.slice(-1000)}`)
    if (!this.process.running) throw new Error(`a crowd ended: ${this.process.result}`)
  }

  async joined(count: number): Promise<void> {
    await until(`${count} members`, JOIN_MS, async () => {
      const [line = ''] = await this.ask('joined', 'JOINED', JOIN_MS)
      return line === `JOINED ${count}` ? true : undefined
    })
  }

  /** Sums of the steady members, when each has one. */
  async reports(count: number): Promise<{ group: string; sum: string; delivered: number; errors: number }[]> {
    let reports: string[] = []
    await until('every member to have heard the end', REST_MS, async () => {
      reports = (await this.ask('report', 'REPORTED', REST_MS)).filter(line => line.startsWith('REPORT '))
      return reports.length === count ? true : undefined
    })
    return reports.map(line => {
      const [, group = '', sum = '', delivered, errors] = line.split(' ')
      return { group, sum, delivered: Number(delivered), errors: Number(errors) }
    })
  }
}

/**
 * Runs a crowd on nodes 1 and 2 from beginning to end. Throws where a steady member fails, misses a message, or saw anything
 * in another order than the others of its group.
 */
export async function runCrowd(cluster: ServiceCluster, options: CrowdOptions): Promise<CrowdReport> {
  const { steady, victims, rate, bytes } = options
  const here = new Crowd(cluster.host(1), steady, victims, GROUPS, rate, bytes)
  const there = new Crowd(cluster.host(2), GROUPS, 0, GROUPS, rate, bytes)
  await Promise.all([here.joined(steady), there.joined(GROUPS)])
  for (const crowd of [here, there]) crowd.tell('go')
  here.tell('start')
  const began = performance.now()
  const [killed] = await here.ask(`kill ${options.kills} ${options.ms}`, 'KILLED', options.ms + JOIN_MS)
  const seconds = (performance.now() - began) / 1000
  assert.equal(killed, `KILLED ${options.kills}`)
  there.check()
  for (const crowd of [here, there]) crowd.tell('quiet')
  here.tell('end')
  const reports = [...(await here.reports(steady)), ...(await there.reports(GROUPS))]
  let delivered = 0
  for (let group = 0; group < GROUPS; group++) {
    const own = reports.filter(report => report.group === String(group))
    const sums = new Set(own.map(report => `${report.sum} of ${report.delivered}`))
    assert.equal(sums.size, 1, `members of group ${group} saw different orders: ${[...sums].join(', ')}`)
    delivered += own[0]!.delivered
  }
  assert.equal(
    reports.reduce((sum, { errors }) => sum + errors, 0),
    0,
    'messages were missing, damaged or out of order',
  )
  for (const crowd of [here, there]) {
    crowd.tell('quit')
    await crowd.process.exited
  }
  return { delivered, seconds }
}

export function holdings(cluster: ServiceCluster, node: number): Holdings {
  const pid = cluster.daemon(node).pid()
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) / 1024
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    mappings: maps.filter(line => line.includes('/dev/shm/qb')).length,
    files: readdirSync(`/proc/${pid}/root/dev/shm`).filter(name => name.startsWith('qb')).length,
    residentMb: megabytes('VmRSS'),
    privateMb: megabytes('RssAnon'),
  }
}

/** What a daemon holds that lets go of nothing more. */
export async function atRest(cluster: ServiceCluster, node: number): Promise<Holdings> {
  for (let last = holdings(cluster, node); ; ) {
    await pause(REST_LOOK_MS)
    const now = holdings(cluster, node)
    if (now.descriptors === last.descriptors && now.mappings === last.mappings && now.files === last.files) return now
    last = now
  }
}

/** Waits until the daemon holds nothing more of programs than before. */
export async function letGo(cluster: ServiceCluster, node: number, before: Holdings): Promise<Holdings> {
  const counts = ({ descriptors, mappings, files }: Holdings) => JSON.stringify({ descriptors, mappings, files })
  await until(
    `daemon ${node} to hold ${counts(before)}`,
    GONE_MS,
    () => (counts(holdings(cluster, node)) === counts(before) ? true : undefined),
    () => counts(holdings(cluster, node)),
  )
  return holdings(cluster, node)
}
