// Writes the timeline of a run as a file for the browser: what the laboratory's core cannot do itself, because the page's
// script and the result are files.

import { readFileSync, writeFileSync } from 'node:fs'
import type { RunResult } from '../sim/simulation.js'
import { timelineHtml } from '../sim/timeline/html.js'
import type { TimelineData, TimelineHead } from '../sim/timeline/page/data.js'
import { formatFailure } from '../sim/trace.js'

/** The page's modules, each after those it needs. */
const PAGE_MODULES = ['elements', 'scale', 'model', 'symbols', 'chart', 'overview', 'panel', 'main']

export function timelineHead(result: RunResult, plan: readonly string[]): TimelineHead {
  return {
    title: `Seed ${result.seed}`,
    verdict: formatFailure(result),
    passed: result.violations.length === 0,
    facts: [
      ...plan,
      `${(result.virtualMs / 1000).toFixed(3)} s, ${result.packetsDelivered} packets delivered, ` +
        `${result.installations} installations; trace ${result.hash}`,
    ],
  }
}

/** Returns the file's length. */
export function writeTimeline(file: string, data: TimelineData): number {
  const html = timelineHtml(data, pageScript())
  writeFileSync(file, html)
  return Buffer.byteLength(html)
}

/** The page's modules as one script: a file opened from a disk cannot import others. */
function pageScript(): string {
  const modules = PAGE_MODULES.map(name => {
    const source = readFileSync(new URL(`../sim/timeline/page/${name}.js`, import.meta.url), 'utf8')
    return source.replace(/^import [^;]*? from '[^']*';?$/gm, '').replace(/^export (?=\w)/gm, '')
  })
  return `(() => {\n'use strict'\n${modules.join('\n')}\n})()\n`
}
