// The laboratory's command: runs many seeds, or tells the story of one.

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { FAULT_NAMES, FAULT_SETS, type FaultName, parseFaultNames } from '../sim/faults.js'
import { LARGEST_RING, SMALLEST_RING } from '../sim/fuzz/plan.js'
import { TEMPERS } from '../sim/fuzz/session.js'
import {
  generateScenario,
  LARGEST_CLUSTER,
  type Scenario,
  type ScenarioOptions,
  SMALLEST_CLUSTER,
} from '../sim/scenario.js'
import type { StoryDetail } from '../sim/story.js'
import { runCampaign } from './campaign.js'
import { check } from './check.js'
import { type FuzzOptions, runFuzz } from './fuzz.js'
import { LEAST_LOAD_BYTES, MOST_LOAD_BYTES, MOST_LOAD_PER_SECOND, record } from './record.js'
import { replay } from './replay.js'
import { loadScenario, ScenarioFileError } from './scenario-file.js'
import { shrinkCommand } from './shrink.js'
import { UsageError } from './usage-error.js'
import { runVotequorum, type VotequorumOptions } from './votequorum.js'

const DEFAULT_STATE_FILE = '.campaign/state.json'
const DEFAULT_LAST_SEED = 100_000
const DEFAULT_SHRINK_MINUTES = 10
const DEFAULT_PACKETS = 1_000_000
const DEFAULT_LOAD_BYTES = 1000
const DEFAULT_VOTEQUORUM_STATE_FILE = '.campaign/votequorum.json'
const DEFAULT_HISTORIES = 100_000
const DEFAULT_SCENARIOS = 300

const USAGE = `usage: corosync-sim run [--seeds A..B] [options]     run scenarios, one line per failure
       corosync-sim replay SEED [options]           tell what happens in one
       corosync-sim shrink SEED [options]           find a smaller scenario that fails alike
       corosync-sim fuzz [--packets N] [options]    attack a ring with forged packets
       corosync-sim votequorum [options]            hold votequorum against its reference model
       corosync-sim check TRACE...                  judge recordings of real rings
       corosync-sim record --group G --out FILE     record a group of this host's daemon, as a member of it

options of run, replay and shrink:
  --nodes N or A..B   size of the clusters (${SMALLEST_CLUSTER} to ${LARGEST_CLUSTER}; chosen by the seed)
  --faults SET        comma-separated: ${FAULT_NAMES.slice(0, 10).join(', ')},
                      ${FAULT_NAMES.slice(10).join(', ')},
                      or a set: ${Object.keys(FAULT_SETS).join(', ')} (all)
  --engine KIND       node: whole nodes; ring: the single-ring protocol alone (chosen by the seed)
options of run:
  --minutes M         stop after M minutes
  --jobs J            worker processes (one per core)
  --resume [FILE]     go on where FILE (${DEFAULT_STATE_FILE}) says, and keep the count there
options of replay and shrink:
  --scenario FILE     the scenario in FILE instead of a seed and the options above
options of replay:
  --html FILE         draw it as a timeline for the browser instead of printing it
  --packets           a line for every packet, instead of sums
  --log               also the notices of the nodes' logs
  --debug             also their debug lines
options of shrink:
  --minutes M         stop after M minutes (${DEFAULT_SHRINK_MINUTES})
  --out FILE          write the smallest scenario found to FILE
options of fuzz:
  --packets N         stop after so many (${DEFAULT_PACKETS})
  --seed S            of the first session (1); each further one takes the next
  --nodes N           size of the ring (${SMALLEST_RING} to ${LARGEST_RING}; chosen by the seed)
  --rounds LIST       only these: ${TEMPERS.join(', ')}
  --minutes M         begin no session after M minutes
options of votequorum:
  --histories N       seeds 1 to N on an idealised ring (${DEFAULT_HISTORIES})
  --scenarios N       seeds 1 to N on whole nodes, with faults (${DEFAULT_SCENARIOS})
  --minutes M         stop after M minutes
  --resume [FILE]     go on where FILE (${DEFAULT_VOTEQUORUM_STATE_FILE}) says, and keep the count there
options of record, which ends in order on TERM and INT, and stops sending on USR2:
  --load N            send N messages a second (none)
  --bytes M           of up to M bytes each (1000)

exit status: 0 every scenario or recording kept every property, 1 some did not,
             2 the command line is wrong, or a file cannot be read or written, 3 the daemon cannot be used
`

