// Recorded messages between programs and a daemon, as text (test/data/services/ipc-*.txt): read, and compared with ours by
// the bytes that mean something.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const DATA = new URL('../../../test/data/services/', import.meta.url)

export interface IpcSample {
  readonly fromProgram: boolean
  readonly id: number
  readonly bytes: Uint8Array
}

/** The messages of one section, in order. */
export function readIpcSamples(file: string, section: string): IpcSample[] {
  const lines = readFileSync(new URL(file, DATA), 'utf8').split('\n')
  const from = lines.findIndex(line => line.startsWith(section))
  if (from < 0) throw new Error(`no section ${section} in ${file}`)
  const samples: IpcSample[] = []
  let current: Uint8Array | undefined
  for (const line of lines.slice(from + 2)) {
    if (line.startsWith('====')) break
    const head = /^(->|<-) id=(\d+) size=(\d+)/.exec(line)
    if (head !== null) {
      current = new Uint8Array(Number(head[3]))
      samples.push({ fromProgram: head[1] === '->', id: Number(head[2]), bytes: current })
      continue
    }
    const row = /^ {4}([0-9a-f]{4}) {2}((?:[0-9a-f]{2} ?){1,16})/.exec(line)
    if (row === null || current === undefined) continue
    const bytes = Buffer.from(row[2]!.replaceAll(' ', ''), 'hex')
    current.set(bytes, Number.parseInt(row[1]!, 16))
  }
  return samples
}

/** From, to: the bytes that mean something. */
export type Ranges = readonly (readonly [number, number])[]

export const HEADER_RANGES: Ranges = [
  [0, 4],
  [8, 12],
  [16, 20],
]

/** What these ranges hold, as text that a failing test can show. */
export function meaning(bytes: Uint8Array, ranges: Ranges): string {
  assert.ok(bytes.length >= Math.max(...ranges.map(([, to]) => to)), `a message of ${bytes.length} bytes is too short`)
  return ranges.map(([from, to]) => `${from}: ${Buffer.from(bytes.subarray(from, to)).toString('hex')}`).join('\n')
}
