// The look of the timeline, light and dark. Colour has one job each: hues are rings, greys are the ways to a ring, ink is
// what was done to the cluster, amber is what nodes conclude, red is a violated property and nothing else.

const LIGHT_RINGS = [
  '#88bcf6',
  '#f5c488',
  '#8ed09c',
  '#d8a1db',
  '#8cdee2',
  '#ded88a',
  '#ada3e9',
  '#eda478',
  '#76c3ab',
  '#f8bdd8',
  '#9ddbf8',
  '#bbdb94',
  '#bfdeff',
  '#f4d5b0',
  '#c0e7c6',
  '#f0cef1',
  '#ace7ea',
  '#e0deb0',
  '#d9d5ff',
  '#fcd0b7',
  '#b3e8d6',
  '#fbcbe0',
  '#b2e3fa',
  '#cfe3b9',
]
const DARK_RINGS = [
  '#26578b',
  '#8a5f21',
  '#296a3b',
  '#714074',
  '#1d777b',
  '#787121',
  '#4d427f',
  '#814112',
  '#005e4a',
  '#8d5972',
  '#37748e',
  '#587430',
  '#27415f',
  '#533a18',
  '#27492e',
  '#503451',
  '#07494c',
  '#444118',
  '#3f3a5d',
  '#593621',
  '#164a3c',
  '#573244',
  '#164659',
  '#364622',
]

function rings(colours: readonly string[]): string {
  return colours.map((colour, index) => `--ring-${index}: ${colour};`).join(' ')
}

const LIGHT = `
  --page: #f6f7f9; --panel: #ffffff; --line: #d9dde3; --lane: #eceff3; --ink: #1d2430; --soft: #5b6675;
  --block: #dfe3e9; --block-line: #97a1af; --block-dense: #7d8898; --on-ring: #10151d; --wash: rgba(29, 36, 48, 0.07);
  --accent: #0b5cad; --select: #dcebfb; --warn: #a35200; --bad: #c8102e; --bad-wash: #fde8eb; --good: #1b6e3c; --good-wash: #e2f4e8;
  ${rings(LIGHT_RINGS)}`
const DARK = `
  --page: #12161c; --panel: #1a2028; --line: #343c48; --lane: #202731; --ink: #e6eaf0; --soft: #a3adbb;
  --block: #39424f; --block-line: #76818f; --block-dense: #97a2b1; --on-ring: #ffffff; --wash: rgba(230, 234, 240, 0.09);
  --accent: #7ab8ff; --select: #24405f; --warn: #f0a94e; --bad: #ff6b7d; --bad-wash: #46191f; --good: #7fd6a0; --good-wash: #173524;
  ${rings(DARK_RINGS)}`

