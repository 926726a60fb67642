// The timeline of a partition and a merge, opened in a headless Chromium: what can be seen, and what the keys do.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { timelineHead, writeTimeline } from '../../src/cli/timeline.js'
import type { ScheduledFault } from '../../src/sim/faults.js'
import { runScenario } from '../../src/sim/run.js'
import { generateScenario } from '../../src/sim/scenario.js'
import { TimelineCollector } from '../../src/sim/timeline/collect.js'
import { Chromium, chromiumMissing } from '../support/chromium.js'

const skip = chromiumMissing ? 'chromium is not installed' : false
const HOSTILE = '</script><img src=x onerror="window.broken=1"><b>bold</b>'
const DEADLINE_MS = 120_000

interface Seen {
  readonly kind: string
  readonly ring: string | null
  readonly colour: string | null
  readonly fill: string
  readonly label: string
}

/** Expression: the phases of a lane from left to right, as drawn. */
function phasesOf(lane: number): string {
  return `[...document.querySelectorAll('[data-lane="${lane}"] [data-kind]')]
    .filter(element => element.querySelector('.block'))
    .sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left)
    .map(element => ({
      kind: element.dataset.kind,
      ring: element.dataset.ring ?? null,
      colour: element.dataset.colour ?? null,
      fill: getComputedStyle(element.querySelector('.block')).fill,
      label: element.getAttribute('aria-label'),
    }))`
}

/** Expression: the texts of marks of one kind in a lane. */
function labelsOf(lane: number | 'cluster', kind: string): string {
  return `[...document.querySelectorAll('[data-lane="${lane}"] [data-kind="${kind}"] text')].map(each => each.textContent)`
}

const SELECTED = `document.querySelector('.selected')?.getAttribute('aria-label') ?? null`
const FOCUSED = `document.activeElement?.getAttribute('aria-label') ?? null`
const DETAILS = `document.querySelector('.details').innerText`
const CURRENT = `document.querySelector('.line.current .what')?.textContent ?? null`
const SHOWN = `parseFloat(document.querySelector('.tools .span').textContent) * (/ ms/.test(document.querySelector('.tools .span').textContent) ? 1 : 1000)`

/** Expression: texts of the drawing that cover each other. */
const OVERLAPS = `(() => {
  const texts = [...document.querySelectorAll('.chart text')].filter(each => each.textContent !== '')
  const boxes = texts.map(each => [each.textContent, each.getBoundingClientRect()])
  return boxes.flatMap(([text, a], i) => boxes.slice(i + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
    .map(([other]) => text + ' / ' + other))
})()`

