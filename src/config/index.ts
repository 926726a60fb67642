// What the rest of the program uses of config/.

export { asSystemError, errorNumber, errorText } from './errors.js'
export { isReadOnly } from './keys.js'
export { type LoadOptions, loadConfiguration, mainFilePath } from './load.js'
export { type HostInfo, type HostInterface, matchInterface, namesToResolve } from './localnode.js'
export { ConfigMap, isKeyName, type MapType, type MapValue, type SetResult, sameValue } from './map.js'
export { readPriority } from './refusals.js'
export { effectiveTable, failureLines, problemLines, type ReportLine, successLines } from './report.js'
export { type KeySchema, SCHEMA } from './schema.js'
export {
  type AddressFamily,
  type ConfigProblem,
  type Configuration,
  type ConfigWarning,
  type CryptoConfiguration,
  ExitCode,
  type IpVersion,
  type LinkConfiguration,
  type LoadResult,
  type LoggingConfiguration,
  type Member,
  type Place,
  type Refusal,
  type SchedulingConfiguration,
  type ServiceDeclaration,
  type SubsystemLogging,
  type Transport,
  type WireName,
} from './types.js'
