// What is said about a configuration: the lines of `corosync -t`, the refusals of a start, the table of effective values
// (spec: config 12, 16.1). Texts only; where they go is the caller's business.

import { LOG_LEVELS, type LogLevel, type Subsystem } from '../log/types.js'
import { findKey } from './keys.js'
import type { MapValue } from './map.js'
import type {
  ConfigProblem,
  Configuration,
  ConfigWarning,
  EffectiveValue,
  LoadResult,
  LoggingConfiguration,
  Place,
} from './types.js'

/** How lines look when the file could not be read far enough to tell. */
const PLAIN_LOGGING: Pick<LoggingConfiguration, 'timestamp'> = { timestamp: 'hires' }

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** One line for standard error in the configured format, without a newline. */
export function stderrLine(
  logging: Pick<LoggingConfiguration, 'timestamp'>,
  level: LogLevel,
  subsystem: Subsystem,
  text: string,
  now: Date,
): string {
  const base = `${level.padEnd(7)} [${subsystem.padEnd(6).slice(0, 6)}] ${text}`
  return logging.timestamp === 'off' ? base : `${timestamp(now, logging.timestamp === 'hires')} ${base}`
}

function timestamp(now: Date, hires: boolean): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${MONTHS[now.getMonth()]} ${two(now.getDate())}`
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`
  return hires ? `${day} ${time}.${String(now.getMilliseconds()).padStart(3, '0')}` : `${day} ${time}`
}

/** The output of `-t` for a good file: the C daemon's lines, as far as the file lets them through to standard error. */
export function reportSuccess(configuration: Configuration, now: Date): string {
  const { logging } = configuration
  const lines = warningLines(logging, configuration.warnings, now)
  for (const refusal of configuration.refusals) {
    lines.push(...filtered(logging, 'warning', `this node cannot be started yet: ${refusal.message}`, now))
  }
  lines.push(...filtered(logging, 'notice', 'Corosync Cluster Engine exiting normally', now))
  return joined(lines)
}

/** The output for a bad file. It is printed whatever the file says about logging: somebody asked. */
export function reportFailure(result: LoadResult & { ok: false }, now: Date): string {
  const logging = result.logging ?? PLAIN_LOGGING
  const lines = result.logging === undefined ? [] : warningLines(result.logging, result.warnings, now)
  for (const problem of result.problems) lines.push(...problemLines(logging, problem, now))
  const [first] = result.problems
  if (first !== undefined && first.stage === 'validation') {
    const at = first.line > 0 ? `${first.file}:${first.line}` : first.file
    const text = `Corosync Cluster Engine exiting with status ${result.exitCode} at ${at}.`
    lines.push(stderrLine(logging, 'error', 'MAIN', text, now))
  }
  return joined(lines)
}

/** What a start prints when the file is correct but cannot be run; '' when it can. */
export function reportRefusals(configuration: Configuration, now: Date): string {
  const lines = configuration.refusals.flatMap(refusal => problemLines(configuration.logging, refusal, now))
  const [first] = configuration.refusals
  if (first !== undefined) {
    const text = `Corosync Cluster Engine exiting with status ${first.exitCode} at ${position(first) || first.file}.`
    lines.push(stderrLine(configuration.logging, 'error', 'MAIN', text, now))
  }
  return joined(lines)
}

function problemLines(logging: Pick<LoggingConfiguration, 'timestamp'>, problem: ConfigProblem, now: Date): string[] {
  const where = position(problem)
  switch (problem.stage) {
    case 'parser':
      return [
        where === '' ? problem.message : `parser error: ${where}: ${problem.message}`,
        `    help: ${problem.help}`,
      ]
    case 'logging':
      return [problem.message, helpLine(problem, where)]
    case 'validation':
      return [stderrLine(logging, 'error', 'MAIN', problem.message, now), helpLine(problem, where)]
  }
}

function helpLine(problem: ConfigProblem, where: string): string {
  const subject = [where, problem.key ?? ''].filter(text => text !== '').join(': ')
  return subject === '' ? `    help: ${problem.help}` : `    ${subject}\n    help: ${problem.help}`
}

/** `file:line:column`, or '' for a problem of the file as a whole. */
function position(place: Place): string {
  return place.line > 0 ? `${place.file}:${place.line}:${place.column}` : ''
}

function warningLines(logging: LoggingConfiguration, warnings: readonly ConfigWarning[], now: Date): string[] {
  return warnings.flatMap(warning => filtered(logging, 'warning', warning.message, now))
}

/** Standard error follows to_stderr and the priority of the log file. */
function filtered(logging: LoggingConfiguration, level: LogLevel, text: string, now: Date): string[] {
  const limit = (logging.subsystems.get('MAIN') ?? logging.global).fileLevel
  if (!logging.toStderr || LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(limit)) return []
  return [stderrLine(logging, level, 'MAIN', text, now)]
}

function joined(lines: readonly string[]): string {
  return lines.map(line => `${line}\n`).join('')
}

/** The table of `-t -v`: what every value is and where it comes from. */
export function reportValues(configuration: Configuration): string {
  const rows = configuration.effective.map(({ key, value, origin }) => [key, value, originText(origin)] as const)
  const head = [
    `Configuration ${configuration.file}`,
    configuration.legacy
      ? 'Old style (interface sections, no nodelist): defaults of corosync 1.x'
      : `Defaults of corosync ${configuration.defaults === '3' ? '3.x' : configuration.defaults}`,
    '',
  ]
  const unknown = unknownKeys(configuration)
  const tail = unknown.length === 0 ? [] : ['', 'Keys that nothing here knows (stored, without effect):', ...unknown]
  return joined([...head, ...aligned(rows), ...tail])
}

function aligned(rows: readonly (readonly [string, string, string])[]): string[] {
  const width = (column: 0 | 1) => Math.min(44, Math.max(...rows.map(row => row[column].length)))
  const [keys, values] = [width(0), width(1)]
  return rows.map(([key, value, origin]) => `  ${key.padEnd(keys)}  ${value.padEnd(values)}  ${origin}`)
}

function originText(origin: EffectiveValue['origin']): string {
  switch (origin.kind) {
    case 'file':
      return `${baseName(origin.place.file)}:${origin.place.line}`
    case 'default':
      return 'default'
    case 'derived':
      return `derived: ${origin.from}`
  }
}

function unknownKeys(configuration: Configuration): string[] {
  const lines: string[] = []
  for (const key of configuration.map.keys()) {
    const place = configuration.origins.get(key)
    if (place === undefined || isKnown(key)) continue
    lines.push(`  ${key} = ${valueText(configuration.map.get(key)!)}  ${baseName(place.file)}:${place.line}`)
  }
  return lines
}

/** Is there a row for this key of the map? The numbers and names that sections put into it are taken out again. */
function isKnown(key: string): boolean {
  const inFile = key
    .replace(/^nodelist\.node\.\d+\./, 'nodelist.node.')
    .replace(/^totem\.interface\.\d+\.member\.\d+$/, 'totem.interface.member.memberaddr')
    .replace(/^totem\.interface\.\d+\./, 'totem.interface.')
    .replace(/^logging\.(logger_subsys|logging_daemon)\..*\./, 'logging.$1.')
    .replace(/^uidgid\.config\.(uid|gid)\.\d+$/, 'uidgid.$1')
  return findKey(inFile) !== undefined
}

function valueText(value: MapValue): string {
  return value.type === 'bin' ? `(${value.value.length} bytes)` : String(value.value)
}

function baseName(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1)
}
