// `corosync-sim check`: reads recordings and prints what the judge makes of them. In: paths. Out: the report, and 0 when
// nothing is wrong, 1 when a property was violated, 2 when a file cannot be read or makes no sense.

import { closeSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { FormatError } from '../recorder/format.js'
import { type Life, TraceReader } from '../recorder/reader.js'
import { judge, report, violationsOf } from '../sim/check/check.js'
import { TraceError } from '../sim/check/verdict.js'

const CHUNK_BYTES = 1 << 20

export function check(
  paths: readonly string[],
  print: (line: string) => void,
  complain: (line: string) => void,
): number {
  try {
    const verdicts = judge(paths.flatMap(readTrace))
    for (const line of report(verdicts)) print(line)
    return violationsOf(verdicts).length === 0 ? 0 : 1
  } catch (error) {
    const isExpected = error instanceof FormatError || error instanceof TraceError || isSystemError(error)
    if (!isExpected) throw error
    complain((error as Error).message)
    return 2
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

/** Throws FormatError, or the error of the system. */
export function readTrace(path: string): readonly Life[] {
  const reader = new TraceReader(path)
  const decoder = new StringDecoder('utf8')
  const chunk = new Uint8Array(CHUNK_BYTES)
  let rest = ''
  const fd = openSync(path, 'r')
  try {
    for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
      const lines = (rest + decoder.write(chunk.subarray(0, length) as Buffer)).split('\n')
      rest = lines.pop()!
      for (const line of lines) reader.take(line)
    }
  } finally {
    closeSync(fd)
  }
  return reader.finish(rest + decoder.end())
}
