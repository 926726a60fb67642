// The judge of recordings: sorts lives into engines and groups of members, has each kind judged, and writes the report.
// In: lives as the reader gives them. Out: verdicts, and their text.

import type { EngineLife, Life, MemberLife } from '../../recorder/reader.js'
import { judgeEngines } from './engine.js'
import { judgeMembers } from './member.js'
import type { TraceViolation, Verdict } from './verdict.js'

/** Violations that are written out; a ring that is broken once has thousands. */
const SHOWN_MAX = 20

/** Throws TraceError when recordings do not fit together. */
export function judge(lives: readonly Life[]): Verdict[] {
  const engines = lives.filter((life): life is EngineLife => life.header.recorder === 'engine')
  const members = lives.filter((life): life is MemberLife => life.header.recorder === 'member')
  const groups = new Set(members.map(({ header }) => header.group))
  return [
    ...(engines.length > 0 ? [judgeEngines(engines)] : []),
    ...[...groups].map(group =>
      judgeMembers(
        group,
        members.filter(({ header }) => header.group === group),
      ),
    ),
  ]
}

export function violationsOf(verdicts: readonly Verdict[]): readonly TraceViolation[] {
  return verdicts.flatMap(({ violations }) => violations)
}

/** The report, line by line; the last one is the summary. */
export function report(verdicts: readonly Verdict[]): string[] {
  const lines: string[] = []
  for (const verdict of verdicts) {
    lines.push(verdict.subject, ...verdict.remarks.map(remark => `  note: ${remark}`))
    for (const { property, title, judged, unit, notJudged } of verdict.properties) {
      const found = verdict.violations.filter(violation => violation.property === property).length
      const outcome = found > 0 ? `${found} violation${found > 1 ? 's' : ''}` : judged > 0 ? 'kept' : 'not judged'
      const looked = judged > 0 ? [`${judged} ${unit}`] : notJudged.length > 0 ? [] : [`no ${unit}`]
      const rest =
        notJudged.length > 0 && outcome !== 'not judged' ? [`not judged: ${notJudged.join(', ')}`] : notJudged
      lines.push(`  ${property}  ${title.padEnd(23)} ${outcome.padEnd(13)} ${[...looked, ...rest].join('; ')}`)
    }
    const { violations } = verdict
    for (const { property, where, t, text } of violations.slice(0, SHOWN_MAX)) {
      lines.push(`  violation of ${property} at ${where}, ${(t / 1000).toFixed(6)} s: ${text}`)
    }
    if (violations.length > SHOWN_MAX) lines.push(`  ... and ${violations.length - SHOWN_MAX} more violations`)
  }
  const violations = violationsOf(verdicts)
  const properties = [...new Set(violations.map(({ property }) => property))].sort()
  const untouched = verdicts.flatMap(({ properties }) => properties.filter(({ judged }) => judged === 0)).length
  lines.push(
    violations.length === 0
      ? `no violations${untouched > 0 ? `; ${untouched} properties could not be judged` : ''}`
      : `${violations.length} violations of ${properties.join(', ')}`,
  )
  return lines
}
