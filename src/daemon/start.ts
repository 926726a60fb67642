// From the command line's options to a running daemon, in the engine's order (spec: configuration 14.1): configuration,
// log, banner and warnings, what cannot be run, background, lock file, executive. In: options, environment, files of the
// host. Out: a Daemon that runs, or the end of the process with its status and a line that says why.

import { spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import {
  type Configuration,
  errorText,
  type LoadResult,
  loadConfiguration,
  mainFilePath,
  problemLines,
} from '../config/index.js'
import { readPriority } from '../config/refusals.js'
import type { LoggingConfiguration, SchedulingConfiguration } from '../config/types.js'
import type { LogFilterState } from '../log/filter.js'
import { Logger } from '../log/logger.js'
import { EngineRecording } from '../recorder/engine-recording.js'
import { TraceFile } from '../recorder/trace-file.js'
import { native } from '../sys/native.js'
import { lockFile, setThreadName } from '../sys/thread.js'
import { UnixDatagramSender } from '../sys/unix-datagram.js'
import { Daemon, exitWithStatus } from './daemon.js'
import { ExitCode } from './exit-codes.js'
import { listFiles, resolveHost } from './host.js'
import { absoluteLogFiles, LiveConfiguration, mapRules } from './live-configuration.js'
import type { DaemonOptions } from './options.js'
import { PidFile } from './pid-file.js'
import { programPath, ServicePrograms } from './service-programs.js'
import type { ExecutiveHandle, ExecutiveListener } from './types.js'
import { BUILT_IN_FEATURES, COROSYNC_VERSION, packageVersion } from './version.js'

const DEFAULT_LOCK_FILE = '/var/run/corosync.pid'
const SYSLOG_SOCKET = '/dev/log'
/** What ps, pgrep and top show. */
const PROCESS_NAME = 'corosync'

export type StartExecutive = (
  configuration: Configuration,
  filter: LogFilterState,
  listener: ExecutiveListener,
  recording: EngineRecording | undefined,
) => ExecutiveHandle

export interface StartOptions {
  readonly options: DaemonOptions
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Command line of the same program in the foreground: everything behind the name of Node. */
  readonly foregroundArguments: readonly string[]
  readonly startExecutive: StartExecutive
}

export async function start({
  options,
  environment,
  foregroundArguments,
  startExecutive,
}: StartOptions): Promise<void> {
  const logger = new Logger({
    speaker: { pid: process.pid, host: hostname() },
    now: Date.now,
    openSyslog: () => openDatagrams(SYSLOG_SOCKET),
  })
  process.on('exit', () => logger.close())
  // The state directory becomes the current one; names on the command line and of log files are meant from here.
  const directory = process.cwd()
  const path = mainFilePath(options.configFile, environment)
  const loaded = await load(path, environment)
  if (!loaded.ok) return refuseFile(loaded, directory, logger)
  const logging = absoluteLogFiles(loaded.configuration.logging, directory)
  const configuration = { ...loaded.configuration, logging, scheduling: scheduling(loaded.configuration, options) }
  const recordFile = options.recordFile === undefined ? undefined : resolve(directory, options.recordFile)
  const obstacle = findObstacle(configuration, options, recordFile)

  // A start in the background that will get as far as that is announced on the terminal alone: the process that goes on
  // there says the same to syslog and files.
  const leavesTerminal = !options.foreground && obstacle === undefined
  logger.configure(leavesTerminal ? terminalOnly(logging) : logging)
  announce(configuration, logger)
  if (obstacle !== undefined) {
    for (const line of obstacle.lines) logger.log('error', 'MAIN', line)
    exitWithStatus(obstacle.exitCode, logger)
  }
  if (leavesTerminal) return goOnInBackground(foregroundArguments, directory, logger)

  setThreadName(PROCESS_NAME)
  const pidFile = takePidFile(options.lockFile && resolve(directory, options.lockFile), configuration.stateDir, logger)
  const serviceManager = environment.NOTIFY_SOCKET ? openDatagrams(environment.NOTIFY_SOCKET) : undefined
  const recording = recordFile === undefined ? undefined : record(recordFile, configuration.nodeId, logger)
  const configFile = resolve(directory, path)
  const programs = new ServicePrograms({
    services: configuration.services,
    path: programPath(environment.PATH),
    logger,
  })
  new Daemon({
    logger,
    configFile,
    live: new LiveConfiguration({ start: configuration, path: configFile, directory, environment, logger }),
    stateDirectory: configuration.stateDir,
    tokenTimeoutMs: configuration.totem.tokenTimeoutMs,
    pidFile,
    programs,
    startExecutive: listener => startExecutive(configuration, logger.filter.state, listener, recording),
    notifyReady: () => {
      serviceManager?.send('READY=1')
    },
  }).run()
}

async function load(path: string, environment: StartOptions['environment']): Promise<LoadResult> {
  return loadConfiguration({
    path,
    read: file => readFileSync(file),
    list: listFiles,
    host: await resolveHost(path),
    environment,
    openLogFile: file => closeSync(openSync(file, 'a')),
    enterDirectory: directory => process.chdir(directory),
  })
}

/** Mistakes in the file: before the log is known as bare text, then as lines of the log; always with what would be right. */
function refuseFile(failed: LoadResult & { ok: false }, directory: string, logger: Logger): never {
  const plain = failed.logging === undefined
  if (failed.logging !== undefined) {
    logger.configure(absoluteLogFiles(failed.logging, directory))
    banner(logger)
    for (const warning of failed.warnings) logger.log('warning', 'MAIN', warning.message)
  }
  for (const problem of failed.problems) {
    const lines = problemLines(problem)
    if (plain) for (const line of lines) logger.plain('error', line)
    else for (const line of lines) logger.log('error', 'MAIN', line)
  }
  if (plain) process.exit(failed.exitCode)
  exitWithStatus(failed.exitCode, logger)
}

/** The command line's word on scheduling goes before the file's. */
function scheduling(configuration: Configuration, options: DaemonOptions): SchedulingConfiguration {
  const { roundRobin, moveToRootCgroup, priority } = configuration.scheduling
  return {
    roundRobin: options.schedRr === undefined ? roundRobin : options.schedRr === 'yes',
    moveToRootCgroup: options.moveToRootCgroup ?? moveToRootCgroup,
    priority: options.priority === undefined ? priority : (readPriority(options.priority) ?? priority),
  }
}

interface Obstacle {
  readonly exitCode: number
  readonly lines: readonly string[]
}

/** What keeps a correct file from being run here and now. */
function findObstacle(
  configuration: Configuration,
  options: DaemonOptions,
  recordFile: string | undefined,
): Obstacle | undefined {
  const { refusals, stateDir } = configuration
  const [first] = refusals
  if (first !== undefined) return { exitCode: first.exitCode, lines: refusals.flatMap(problemLines) }
  if (options.priority !== undefined && readPriority(options.priority) === undefined) {
    return { exitCode: ExitCode.CONFIGURATION, lines: [`Priority value ${options.priority} is invalid`] }
  }
  try {
    accessSync(stateDir, constants.W_OK)
  } catch (error) {
    const line = `Cannot write to state directory ${stateDir}. ${errorText(error)}. system.state_dir names another one.`
    return { exitCode: ExitCode.STATE_DIRECTORY, lines: [line] }
  }
  if (recordFile !== undefined) {
    try {
      new TraceFile(recordFile, () => {}).close()
    } catch (error) {
      return { exitCode: ExitCode.RECORDING, lines: [`Cannot record to ${recordFile}. ${errorText(error)}.`] }
    }
  }
  try {
    native()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { exitCode: ExitCode.FATAL, lines: [`The binding to the C library does not work here: ${reason}`] }
  }
  return undefined
}

/** A recording that cannot go on ends; the ring goes on. */
function record(path: string, nodeId: number, logger: Logger): EngineRecording {
  const onError = (error: Error): void =>
    logger.log('error', 'MAIN', `Recording to ${path} has ended. ${errorText(error)}.`)
  logger.log('notice', 'MAIN', `Recording the ring to ${path}`)
  try {
    return new EngineRecording({ path, nodeId, onError })
  } catch (error) {
    logger.log('error', 'MAIN', `Cannot record to ${path}. ${errorText(error)}.`)
    return exitWithStatus(ExitCode.RECORDING, logger)
  }
}

function banner(logger: Logger): void {
  const implementation = `implementation=corosync-ts version=${packageVersion()} node=${process.versions.node}`
  logger.log('notice', 'MAIN', `Corosync Cluster Engine ${COROSYNC_VERSION} starting up ${implementation}`)
  logger.log('info', 'MAIN', `Corosync built-in features: ${BUILT_IN_FEATURES}`)
}

function announce(configuration: Configuration, logger: Logger): void {
  banner(logger)
  for (const warning of configuration.warnings) logger.log('warning', 'MAIN', warning.message)
  const { wire, transport, nodeId } = configuration
  logger.log(
    'notice',
    'TOTEM',
    `Speaking the wire protocol of corosync ${wire}. wire=${wire} transport=${transport} nodeid=${nodeId}`,
  )
  logger.log(
    'info',
    'MAIN',
    'Locking only the buffers of the ring in memory: V8 cannot run with locked pages. MemorySwapMax=0 in the unit keeps the rest from swapping.',
  )
}

function terminalOnly(logging: LoggingConfiguration): LoggingConfiguration {
  return { ...mapRules(logging, rule => ({ ...rule, toFile: false })), toSyslog: false }
}

/** The same program again, detached from terminal and session; this process ends at once, as the engine's does. */
function goOnInBackground(args: readonly string[], directory: string, logger: Logger): never {
  const child = spawn(process.execPath, [...process.execArgv, ...args], {
    cwd: directory,
    detached: true,
    stdio: 'ignore',
  })
  if (child.pid === undefined) {
    // The reason comes as an event, later than this process wants to live.
    logger.log('error', 'MAIN', 'Cannot start a process in the background.')
    exitWithStatus(ExitCode.FORK, logger)
  }
  process.exit(ExitCode.NORMAL)
}

/** The lock in the usual place; for an ordinary user who may not write there, in the state directory. */
function takePidFile(chosen: string | undefined, stateDirectory: string, logger: Logger): PidFile {
  const path = chosen ?? DEFAULT_LOCK_FILE
  let result = PidFile.acquire(path, process.pid, lockFile)
  if (result.kind === 'denied' && chosen === undefined && process.geteuid?.() !== 0) {
    const own = join(stateDirectory, 'corosync.pid')
    logger.log('notice', 'MAIN', `Cannot create lock file ${path}: ${result.reason}. Using ${own} instead.`)
    result = PidFile.acquire(own, process.pid, lockFile)
  }
  switch (result.kind) {
    case 'held':
      return result.file
    case 'taken':
      logger.log('error', 'MAIN', 'Another Corosync instance is already running.')
      return exitWithStatus(ExitCode.ALREADY_RUNNING, logger)
    default:
      logger.log('error', 'MAIN', `Corosync Executive couldn't create lock file. path=${path} reason=${result.reason}`)
      return exitWithStatus(ExitCode.LOCK_FILE, logger)
  }
}

/** Undefined where such a socket cannot be: no binding, no descriptor left. */
function openDatagrams(path: string): UnixDatagramSender | undefined {
  try {
    return new UnixDatagramSender(path)
  } catch {
    return undefined
  }
}
