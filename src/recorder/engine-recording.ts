// The writing half of an engine's recording, on a thread that may wait for a file: makes the memory that the executive
// fills, empties it at short intervals, and writes the lines. One object is one life.

import { createRecordingMemory, RecordedEvents } from './engine-recorder.js'
import { type EndKind, encodeEvent, encodeHeader } from './format.js'
import { TraceFile } from './trace-file.js'

/** What a killed process loses of its recording. */
const WRITE_INTERVAL_MS = 50

export interface EngineRecordingOptions {
  readonly path: string
  readonly nodeId: number
  /** The file cannot be written any more; the recording is over. Called once at most. */
  readonly onError: (error: Error) => void
  /** Data bytes of the memory between the threads; a power of two. */
  readonly bufferBytes?: number
}

export class EngineRecording {
  /** For the executive's EngineRecorder. */
  readonly memory: SharedArrayBuffer
  readonly #file: TraceFile
  readonly #events: RecordedEvents
  readonly #started = performance.timeOrigin + performance.now()
  readonly #timer: NodeJS.Timeout

  /** Throws when the file cannot be opened. */
  constructor({ path, nodeId, onError, bufferBytes }: EngineRecordingOptions) {
    this.#file = new TraceFile(path, onError)
    this.memory = createRecordingMemory(bufferBytes)
    this.#events = new RecordedEvents(this.memory, this.#started)
    this.#file.line(encodeHeader({ recorder: 'engine', node: nodeId, pid: process.pid, started: this.#started }))
    this.#file.flush()
    this.#timer = setInterval(() => this.write(), WRITE_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Writes what has been recorded so far. */
  write(): void {
    for (let event = this.#events.next(); event !== undefined; event = this.#events.next()) {
      this.#file.line(encodeEvent(event))
    }
    this.#file.flush()
  }

  /** The executive has ended. Only the first call counts. */
  end(how: EndKind, reason?: string): void {
    clearInterval(this.#timer)
    if (!this.#file.open) return
    this.write()
    const t = performance.timeOrigin + performance.now() - this.#started
    this.#file.line(encodeEvent({ t, event: 'end', how, ...(reason === undefined ? {} : { reason }) }))
    this.#file.close()
  }
}
