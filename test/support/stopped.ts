// Whether a process that was sent SIGSTOP has stopped: a signal reaches the threads of a process one after the other.

import { readdirSync, readFileSync } from 'node:fs'

export function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every(thread =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  )
}