export async function main(argv: readonly string[]): Promise<void> {
  // A reader that has seen enough, such as head.
  process.stdout.on('error', () => process.exit(process.exitCode ?? 0))
  try {
    process.exitCode = await dispatch(argv)
  } catch (error) {
    if (error instanceof ScenarioFileError) {
      process.stderr.write(`corosync-sim: ${error.message}\n`)
      process.exitCode = 2
      return
    }
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`corosync-sim: ${error.message}\n\n${USAGE}`)
    process.exitCode = 2
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'fuzz' && !argv.includes('--help') && !argv.includes('-h')) {
    return runFuzz(fuzzOptions(argv.slice(1)), line => process.stdout.write(`${line}\n`))
  }
  if (argv[0] === 'votequorum' && !argv.includes('--help') && !argv.includes('-h')) {
    return runVotequorum(votequorumOptions(argv.slice(1)), line => process.stdout.write(`${line}\n`))
  }
  const { values, positionals } = readArguments(argv)
  const [command, ...rest] = positionals
  if (values.help || command === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const scenario = scenarioOptions(values)
  if (command === 'run') {
    if (rest.length > 0) throw new UsageError(`run takes no '${rest[0]}'`)
    refuse(values, 'run', ['html', 'packets', 'log', 'debug', 'scenario'])
    const [firstSeed, lastSeed] = values.seeds === undefined ? [1, DEFAULT_LAST_SEED] : range('--seeds', values.seeds)
    return runCampaign(
      {
        firstSeed,
        lastSeed,
        scenario,
        jobs: values.jobs === undefined ? availableParallelism() : whole('--jobs', values.jobs, 1, 256),
        minutes: values.minutes === undefined ? Number.POSITIVE_INFINITY : positive('--minutes', values.minutes),
        resume: values.resume,
      },
      line => process.stdout.write(`${line}\n`),
    )
  }
  if (command === 'replay') {
    return replay(oneScenario('replay', rest, values.scenario, scenario), storyDetail(values), values.html)
  }
  if (command === 'shrink') {
    refuse(values, 'shrink', ['html', 'packets', 'log', 'debug'])
    const minutes = values.minutes === undefined ? DEFAULT_SHRINK_MINUTES : positive('--minutes', values.minutes)
    return shrinkCommand(oneScenario('shrink', rest, values.scenario, scenario), { minutes, out: values.out })
  }
  if (command === 'check') {
    if (rest.length === 0) throw new UsageError('check takes recordings')
    return check(
      rest,
      line => process.stdout.write(`${line}\n`),
      line => process.stderr.write(`corosync-sim: ${line}\n`),
    )
  }
  if (command === 'record') {
    const { group, out, load, bytes } = values
    if (rest.length > 0) throw new UsageError(`record takes no '${rest[0]}'`)
    if (group === undefined || out === undefined) throw new UsageError('record needs --group and --out')
    return record(
      {
        group,
        path: out,
        perSecond: load === undefined ? 0 : whole('--load', load, 1, MOST_LOAD_PER_SECOND),
        maxBytes: bytes === undefined ? DEFAULT_LOAD_BYTES : whole('--bytes', bytes, LEAST_LOAD_BYTES, MOST_LOAD_BYTES),
      },
      line => process.stderr.write(`corosync-sim: ${line}\n`),
    )
  }
  throw new UsageError(command === undefined ? 'what shall be done?' : `there is no command '${command}'`)
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: withDefaultFile(argv, DEFAULT_STATE_FILE),
      allowPositionals: true,
      options: {
        seeds: { type: 'string' },
        nodes: { type: 'string' },
        faults: { type: 'string' },
        engine: { type: 'string' },
        minutes: { type: 'string' },
        jobs: { type: 'string' },
        resume: { type: 'string' },
        html: { type: 'string' },
        log: { type: 'boolean' },
        debug: { type: 'boolean' },
        scenario: { type: 'string' },
        out: { type: 'string' },
        group: { type: 'string' },
        load: { type: 'string' },
        bytes: { type: 'string' },
        packets: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function refuse(values: Readonly<Record<string, unknown>>, command: string, names: readonly string[]): void {
  for (const name of names) {
    if (values[name] !== undefined) throw new UsageError(`${command} takes no --${name}: it belongs to replay`)
  }
}

/** The scenario that a command is about: a seed's, or that of a file. */
function oneScenario(
  command: string,
  seeds: readonly string[],
  file: string | undefined,
  options: ScenarioOptions,
): Scenario {
  if (file === undefined) {
    if (seeds.length !== 1) throw new UsageError(`${command} takes one seed, or --scenario FILE`)
    return generateScenario(whole('the seed', seeds[0]!, 0, Number.MAX_SAFE_INTEGER), options)
  }
  if (seeds.length > 0 || Object.keys(options).length > 0) {
    throw new UsageError('--scenario: the file says everything; no seed, --nodes, --faults or --engine beside it')
  }
  return loadScenario(file)
}

function isValue(arg: string | undefined): boolean {
  return arg !== undefined && !arg.startsWith('-')
}

function scenarioOptions(values: { nodes?: string; faults?: string; engine?: string }): ScenarioOptions {
  const options: { nodes?: [number, number]; faults?: FaultName[]; engine?: 'node' | 'ring' } = {}
  if (values.nodes !== undefined) {
    options.nodes = values.nodes.includes('..')
      ? range('--nodes', values.nodes)
      : [whole('--nodes', values.nodes, SMALLEST_CLUSTER, LARGEST_CLUSTER), Number(values.nodes)]
    if (options.nodes[0] < SMALLEST_CLUSTER || options.nodes[1] > LARGEST_CLUSTER) {
      throw new UsageError(`--nodes ${values.nodes}: clusters have ${SMALLEST_CLUSTER} to ${LARGEST_CLUSTER} nodes`)
    }
  }
  if (values.faults !== undefined) {
    const faults = parseFaultNames(values.faults)
    if (faults === undefined) throw new UsageError(`--faults ${values.faults}: there is no such fault`)
    options.faults = faults
  }
  if (values.engine !== undefined) {
    if (values.engine !== 'node' && values.engine !== 'ring')
      throw new UsageError(`--engine ${values.engine}: node or ring`)
    options.engine = values.engine
  }
  return options
}

/** The options of fuzz are its own: --packets is a number here. */
function fuzzOptions(args: readonly string[]): FuzzOptions {
  const values = readFuzzArguments(args)
  return {
    packets: values.packets === undefined ? DEFAULT_PACKETS : whole('--packets', values.packets, 1, 1e12),
    seed: values.seed === undefined ? 1 : whole('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    nodes: values.nodes === undefined ? undefined : whole('--nodes', values.nodes, SMALLEST_RING, LARGEST_RING),
    minutes: values.minutes === undefined ? Number.POSITIVE_INFINITY : positive('--minutes', values.minutes),
    tempers: values.rounds?.split(',').map(word => {
      const temper = TEMPERS.find(name => name === word.trim())
      if (temper === undefined) throw new UsageError(`--rounds ${values.rounds}: there is no round '${word}'`)
      return temper
    }),
  }
}

function readFuzzArguments(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    return parseArgs({
      args: [...args],
      options: { packets: text, seed: text, nodes: text, rounds: text, minutes: text },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function votequorumOptions(args: readonly string[]): VotequorumOptions {
  const { histories, scenarios, minutes, resume } = readVotequorumArguments(args)
  return {
    histories: histories === undefined ? DEFAULT_HISTORIES : whole('--histories', histories, 0, 1e9),
    scenarios: scenarios === undefined ? DEFAULT_SCENARIOS : whole('--scenarios', scenarios, 0, 1e9),
    minutes: minutes === undefined ? Number.POSITIVE_INFINITY : positive('--minutes', minutes),
    resume,
  }
}

function readVotequorumArguments(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const
    return parseArgs({
      args: withDefaultFile(args, DEFAULT_VOTEQUORUM_STATE_FILE),
      options: { histories: text, scenarios: text, minutes: text, resume: text },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** --resume may stand alone. */
function withDefaultFile(args: readonly string[], file: string): string[] {
  return args.map((arg, index) => (arg === '--resume' && !isValue(args[index + 1]) ? `--resume=${file}` : arg))
}

function range(name: string, text: string): [number, number] {
  const [first, last, more] = text.split('..')
  if (last === undefined || more !== undefined) throw new UsageError(`${name} ${text}: expected A..B`)
  const from = whole(name, first ?? '', 0, Number.MAX_SAFE_INTEGER)
  return [from, whole(name, last, from, Number.MAX_SAFE_INTEGER)]
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new UsageError(`${name} ${text}: expected a whole number from ${least} to ${most}`)
  }
  return value
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new UsageError(`${name} ${text}: expected a positive number`)
  return value
}

function storyDetail(values: { log?: boolean; debug?: boolean; packets?: boolean }): StoryDetail {
  return {
    log: values.debug ? 'all' : values.log ? 'notices' : 'warnings',
    packets: values.packets ?? false,
  }
}
