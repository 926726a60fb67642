// What the command line tools print, as recorded (test/data/tools): reads the record, says what of it would have been printed on
// one udpu link instead of knet links, and takes out of both sides what differs from run to run.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Block {
  readonly kind: 'block'
  readonly node: number
  readonly command: string
  readonly stdin: string | undefined
  /** As recorded: a status, or how the recorder ended the program. */
  readonly exit: string
  readonly stdout: string
  readonly stderr: string
}

export interface Remark {
  readonly kind: 'remark'
  readonly text: string
}

/** What a daemon logged since the last time that its log was looked at. */
export interface LogExcerpt {
  readonly kind: 'log'
  readonly node: number
  readonly text: string
}

export type ToolItem = Block | Remark | LogExcerpt

/** The recorded network, and that of the test beds. */
const RECORDED_LINK = /10\.70\.0\.(\d)/g
const OTHER_LINK_MTU = 'mtu: 1446'
const UDP_MTU = 'mtu: 1410'

export function loadToolTranscript(name: string): ToolItem[] {
  const path = fileURLToPath(new URL(`../../../test/data/tools/${name}.txt`, import.meta.url))
  const lines = readFileSync(path, 'utf8').split('\n')
  const items: ToolItem[] = []
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const command = /^### \[node(\d)\] \$ (.*)$/.exec(line)
    const log = /^## log of node(\d) since then:$/.exec(line)
    if (command !== null) {
      const end = lines.indexOf('### end', i)
      items.push(block(Number(command[1]), command[2]!, lines.slice(i + 1, end)))
      i = end
    } else if (log !== null) {
      const end = lines.indexOf('### end of log', i)
      items.push({ kind: 'log', node: Number(log[1]), text: lines.slice(i + 1, end).join('\n') })
      i = end
    } else if (line.startsWith('## ')) {
      items.push({ kind: 'remark', text: line.slice(3) })
    }
  }
  return items
}

function block(node: number, command: string, lines: readonly string[]): Block {
  const field = (name: string) => lines.find(line => line.startsWith(`### ${name}: `))?.slice(`### ${name}: `.length)
  const part = (name: string) => {
    const start = lines.indexOf(`### ${name}:`)
    if (start < 0) return ''
    const rest = lines.slice(start + 1)
    const end = rest.findIndex(line => /^### (stdout|stderr)/.test(line))
    return rest
      .slice(0, end < 0 ? rest.length : end)
      .map(line => `${line}\n`)
      .join('')
  }
  const exit = field('exit')
  if (exit === undefined) throw new Error(`no status of ${command}`)
  return {
    kind: 'block',
    node,
    // A remark about the circumstances may follow.
    command: command.replace(/ {3}\(.*\)$/, ''),
    stdin: field('stdin'),
    exit,
    stdout: part('stdout'),
    stderr: part('stderr'),
  }
}

/** Words of a command line as it was written in the record. */
export function commandWords(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(match => match[1] ?? match[2]!)
}

/** The block as the same cluster prints it on one udpu (or udp) link. */
export function onUdp(recorded: Block, transport: 'udpu' | 'udp'): Block {
  const words = commandWords(recorded.command)
  let stdout = recorded.stdout
  if (words[0] === 'corosync-cfgtool') {
    if (stdout.includes('transport knet') && !words.includes('-n')) stdout = linkStatus(stdout)
    stdout = stdout
      .replace('transport knet', `transport ${transport}`)
      .replaceAll(/ {3}LINK: 1 .*\n/g, '')
      .replaceAll(/LINK: 0 udp \(\S+->(\S+)\)/g, 'LINK: 0  ($1)')
      .replaceAll(OTHER_LINK_MTU, UDP_MTU)
  }
  // Only the second link is left out; the first keeps what is around it.
  stdout = stdout
    .replaceAll(/ r\(1\) ip\(10\.71\.0\.\d\)/g, '')
    .replaceAll(/,? 10\.71\.0\.\d/g, '')
    .replaceAll(/, node\db/g, '')
    .replaceAll(/^nodelist\.node\.\d\.ring1_addr .*\n/gm, '')
  return { ...recorded, stdout }
}

/** Links of this transport have no type, and the address of a link is that of another node: the last one that is listed. */
function linkStatus(stdout: string): string {
  const local = /^Local node ID (\d)/.exec(stdout)?.[1]
  const section = /LINK ID 0 udp\n.*\n((?:\tstatus\t= .*\n)|(?:\tstatus:\n(?:\t\t.*\n)+))/.exec(stdout)
  if (local === undefined || section === null) return stdout
  const status = section[1]!
  const listed = [...status.matchAll(/nodeid: +(\d)/g)].map(match => match[1]!)
  const brief = /= (\S+)/.exec(status)?.[1] ?? ''
  const nodes = listed.length > 0 ? listed : [...brief].map((_, i) => String(i + 1))
  const other = nodes.findLast(node => node !== local) ?? local
  return `Local node ID ${local}, transport knet\nLINK ID 0 \n\taddr\t= 10.70.0.${other}\n${status}`
}

/**
 * A text without what differs between runs: times, ring numbers, addresses' networks, and process ids, which become their rank
 * among those of their node.
 */
export function masked(text: string): string {
  const pids = new Map<string, string>()
  const seen = [...text.matchAll(PROCESS_IDS)].map(match => ({ node: match[3]!, pid: match[2]! }))
  for (const node of new Set(seen.map(entry => entry.node))) {
    const own = [...new Set(seen.filter(entry => entry.node === node).map(entry => Number(entry.pid)))]
    for (const [i, pid] of own.toSorted((a, b) => a - b).entries()) pids.set(`${node}:${pid}`, `P${i + 1}`)
  }
  return text
    .replace(
      PROCESS_IDS,
      (_, before, pid, node, after) => `${before.trim()}${pids.get(`${node}:${pid}`)}@${node}${after}`,
    )
    .replaceAll(RECORDED_LINK, '10.77.0.$1')
    .replaceAll(/^(Date: +).*$/gm, '$1#')
    .replaceAll(/^(Ring ID:\s+\d+\.)[0-9a-f]+$/gm, '$1#')
}

/** In lists of group members: with and without a delimiter. */
const PROCESS_IDS = /^(\t\t *|[^,\t\n]*[,x])(\d+)(?:,|x|\t *)(\d)(.*)$/gm