describe('the timeline of a partition and a merge', { skip, timeout: DEADLINE_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'corosync-timeline-'))
  let page: Chromium

  before(async () => {
    const scenario = {
      ...generateScenario(7, { nodes: 3, faults: [], engine: 'node', firstSeq: 0, mixedByteOrder: false }),
      nodeIds: [1, 2, 3],
      startMs: [0, 1, 2],
      faults: [{ atMs: 1500, fault: { kind: 'partition', sides: [[0, 1], [2]], forMs: 2500 } }] as const,
      faultEndMs: 5500,
    }
    const collector = new TimelineCollector(scenario.nodeIds)
    const result = runScenario(scenario, { observe: collector.observe })
    assert.deepEqual(result.violations, [])
    collector.observe({ kind: 'text', nodeId: 0, time: result.virtualMs, text: HOSTILE })
    const file = join(folder, 'run.html')
    writeTimeline(file, collector.finish({ ...timelineHead(result, [HOSTILE, HOSTILE]), title: HOSTILE }))
    page = await Chromium.start()
    await page.open(file)
  })

  after(async () => {
    await page?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('has a lane per node, and one for the cluster', async () => {
    const lanes = await page.evaluate<string[]>(
      `[...document.querySelectorAll('[data-lane]')].map(each => each.dataset.lane)`,
    )
    assert.deepEqual(lanes, ['cluster', '1', '2', '3'])
    const names = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.lanename')].map(each => each.textContent)`,
    )
    assert.deepEqual(names, ['node 1', 'node 2', 'node 3'])
  })

  it('gives the sides different colours, and the merged ring one', async () => {
    const lanes: Seen[][] = []
    for (const lane of [1, 2, 3]) {
      const phases = await page.evaluate<Seen[]>(phasesOf(lane))
      lanes.push(phases.filter(({ kind, label }) => kind === 'operational' && /for \d+\.\d+ (s|ms)/.test(label)))
    }
    const [one, two, three] = lanes.map(lane => lane.slice(-3)) as [Seen[], Seen[], Seen[]]
    for (const [i, alike] of [true, false, true].entries()) {
      assert.equal(one[i]!.ring, two[i]!.ring)
      assert.equal(one[i]!.fill, two[i]!.fill)
      assert.equal(one[i]!.ring === three[i]!.ring, alike, `configuration ${i}`)
      assert.equal(one[i]!.colour === three[i]!.colour, alike, `configuration ${i}`)
      assert.equal(one[i]!.fill === three[i]!.fill, alike, `configuration ${i}`)
    }
    for (const lane of lanes) assert.equal(new Set(lane.slice(-3).map(({ fill }) => fill)).size, 3)
    assert.match(one[1]!.label, /Operational in 1\.[0-9a-f]+/)
  })

  it('shows the fault with its sides, and what the nodes concluded', async () => {
    const faults = await page.evaluate<string[]>(
      `[...document.querySelectorAll('[data-lane="cluster"] [data-item^="f"]')].map(each => each.querySelector('text').textContent)`,
    )
    assert.deepEqual(faults, ['partition {1 2} | {3}'])
    const sides = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.sidetext')].map(each => each.textContent)`,
    )
    assert.deepEqual(sides, ['A', 'A', 'B'])
    assert.deepEqual(await page.evaluate(labelsOf(1, 'declared')), ['3 failed'])
    assert.deepEqual(await page.evaluate(labelsOf(2, 'declared')), ['3 failed'])
    assert.deepEqual(await page.evaluate(labelsOf(3, 'declared')), ['1 2 failed'])
    assert.deepEqual(await page.evaluate(labelsOf('cluster', 'milestone')), ['faults end', 'settled'])
    // Where one node misses the token and says so, the other of its side may follow without having missed it yet.
    const losses = await page.evaluate<string[]>(
      `[...document.querySelectorAll('[data-kind="tokenLost"]')].map(each => each.closest('[data-lane]').dataset.lane)`,
    )
    assert.ok(losses.includes('3') && losses.length >= 2, losses.join(' '))
    for (const lane of [1, 2, 3]) {
      const kinds = (await page.evaluate<Seen[]>(phasesOf(lane))).map(({ kind }) => kind)
      assert.ok(kinds.includes('gather'), kinds.join(' '))
      // One shape per ring, of very many bars.
      const bars = await page.evaluate<number[]>(
        `[...document.querySelectorAll('[data-lane="${lane}"] .packets')].map(each => each.getAttribute('d').split('M').length - 1)`,
      )
      assert.ok(bars.length >= 3 && Math.max(...bars) > 50, bars.join(' '))
    }
  })

  it('lets no two names cover each other, at any zoom', async () => {
    for (let zoom = 0; zoom < 4; zoom++) {
      assert.deepEqual(await page.evaluate(OVERLAPS), [], `zoom ${zoom}`)
      await page.evaluate(`document.querySelector('[aria-label="Zoom in"]').click()`)
      await page.frame()
    }
    await page.evaluate(`document.querySelector('[aria-label="Show the whole run"]').click()`)
    await page.frame()
  })

  it('is selected by keys: faults, then the lanes below, forth and back', async () => {
    await page.evaluate(`document.querySelector('.scroll').focus()`)
    await page.press('ArrowRight')
    assert.match(await page.evaluate(SELECTED), /^cluster, Partition \{1 2\} \| \{3\}/)
    assert.equal(await page.evaluate(FOCUSED), await page.evaluate(SELECTED))
    assert.match(await page.evaluate(DETAILS), /A: 1 2\s+B: 3/)
    assert.match(await page.evaluate(CURRENT), /^partition \{1 2\} \| \{3\}/)
    await page.press('ArrowDown')
    const before = await page.evaluate<string>(SELECTED)
    assert.match(before, /^node 1, Operational in 1\./)
    await page.press('ArrowRight')
    await page.press('ArrowRight')
    assert.match(await page.evaluate(SELECTED), /^node 1, GATHER/)
    const details = await page.evaluate<string>(DETAILS)
    assert.match(details, /installed\s+1\.[0-9a-f]+ \{1 2 3\}/)
    assert.match(details, /declares 3 failed: no agreement with them within the consensus timeout/)
    await page.press('ArrowLeft')
    assert.match(await page.evaluate(SELECTED), /^node 1, Token lost/)
    await page.press('ArrowLeft')
    assert.equal(await page.evaluate(SELECTED), before)
    await page.press('ArrowDown')
    assert.match(await page.evaluate(SELECTED), /^node 2, Operational/)
    await page.press('End')
    assert.match(await page.evaluate(SELECTED), /^node 2, Operational in 1\./)
    assert.match(await page.evaluate(DETAILS), /members\s+1 2 3/)
    assert.equal(await page.evaluate(FOCUSED), await page.evaluate(SELECTED))
  })

  it('zooms and pans by keys and wheel, and shows the whole run again', async () => {
    const whole = await page.evaluate<number>(SHOWN)
    await page.press('+')
    const nearer = await page.evaluate<number>(SHOWN)
    assert.ok(nearer < whole * 0.7, `${whole} ${nearer}`)
    await page.press('-')
    assert.ok(Math.abs((await page.evaluate<number>(SHOWN)) - whole) < 20)
    await page.wheel(500, 400, -120)
    assert.ok((await page.evaluate<number>(SHOWN)) < whole)
    await page.press('p')
    assert.match(await page.evaluate(SELECTED), /^cluster, Partition/)
    await page.press('Enter')
    // The fault lasts 2.5 s and has some room on both sides.
    assert.equal(await page.evaluate<number>(SHOWN), 4500)
    await page.press('0')
    assert.equal(await page.evaluate<number>(SHOWN), whole)
    await page.press('Escape')
    assert.equal(await page.evaluate(SELECTED), null)
    assert.match(await page.evaluate(DETAILS), /Select anything/)
  })

  it('is selected by the pointer and by the story', async () => {
    const middle = (selector: string) =>
      page.evaluate<{ x: number; y: number }>(`(() => {
        const box = document.querySelector('${selector}').getBoundingClientRect()
        return { x: box.left + box.width / 2, y: box.top + box.height / 2 }
      })()`)
    const fault = await middle('[data-lane="cluster"] [data-item^="f"] rect')
    await page.hover(fault.x, fault.y)
    assert.match(await page.evaluate(`document.querySelector('.tip').innerText`), /Partition \{1 2\} \| \{3\}/)
    await page.click(fault.x, fault.y)
    assert.match(await page.evaluate(SELECTED), /^cluster, Partition/)
    await page.evaluate(
      `[...document.querySelectorAll('.line')].find(each => /declares 1 2 failed/.test(each.textContent)).click()`,
    )
    await page.frame()
    assert.match(await page.evaluate(SELECTED), /^node 3, Declared failed: Declares 1 2 failed: no agreement/)
  })

  it('takes no text for markup, and complains of nothing', async () => {
    assert.equal(await page.evaluate(`document.querySelectorAll('img, .line b, header b').length`), 0)
    assert.equal(await page.evaluate(`window.broken === undefined`), true)
    assert.equal(await page.evaluate(`document.title`), HOSTILE)
    assert.equal(
      await page.evaluate(`document.querySelector('.lines .line:last-child .what').textContent !== ''`),
      true,
    )
    assert.equal(await page.evaluate(`[...document.querySelectorAll('.what')].at(-1).textContent`), HOSTILE)
    assert.deepEqual(page.complaints, [])
  })
})

