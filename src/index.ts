// The public entry point of the package. One explicit list.

export { DEFAULT_TOTEM_PARAMETERS, type TotemParameters } from './totem/parameters.js'
