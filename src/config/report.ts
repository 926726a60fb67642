// What is said about a configuration: the lines of `corosync -t`, the words for a mistake, the table of effective values
// (spec: config 12). Texts and levels only; how a log line looks and where it goes is the caller's business.

import { LOG_LEVELS, type LogLevel } from '../log/types.js'
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

/** A line to print: as a line of the log (subsystem MAIN), or bare when it has no level. */
export interface ReportLine {
  readonly level?: LogLevel
  readonly text: string
}

/** The output of `-t` for a good file: the C daemon's lines, as far as the file lets them through to standard error. */
export function successLines(configuration: Configuration): ReportLine[] {
  const { logging, warnings, refusals } = configuration
  return [
    ...warningLines(warnings),
    ...refusals.map(refusal => warning(`this node cannot be started yet: ${refusal.message}`)),
    { level: 'notice' as const, text: 'Corosync Cluster Engine exiting normally' },
  ].filter(line => reachesStderr(logging, line.level))
}

/** The output of `-t` for a bad file. It is complete whatever the file says about logging: somebody asked. */
export function failureLines(result: LoadResult & { ok: false }): ReportLine[] {
  const lines = result.logging === undefined ? [] : warningLines(result.warnings)
  for (const problem of result.problems) {
    const [message = '', ...details] = problemLines(problem)
    lines.push(problem.stage === 'validation' ? { level: 'error', text: message } : { text: message })
    lines.push(...details.map(text => ({ text })))
  }
  const [first] = result.problems
  if (first !== undefined && first.stage === 'validation') {
    const at = first.line > 0 ? `${first.file}:${first.line}` : first.file
    lines.push({ level: 'error', text: `Corosync Cluster Engine exiting with status ${result.exitCode} at ${at}.` })
  }
  return lines
}

/** The C daemon's words, then indented where it is and what would be right. */
export function problemLines(problem: ConfigProblem): string[] {
  const where = position(problem)
  const help = `    help: ${problem.help}`
  if (problem.stage === 'parser') {
    return [where === '' ? problem.message : `parser error: ${where}: ${problem.message}`, help]
  }
  const subject = [where, problem.key ?? ''].filter(text => text !== '').join(': ')
  return subject === '' ? [problem.message, help] : [problem.message, `    ${subject}`, help]
}

/** `file:line:column`, or '' for a problem of the file as a whole. */
function position(place: Place): string {
  return place.line > 0 ? `${place.file}:${place.line}:${place.column}` : ''
}

function warning(text: string): ReportLine {
  return { level: 'warning', text }
}

function warningLines(warnings: readonly ConfigWarning[]): ReportLine[] {
  return warnings.map(({ message }) => warning(message))
}

/** Standard error follows to_stderr and the priority of the log file. */
function reachesStderr(logging: LoggingConfiguration, level: LogLevel | undefined): boolean {
  if (level === undefined) return logging.toStderr
  const limit = (logging.subsystems.get('MAIN') ?? logging.global).fileLevel
  return logging.toStderr && LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(limit)
}

/** The table of `-t -v`: what every value is and where it comes from. */
export function effectiveTable(configuration: Configuration): string {
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
  return [...head, ...aligned(rows), ...tail].map(line => `${line}\n`).join('')
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
