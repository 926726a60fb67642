// Turns a record into the line that a destination gets, in the engine's formats (spec: configuration 16.1):
//   terminal  Nov 20 11:37:15.541 notice  [MAIN  ] text
//   file      Nov 20 11:37:15.541 [12035] node2 corosync notice  [MAIN  ] text
//   syslog    <29>Nov 20 11:37:15 corosync[12035]:   [MAIN  ] text
// Times are local. Lines come without their newline. Knows no destinations.

import type { LoggingConfiguration } from '../config/types.js'
import type { LogRecord } from './record.js'
import { facilityNumber, levelRank } from './settings.js'
import type { LogLevel, Subsystem } from './types.js'

/** The engine formats into a buffer of 512 bytes, the last of which is a NUL. */
export const LINE_BYTES_MAX = 511
const LEVEL_WIDTH = 7
const SUBSYSTEM_WIDTH = 6
/** The name that the program has in log files and for syslog. */
export const PROGRAM_NAME = 'corosync'

/** How lines look; `fileLine` and `functionName` say where they come from. */
export type LineStyle = Pick<LoggingConfiguration, 'timestamp' | 'fileLine' | 'functionName'>

/** The process that speaks. */
export interface Speaker {
  readonly pid: number
  readonly host: string
}

/**
 * The folder of src/ that a subsystem's lines come from. The engine prints C files, functions and lines there; a record
 * carries none, so `fileline` and `function_name` both give this name, once.
 */
const SOURCES: Readonly<Record<Subsystem, string>> = {
  MAIN: 'daemon',
  TOTEM: 'totem',
  KNET: 'knet',
  QB: 'ipc',
  SERV: 'services',
  CFG: 'services/cfg',
  CMAP: 'services/cmap',
  CPG: 'services/cpg',
  QUORUM: 'services/quorum',
  VOTEQ: 'services/votequorum',
  YKD: 'services/ykd',
  SYNC: 'sync',
  STATS: 'services/stats',
  PLOAD: 'services/pload',
  MON: 'services/mon',
  WD: 'services/wd',
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(n => String(n).padStart(2, '0')).join(':')
}

function timestamp(timeMs: number, mode: LineStyle['timestamp']): string {
  if (mode === 'off') return ''
  const date = new Date(timeMs)
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2, '0')} ${clock(date)}`
  return mode === 'on' ? day : `${day}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/**
 * Texts of programs and other nodes are in some lines: names, reasons. None of them begins a line of its own, or tells a terminal
 * what to do.
 */
const CONTROL = /[^\P{Cc}\t]/gu

function printable(text: string): string {
  return text.replace(CONTROL, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** `[MAIN  ] text`, with the source's name between the two when it is asked for. */
function tagged(record: LogRecord, style: LineStyle): string {
  const source = style.fileLine || style.functionName ? `${SOURCES[record.subsystem]} ` : ''
  const text = record.message.endsWith('\n') ? record.message.slice(0, -1) : record.message
  return `[${record.subsystem.slice(0, SUBSYSTEM_WIDTH).padEnd(SUBSYSTEM_WIDTH)}] ${source}${printable(text)}`
}

function leveled(record: LogRecord, style: LineStyle): string {
  return `${record.level.padEnd(LEVEL_WIDTH)} ${tagged(record, style)}`
}

/** Cuts to LINE_BYTES_MAX bytes of UTF-8, never in the middle of a character. */
export function cutLine(line: string): string {
  // A character is three bytes at most per UTF-16 unit: short lines need no measuring.
  if (line.length * 3 <= LINE_BYTES_MAX) return line
  const bytes = Buffer.from(line)
  if (bytes.length <= LINE_BYTES_MAX) return line
  let end = LINE_BYTES_MAX
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

export function terminalLine(record: LogRecord, style: LineStyle): string {
  const time = timestamp(record.timeMs, style.timestamp)
  return cutLine(`${time}${time === '' ? '' : ' '}${leveled(record, style)}`)
}

export function fileLine(record: LogRecord, style: LineStyle, speaker: Speaker): string {
  const time = timestamp(record.timeMs, style.timestamp)
  const who = `[${speaker.pid}] ${speaker.host} ${PROGRAM_NAME}`
  // Without a timestamp the engine leaves out the blank before the level, too.
  return cutLine(time === '' ? `${who}${leveled(record, style)}` : `${time} ${who} ${leveled(record, style)}`)
}

/** Syslog knows no trace: debug goes out as info, trace as debug. */
function syslogSeverity(level: LogLevel): number {
  return level === 'debug' ? levelRank('info') : level === 'trace' ? levelRank('debug') : levelRank(level)
}

/** A datagram for /dev/log around any text. The day is padded with a blank there. */
export function syslogEnvelope(timeMs: number, level: LogLevel, facility: string, pid: number, text: string): string {
  const date = new Date(timeMs)
  const priority = facilityNumber(facility) * 8 + syslogSeverity(level)
  const time = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock(date)}`
  return `<${priority}>${time} ${PROGRAM_NAME}[${pid}]: ${text}`
}

export function syslogLine(record: LogRecord, style: LineStyle, facility: string, pid: number): string {
  // The format of the terminal with time and level taken out; the blanks around them stay.
  const text = `${style.timestamp === 'off' ? ' ' : '  '}${tagged(record, style)}`
  return syslogEnvelope(record.timeMs, record.level, facility, pid, cutLine(text))
}
