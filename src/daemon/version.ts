// Which corosync this is: the release whose behaviour and wire it has, and the package's own version.

import { readFileSync } from 'node:fs'

/** Tools read the version to know what they may ask for. */
export const COROSYNC_VERSION = '3.1.7'

/** From package.json, which stands three folders above this file, built or installed. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}

export const BUILT_IN_FEATURES = 'systemd'

/** What `-v` prints. */
export function versionText(): string {
  return `Corosync Cluster Engine, version '${COROSYNC_VERSION}'
Implementation: corosync-ts ${packageVersion()} on Node.js ${process.version}

Built-in features: ${BUILT_IN_FEATURES}
Available crypto models: none
Available compression models: none`
}