describe('the timeline of a storm', { skip, timeout: DEADLINE_MS }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'corosync-timeline-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('stays readable and small: what is too close together is drawn as one', async () => {
    // Short faults, close upon each other, on many nodes.
    const faults = Array.from({ length: 60 }, (_, i) => ({
      atMs: 1500 + i * 100,
      fault: { kind: 'partition', sides: [[i % 12], [(i + 1) % 12, (i + 5) % 12]], forMs: 350 },
    })) as ScheduledFault[]
    const scenario = {
      ...generateScenario(7, { nodes: 12, faults: [], engine: 'ring', mixedByteOrder: false }),
      faults,
      faultEndMs: 8000,
    }
    const collector = new TimelineCollector(scenario.nodeIds)
    const result = runScenario(scenario, { observe: collector.observe })
    assert.ok(result.installations > 60, `${result.installations} installations`)
    const file = join(folder, 'run.html')
    assert.ok(writeTimeline(file, collector.finish(timelineHead(result, []))) < 5_000_000)
    const page = await Chromium.start()
    try {
      await page.open(file)
      assert.equal(await page.evaluate(`document.querySelectorAll('[data-lane]').length`), 13)
      assert.ok(
        (await page.evaluate<number>(`document.querySelectorAll('[data-count], [data-kind="several"]').length`)) > 10,
      )
      assert.ok((await page.evaluate<number>(`document.querySelectorAll('.chart *').length`)) < 12_000)
      assert.deepEqual(await page.evaluate(OVERLAPS), [])
      assert.deepEqual(page.complaints, [])
    } finally {
      await page.close()
    }
  })
})
