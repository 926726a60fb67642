// Writes docs/configuration.md from the table of keys (src/config/schema.ts), which has to be compiled first. With --check
// it writes nothing and fails when the document is not what the table gives.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SCHEMA } from '../dist/src/config/schema.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const document = join(root, 'docs', 'configuration.md')

/** Sections of the document: title, introduction, and the paths that belong there (the first match wins). */
const SECTIONS = [
  ['totem.interface', 'One section per link. `<link>` in the map is the link number.', /^totem\.interface\./],
  [
    'totem: knet',
    'For the knet transport, which does not run yet: the values are checked and stored.',
    /^totem\.(knet_|link_mode)/,
  ],
  ['totem: redundant rings of 1.x and 2.x', 'Two rings do not run yet.', /^totem\.rrp_/],
  [
    'totem: security',
    'Packet security does not run yet: a file that switches it on is refused at start.',
    /^totem\.(secauth|crypto_|key)/,
  ],
  ['totem', 'A number 0 stands for the default unless 0 has a meaning of its own.', /^totem\./],
  ['nodelist', 'One `node` section per node, numbered from 0 in the order of the file.', /^nodelist\./],
  [
    'quorum',
    'With corosync_votequorum the daemon counts votes; without a provider every node is quorate.',
    /^quorum\.(?!device)/,
  ],
  ['quorum.device', 'For the quorum device, a program of its own.', /^quorum\.device\./],
  [
    'logging',
    'Read in this order; the first wrong word ends the start with status 7 (8 in files without a nodelist).',
    /^logging\./,
  ],
  ['uidgid', 'Also read from every file in `uidgid.d` beside the main file.', /^uidgid\./],
  ['system', '', /^(system|qb)\./],
  ['resources, nozzle, pload, cfg', '', /^(resources|nozzle|pload|cfg)\./],
  ['Keys of 1.x only', '', /./],
]

const USE = {
  honour: 'honoured',
  map: 'mapped',
  warn: 'ignored with a warning',
  silent: 'ignored',
  error: 'an error',
  later: 'checked and stored only',
}

const RELOAD = {
  live: 'live',
  refused: 'refused',
  start: 'next start',
  links: 'new links only',
  crypto: 'reload, all crypto keys together',
  none: '–',
}

const GENERATIONS = { 1: '1.x', 2: '2.x', 3: '3.x', later: 'later 3.1', project: 'this project' }

function values(schema) {
  if (schema.words !== undefined) return schema.words.words.join(', ')
  const number = schema.type === 'str' ? 'text' : schema.type
  return schema.timer === undefined ? number : `${number}, at least ${schema.timer.min}`
}

function defaults(schema) {
  const [old, two, three] = schema.defaults.map(text => (text === '' ? 'none' : text === '-' ? '–' : text))
  return old === three && two === three ? three : `${old} / ${two} / ${three}`
}

function row(schema) {
  const cells = [
    `\`${schema.path}\``,
    values(schema),
    defaults(schema),
    schema.generations.map(each => GENERATIONS[each]).join(', '),
    RELOAD[schema.reload] + (schema.readOnly ? ', read-only' : ''),
    USE[schema.use],
    schema.doc,
  ]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function render() {
  const groups = SECTIONS.map(([title, introduction]) => ({ title, introduction, rows: [] }))
  for (const schema of SCHEMA) {
    groups[SECTIONS.findIndex(([, , paths]) => paths.test(schema.path))].rows.push(row(schema))
  }
  const head =
    '| key | values | default 1.x / 2.x / 3.x | known to | change at run time | here | meaning |\n|---|---|---|---|---|---|---|'
  const order = ['totem', 'totem.interface', 'nodelist']
  const rank = ({ title }) => (order.includes(title) ? order.indexOf(title) : order.length)
  const body = groups
    .filter(group => group.rows.length > 0)
    .sort((a, b) => rank(a) - rank(b))
    .map(({ title, introduction, rows }) =>
      [`## ${title}`, introduction, [head, ...rows].join('\n')].filter(Boolean).join('\n\n'),
    )
  return `${INTRODUCTION}\n${body.join('\n\n')}\n`
}

const INTRODUCTION = `<!-- Written by scripts/generate-config-doc.mjs from src/config/schema.ts. Change the table, not this file. -->

# corosync.conf

Every key of corosync 1.x, 2.x and 3.x, and what this program does with it. \`corosync -t -c FILE\` checks a file without
touching the network, \`-t -v\` prints what every value comes to and where it comes from. Examples for each transport are in
\`conf/\`.

- The file holds sections (\`name {\` ... \`}\`), items (\`key: value\`) and comments (lines that begin with \`#\`), one per line of
  at most 510 bytes. The last value of a repeated key wins. Keys that nobody knows are stored and have no effect.
- Numbers are decimal, without a unit. Times are in milliseconds where nothing else is said.
- The file is the one of \`-c\`, else of \`COROSYNC_MAIN_CONFIG_FILE\`, else \`/etc/corosync/corosync.conf\`. The state directory is
  \`system.state_dir\`, else \`STATE_DIRECTORY\`, else \`COROSYNC_RUN_DIR\`, else \`/var/lib/corosync\`.
- **Old files**, with \`bindnetaddr\` or \`member\` in an interface section and no nodelist, are read as corosync 1.x did: its
  defaults (the first column), node ids made of the address as a little-endian word, peers from the member list, a section
  \`network\` in place of \`totem\`. They run on the wire of 3.x, among nodes of this program, with \`secauth: off\` and one ring;
  \`totem.nodeid\` together with a member list is refused, as the ids of the other nodes cannot be known.
- Accepted by \`-t\` but **refused at start**, naming the key: \`transport: knet\` (also when transport is left out, knet being
  the default), security switched on, more than one link or ring, \`totem.wire\` other than 3.

Columns: *change at run time* is what a reload (corosync-cfgtool -R) or, where clients may write the key, a change of the map does.
*Read-only* keys cannot be written by clients of the configuration map; in parentheses stands what a default is
computed from; "–" means that the generation does not know the key.
`

const text = render()
if (process.argv.includes('--check')) {
  let current = ''
  try {
    current = readFileSync(document, 'utf8')
  } catch {
    // Missing counts as out of date.
  }
  if (current !== text) {
    console.error('docs/configuration.md is out of date: run node scripts/generate-config-doc.mjs')
    process.exit(1)
  }
} else {
  writeFileSync(document, text)
}
