// Puts a timeline into one HTML file: data, style and script inside, nothing from outside (the page's own policy forbids
// it). In: data, the page's script. Out: text. Nothing in the data can become markup: it travels as JSON without '<', and
// the page writes it as text only.

import type { TimelineData } from './page/data.js'
import { STYLE } from './style.js'

export function timelineHtml(data: TimelineData, script: string): string {
  if (/<\/script|<!--/i.test(script)) throw new Error('the script of the page would end its own element')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(data.title)}</title>
<style>
${STYLE}</style>
</head>
<body>
<noscript>This timeline is drawn by a script; ${escapeHtml(data.title)}: ${escapeHtml(data.verdict)}</noscript>
<script type="application/json" id="data">${jsonForHtml(data)}</script>
<script>
${script}</script>
</body>
</html>
`
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** JSON that can stand in a script element: without '<' nothing can end the element or begin a comment. */
export function jsonForHtml(value: unknown): string {
  return JSON.stringify(value, shortenTimes).replaceAll('<', '\\u003c')
}

/** Nanoseconds are enough, and make the file a third shorter. */
function shortenTimes(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Math.round(value * 1e6) / 1e6 : value
}
