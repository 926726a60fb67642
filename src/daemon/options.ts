// The command line of the daemon (spec: configuration 1.3): the options of corosync 3.x, and those of 2.x and of later
// 3.x where they have a meaning; and one of our own, --record. Options are looked at one by one from the left, as getopt does: `-v` acts at once, unless `-t` stands before it.
// Pure: in the arguments, out what to do.

/** Longer than any path the kernel takes. */
const PATH_BYTES_MAX = 4096

export const USAGE = `usage:
        -c     : Corosync config file path.
        -f     : Start application in foreground.
        --record FILE : Write every packet and configuration of the ring to FILE, for corosync-sim check.
        -t     : Test configuration and exit.
        -v     : Display version, git revision and some useful information about Corosync and exit.`

export interface DaemonOptions {
  readonly foreground: boolean
  readonly test: boolean
  /** `-v` behind `-t`: say the effective values, too. */
  readonly verbose: boolean
  readonly configFile: string | undefined
  readonly lockFile: string | undefined
  /** `--record`: where to write what happens on the ring. */
  readonly recordFile: string | undefined
  /** `-p` no, `-r` yes; over `system.sched_rr`. */
  readonly schedRr: 'yes' | 'no' | undefined
  /** `-R`: over `system.move_to_root_cgroup`. */
  readonly moveToRootCgroup: 'no' | undefined
  /** `-P`: over `system.priority`, as text. */
  readonly priority: string | undefined
}

export type CommandLine =
  | { readonly kind: 'start'; readonly options: DaemonOptions }
  | { readonly kind: 'version' }
  /** To be written to the terminal before an exit with status 1. */
  | { readonly kind: 'wrong'; readonly message: string }

const WITH_ARGUMENT = 'clP'
const WITHOUT_ARGUMENT = 'ftvprR'

export function parseCommandLine(args: readonly string[]): CommandLine {
  const options = {
    foreground: false,
    test: false,
    verbose: false,
    configFile: undefined as string | undefined,
    lockFile: undefined as string | undefined,
    recordFile: undefined as string | undefined,
    schedRr: undefined as 'yes' | 'no' | undefined,
    moveToRootCgroup: undefined as 'no' | undefined,
    priority: undefined as string | undefined,
  }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? ''
    if (arg === '--') break
    if (arg === '--record' || arg.startsWith('--record=')) {
      const value = arg === '--record' ? args[++i] : arg.slice('--record='.length)
      if (value === undefined || value === '')
        return wrong(`corosync: option '--record' requires an argument\n${USAGE}`)
      if (Buffer.byteLength(value) >= PATH_BYTES_MAX) return wrong('Record file path too long.')
      options.recordFile = value
      continue
    }
    // A word that is no option is passed over, as in the engine.
    if (!arg.startsWith('-') || arg === '-') continue
    for (let at = 1; at < arg.length; at++) {
      const letter = arg.charAt(at)
      if (WITH_ARGUMENT.includes(letter)) {
        const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i]
        if (value === undefined) return wrong(`corosync: option requires an argument -- '${letter}'\n${USAGE}`)
        if (letter === 'P') options.priority = value
        else if (Buffer.byteLength(value) >= PATH_BYTES_MAX) {
          return wrong(letter === 'c' ? 'Config file path too long.' : 'Lock file path too long.')
        } else if (letter === 'c') options.configFile = value
        else options.lockFile = value
        break
      }
      if (!WITHOUT_ARGUMENT.includes(letter)) return wrong(`corosync: invalid option -- '${letter}'\n${USAGE}`)
      if (letter === 'v') {
        if (!options.test) return { kind: 'version' }
        options.verbose = true
      } else if (letter === 'f') options.foreground = true
      else if (letter === 't') options.test = true
      else if (letter === 'p') options.schedRr = 'no'
      else if (letter === 'r') options.schedRr = 'yes'
      else options.moveToRootCgroup = 'no'
    }
  }
  return { kind: 'start', options }
}

function wrong(message: string): CommandLine {
  return { kind: 'wrong', message }
}
