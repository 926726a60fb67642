// The names under which the services appear in the log, and the orders in which they start and end
// (spec: configuration 14.1 and 14.7). Data only.

interface Engine {
  readonly id: number
  readonly name: string
}

/** In start order: quorum brings votequorum up before itself. */
const ENGINES: readonly Engine[] = [
  { id: 0, name: 'corosync configuration map access' },
  { id: 1, name: 'corosync configuration service' },
  { id: 2, name: 'corosync cluster closed process group service v1.01' },
  { id: 4, name: 'corosync profile loading service' },
  { id: 6, name: 'corosync resource monitoring service' },
  { id: 7, name: 'corosync watchdog service' },
  { id: 5, name: 'corosync vote quorum service v1.0' },
  { id: 3, name: 'corosync cluster quorum service v0.1' },
]

const UNLOAD_ORDER: readonly number[] = [5, 0, 1, 2, 3, 4, 6, 7]

/** The lines that announce these services, in start order. */
export function loadedLines(serviceIds: readonly number[]): string[] {
  return ENGINES.filter(engine => serviceIds.includes(engine.id)).map(
    engine => `Service engine loaded: ${engine.name} [${engine.id}]`,
  )
}

/** The lines that follow their end, in the order of the engine. */
export function unloadedLines(serviceIds: readonly number[]): string[] {
  return UNLOAD_ORDER.filter(id => serviceIds.includes(id))
    .map(id => ENGINES.find(engine => engine.id === id))
    .filter(engine => engine !== undefined)
    .map(engine => `Service engine unloaded: ${engine.name}`)
}