export const STYLE = `
:root {${LIGHT}
}
@media (prefers-color-scheme: dark) {
  :root {${DARK}
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink); display: flex; flex-direction: column;
  font: 13px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif;
}
h1, h2 { margin: 0; font-size: 13px; font-weight: 600; }
button, input { font: inherit; color: inherit; }

header { padding: 12px 16px 8px; display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; }
header h1 { font-size: 19px; letter-spacing: -0.01em; }
.verdict { padding: 1px 9px; border-radius: 10px; font-weight: 600; }
.verdict.passed { background: var(--good-wash); color: var(--good); }
.verdict.failed { background: var(--bad-wash); color: var(--bad); }
header .fact { color: var(--soft); }
header details { flex-basis: 100%; color: var(--soft); }
header summary { cursor: pointer; width: max-content; }
header details ul { margin: 4px 0 0; padding-left: 18px; }
.alarm {
  margin: 0 16px 8px; padding: 6px 12px; border-left: 4px solid var(--bad); background: var(--bad-wash); color: var(--ink);
  overflow-wrap: anywhere; max-height: 90px; overflow-y: auto; flex: none;
}
.alarm button { border: 0; background: none; padding: 0; color: var(--bad); font-weight: 600; text-decoration: underline; cursor: pointer; }

main { flex: 1; min-height: 0; display: grid; grid-template-columns: minmax(0, 1fr) 372px; gap: 12px; padding: 0 16px 12px; }
.left { min-width: 0; min-height: 0; display: flex; flex-direction: column; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 8px 10px; border-bottom: 1px solid var(--line); }
.tools button {
  border: 1px solid var(--line); background: var(--panel); border-radius: 6px; padding: 2px 10px; cursor: pointer; min-width: 32px;
}
.tools button:hover { border-color: var(--accent); }
.tools .span { margin-left: auto; color: var(--soft); font-variant-numeric: tabular-nums; }
.overview { display: block; width: 100%; border-bottom: 1px solid var(--line); cursor: pointer; touch-action: none; }
.scroll { flex: 1; min-height: 0; overflow-x: hidden; overflow-y: auto; }
.chart { display: block; width: 100%; cursor: grab; touch-action: pan-y; user-select: none; -webkit-user-select: none; }
.chart.dragging { cursor: grabbing; }
svg text { font-size: 11px; fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg [data-item] { cursor: pointer; outline: none; }
.tick { stroke: var(--line); }
.laneback { fill: var(--lane); }
.lanename { font-size: 12px; font-weight: 600; }
.block { stroke: none; }
.down-line { stroke: var(--block-line); stroke-dasharray: 2 4; }
.blocktext { fill: var(--on-ring); pointer-events: none; font-variant-numeric: tabular-nums; }
.statetext { fill: var(--ink); pointer-events: none; font-size: 10px; paint-order: stroke; stroke: var(--block); stroke-width: 5px; stroke-linejoin: round; }
.downtext { fill: var(--soft); pointer-events: none; font-style: italic; }
.marktext { pointer-events: none; font-size: 10.5px; paint-order: stroke; stroke: var(--panel); stroke-width: 3px; stroke-linejoin: round; }
.ink { fill: var(--ink); }
.inkline { stroke: var(--ink); fill: none; }
.chart .inkline { pointer-events: none; }
.arrowback { stroke: var(--panel); stroke-width: 4; fill: none; opacity: 0.7; pointer-events: none; }
.warn { fill: var(--warn); }
.warnline { stroke: var(--warn); fill: none; }
.bad { fill: var(--bad); }
.badline { stroke: var(--bad); }
.faultbar { fill: var(--ink); }
.faulttext { pointer-events: none; font-size: 11px; paint-order: stroke; stroke: var(--panel); stroke-width: 3px; stroke-linejoin: round; }
.faulttext.inside { fill: var(--panel); stroke: none; }
.wash { fill: var(--wash); pointer-events: none; }
.washedge { stroke: var(--ink); stroke-dasharray: 3 3; opacity: 0.55; pointer-events: none; }
.side { fill: var(--ink); pointer-events: none; }
.sidetext { fill: var(--panel); font-size: 9.5px; font-weight: 700; pointer-events: none; }
.packets { pointer-events: none; }
.numbered { fill: var(--ink); pointer-events: none; }
.hit { fill: transparent; }
.cursor { stroke: var(--accent); pointer-events: none; }
.selected > .frame { stroke: var(--accent); stroke-width: 2.5; fill: none; }
.frame { stroke: none; fill: none; pointer-events: none; }
[data-item]:focus-visible > .frame { stroke: var(--accent); stroke-width: 2.5; }
.milestone { fill: none; stroke: var(--soft); stroke-dasharray: 6 3; pointer-events: none; }

.tip {
  position: fixed; z-index: 5; max-width: 380px; padding: 5px 9px; border-radius: 6px; pointer-events: none;
  background: var(--ink); color: var(--page); font-size: 12px; box-shadow: 0 2px 10px rgba(0, 0, 0, 0.25); overflow-wrap: anywhere;
}
.tip b { display: block; }

aside { min-height: 0; display: flex; flex-direction: column; gap: 12px; }
.details { padding: 10px 12px; min-height: 118px; max-height: 42%; overflow-y: auto; overflow-wrap: anywhere; }
.details h2 { font-size: 14px; display: flex; align-items: center; gap: 7px; }
.details dl { margin: 6px 0 0; display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 10px; }
.details dt { color: var(--soft); }
.details dd { margin: 0; font-variant-numeric: tabular-nums; }
.details ul { margin: 6px 0 0; padding-left: 16px; }
.details li { font-variant-numeric: tabular-nums; }
.details p { margin: 6px 0 0; }
.swatch { flex: none; width: 13px; height: 13px; border-radius: 3px; border: 1px solid var(--block-line); }
.story { flex: 1; min-height: 0; display: flex; flex-direction: column; }
.story .bar { display: flex; align-items: center; gap: 8px; padding: 8px 12px; border-bottom: 1px solid var(--line); }
.story input { flex: 1; min-width: 0; border: 1px solid var(--line); border-radius: 6px; background: var(--page); padding: 2px 8px; }
.lines { flex: 1; min-height: 0; overflow-y: auto; outline: none; padding: 4px 0; font-size: 12px; line-height: 1.4; position: relative; }
.lines:focus-visible { box-shadow: inset 0 0 0 2px var(--accent); }
.chunk { content-visibility: auto; contain-intrinsic-size: auto 2000px; }
.line { display: grid; grid-template-columns: 58px var(--who, 52px) minmax(0, 1fr); gap: 0 8px; padding: 1px 12px; cursor: pointer; overflow-wrap: anywhere; border-left: 3px solid transparent; }
.line time, .line .who { color: var(--soft); font-variant-numeric: tabular-nums; }
.line.within { background: var(--select); }
.line.current { border-left-color: var(--accent); }
.line.fault .what { font-weight: 600; }
.line.configuration .what { font-weight: 600; }
.line.declaration .what, .line.token .what { color: var(--warn); }
.line.violation .what { color: var(--bad); font-weight: 700; }
.line.packets .what, .line.program .what, .line.log .what { color: var(--soft); }
.line .long { grid-column: 2 / 4; }

footer { padding: 0 16px 12px; color: var(--soft); font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0; padding: 0; list-style: none; }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend svg { flex: none; }
footer p { margin: 6px 0 0; }
kbd { font: inherit; font-size: 11px; padding: 0 5px; border: 1px solid var(--line); border-radius: 4px; background: var(--panel); color: var(--ink); }
.limits { color: var(--warn); }

@media (max-width: 900px) {
  html, body { height: auto; }
  main { grid-template-columns: minmax(0, 1fr); }
  .lines { max-height: 50vh; }
}
`
