// THE table of configuration keys: every key of the 1.x, 2.x and 3.x generations and of this project. The parser's
// conversions, the validator, the mapping to cmap keys, read-only and reload rules and the documentation are read off it
// (spec: config 3 to 9 and 13). How to read a row is told by `key` below; nothing here is computed.

import type { MapType } from './map.js'

export type SchemaType = Extract<MapType, 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'str'>

/** The generations that know a key: 1.x, 2.x, 3.1.7, later 3.1 releases, this project alone. */
export type KeyGeneration = '1' | '2' | '3' | 'later' | 'project'

/**
 * What a changed value does at run time: `live` takes effect, `refused` is kept as it was and a notice logged, `start` is
 * stored and used by the next start, `links` takes effect for new links only, `crypto` takes effect by reload, all crypto
 * keys together, `none` never has an effect.
 */
export type ReloadRule = 'live' | 'refused' | 'start' | 'links' | 'crypto' | 'none'

/**
 * What this project does with a key: `honour` it; `map` it to another key or place; `warn` once and ignore it; ignore it
 * in `silent`e; answer a value with an `error`; `later`: checked and stored, for a part that is not built yet.
 */
export type KeyUse = 'honour' | 'map' | 'warn' | 'silent' | 'error' | 'later'

/** Which part of the start looks at the words of a key. */
export type WordCheck = 'parser' | 'logging' | 'validation'

export interface WordRule {
  readonly words: readonly string[]
  readonly check: WordCheck
  /** The C daemon's reason for any other word. */
  readonly reason: string
  readonly ignoreCase?: boolean
}

export interface TimerRule {
  /** Least value in ms. */
  readonly min: number
  /** The name in `The <name> parameter (<n> ms) may not be less than (<min> ms).` */
  readonly name: string
}

export interface KeySchema {
  /** Path in the file: section names and key, joined by dots. `*` stands for any text without a dot, `**` for any text. */
  readonly path: string
  /** Path in the map where it is another one; <link>, <node>, <name>, <subsys>, <number> stand for what the section says. */
  readonly cmap?: string
  readonly type: SchemaType
  /** Defaults of 1.4, 2.4 and 3.1, as text; `-`: not known there; '': none; anything in parentheses is computed. */
  readonly defaults: readonly [string, string, string]
  readonly generations: readonly KeyGeneration[]
  readonly reload: ReloadRule
  readonly readOnly: boolean
  readonly use: KeyUse
  readonly doc: string
  readonly words?: WordRule
  readonly timer?: TimerRule
  /** The number 0 stands for the default. */
  readonly zeroIsDefault: boolean
}

interface Extra {
  cmap?: string
  words?: WordRule
  timer?: TimerRule
  zero?: 'default'
  ro?: true
}

/** One row. `defaults` is 'three | values | long' or one value for every generation that knows the key. */
function key(
  path: string,
  type: SchemaType,
  generations: string,
  defaults: string,
  reload: ReloadRule,
  use: KeyUse,
  doc: string,
  extra: Extra = {},
): KeySchema {
  const known = generations.split(' ') as KeyGeneration[]
  const columns = defaults.split('|').map(text => text.trim())
  const one = columns[0] ?? ''
  const at = (generation: KeyGeneration) => (known.includes(generation) ? one : '-')
  const three: [string, string, string] =
    columns.length === 3 ? [one, columns[1] ?? '', columns[2] ?? ''] : [at('1'), at('2'), at('3')]
  if (columns.length !== 3 && (known.includes('later') || known.includes('project'))) three[2] = one
  return {
    path,
    type,
    defaults: three,
    generations: known,
    reload,
    readOnly: extra.ro ?? false,
    use,
    doc,
    zeroIsDefault: extra.zero === 'default',
    ...(extra.cmap !== undefined ? { cmap: extra.cmap } : {}),
    ...(extra.words !== undefined ? { words: extra.words } : {}),
    ...(extra.timer !== undefined ? { timer: extra.timer } : {}),
  }
}

function parserWords(reason: string, ...words: string[]): WordRule {
  return { words, check: 'parser', reason }
}
function loggingWords(reason: string, ...words: string[]): WordRule {
  return { words, check: 'logging', reason }
}
function validatedWords(reason: string, ...words: string[]): WordRule {
  return { words, check: 'validation', reason }
}
function atLeast(min: number, name: string): Extra {
  return { timer: { min, name }, zero: 'default' }
}

const RO: Extra = { ro: true }
const ZERO: Extra = { zero: 'default' }
const LINK = 'totem.interface.<link>.'
const NODE = 'nodelist.node.<node>.'

const FACILITIES =
  'daemon local0 local1 local2 local3 local4 local5 local6 local7 auth authpriv cron ftp kern lpr mail news syslog user uucp'.split(
    ' ',
  )
const PRIORITIES = 'alert crit debug emerg err error info notice warning'.split(' ')
const switchWords = (name: string) => loggingWords(`unknown value for ${name}`, 'on', 'off')
const targetWords = (name: string) => loggingWords(`unknown value for ${name}`, 'yes', 'on', 'no', 'off')
const priorityWords = (name: string): WordRule => ({
  words: PRIORITIES,
  check: 'logging',
  reason: `unknown ${name} specified`,
  ignoreCase: true,
})

// biome-ignore format: a table is read line by line
export const SCHEMA: readonly KeySchema[] = [
  // --- totem: identity and transport
  key('totem.version', 'u32', '1 2 3', '', 'refused', 'honour', 'Version of the file format; has to be 2.', RO),
  key('totem.cluster_name', 'str', '2 3', '', 'refused', 'honour', 'Name of the cluster; the multicast address is made from it when none is given.', RO),
  key('totem.config_version', 'u64', '2 3', '0', 'live', 'honour', 'Version of this file. A node that joins others with a newer one ends.'),
  key('totem.wire', 'str', 'project', '3', 'refused', 'honour', 'Wire generation spoken on the ring; every node needs the same. Only 3 runs so far.', { words: parserWords('Invalid totem.wire. Should be 3, 2.4 or 1.4', '3', '2.4', '1.4') }),
  key('totem.nodeid', 'u32', '1 2 3', '(from address)|(from address)|', 'refused', 'honour', 'Own node id in files without a nodelist; otherwise ignored with a warning.', { ro: true, zero: 'default' }),
  key('totem.clear_node_high_bit', 'str', '1 2 3', 'no', 'refused', 'honour', '`yes` clears the top bit of generated node ids.', RO),
  key('totem.transport', 'str', '1 2 3', 'udp|udp|knet', 'refused', 'honour', 'How packets travel. knet does not run yet.', { ro: true, words: validatedWords('Invalid transport type. Should be udpu, udp or knet', 'udpu', 'udp', 'knet') }),
  key('totem.ip_version', 'str', '2 3', '-|ipv4|(ipv6-4; udp: ipv4)', 'refused', 'honour', 'Address families that names may resolve to, the preferred one first.', { ro: true, words: parserWords('Invalid ip_version type', 'ipv4', 'ipv6', 'ipv4-6', 'ipv6-4') }),
  key('totem.ip_dscp', 'u8', 'later', '0', 'refused', 'honour', 'DSCP of sent packets: 0 to 63 (decimal, 0x or 0 octal) or a name (cs0..cs7, af11..af43, ef).', RO),
  key('totem.netmtu', 'u32', '1 2 3', '1500|1500|(1500; knet: 65536)', 'refused', 'honour', 'Largest packet handed to the transport, in bytes.', { ro: true, zero: 'default' }),
  key('totem.block_unlisted_ips', 'str', '2 3', '-|yes|yes', 'live', 'honour', '`yes` drops packets from addresses that no node has (udpu).'),
  key('totem.link_mode', 'str', '3', 'passive', 'start', 'later', 'How knet uses several links.', { words: validatedWords('The Knet link mode "<value>" specified is invalid.  It must be active, passive or rr.', 'active', 'passive', 'rr') }),
  key('totem.rrp_mode', 'str', '1 2 3', 'none|none|', 'refused', 'map', 'Redundant rings of 1.x and 2.x. Two rings do not run yet.', { ro: true, words: validatedWords('The RRP mode "<value>" specified is invalid.  It must be none, active, or passive.', 'none', 'active', 'passive') }),
  // --- totem: security
  key('totem.secauth', 'str', '1 2 3', 'on|on|off', 'crypto', 'honour', '`on` encrypts and authenticates packets. Does not run yet, and is the default of files without a nodelist.', RO),
  key('totem.crypto_cipher', 'str', '2 3', '-|aes256|none', 'crypto', 'later', 'Cipher; needs a hash.', { ro: true, words: parserWords('Invalid cipher type. Should be none, aes256, aes192 or aes128', 'none', 'aes256', 'aes192', 'aes128') }),
  key('totem.crypto_hash', 'str', '2 3', '-|sha1|none', 'crypto', 'later', 'Hash that authenticates packets.', { ro: true, words: parserWords('Invalid hash type. Should be none, md5, sha1, sha256, sha384 or sha512', 'none', 'md5', 'sha1', 'sha256', 'sha384', 'sha512') }),
  key('totem.crypto_model', 'str', '3', 'nss', 'crypto', 'later', 'Library that does the cryptography.', { ro: true, words: parserWords('Invalid crypto model. Should be nss or openssl', 'nss', 'openssl') }),
  key('totem.crypto_type', 'str', '1 2', 'sober|aes256|-', 'none', 'warn', 'Choice of the cipher in 1.x; use crypto_cipher.'),
  key('totem.crypto_accept', 'str', '1', 'old', 'none', 'warn', 'Key compatibility of 1.x.'),
  key('totem.keyfile', 'str', '1 2 3', '/etc/corosync/authkey', 'crypto', 'honour', 'File with the shared key; at least 128 bytes, the first 4096 count.', RO),
  key('totem.key', 'str', '1 2 3', '', 'crypto', 'honour', 'The shared key itself, used when keyfile is not set.', RO),
  // --- totem: timers and flow control
  key('totem.token', 'u32', '1 2 3', '1000|1000|3000', 'live', 'honour', 'Token loss timeout before the coefficient is added, in ms.', atLeast(30, 'token timeout')),
  key('totem.token_coefficient', 'u32', '2 3', '0|650|650', 'live', 'honour', 'Added to the token timeout for every node beyond two of the nodelist, in ms; 0 switches it off.'),
  key('totem.token_warning', 'u32', '3', '75', 'live', 'honour', 'Share of the token timeout, in percent, after which a notice is logged; 0 switches it off.'),
  key('totem.token_retransmits_before_loss_const', 'u32', '1 2 3', '4', 'live', 'honour', 'How often the token is sent again before it counts as lost; token_retransmit and hold are made from it.', ZERO),
  key('totem.token_retransmit', 'u32', '1 2 3', '(token / (retransmits + 0.2))', 'live', 'honour', 'Time after which the last token is sent again, in ms. Better left out.', atLeast(30, 'token retransmit timeout')),
  key('totem.hold', 'u32', '1 2 3', '(0.8 token_retransmit - 10)', 'live', 'honour', 'How long the representative keeps the token of an idle ring, in ms. Better left out.', atLeast(14, 'token hold timeout')),
  key('totem.join', 'u32', '1 2 3', '50', 'live', 'honour', 'Time between join messages while a membership forms, in ms.', atLeast(30, 'join timeout')),
  key('totem.send_join', 'u32', '1 2 3', '0', 'live', 'honour', 'Upper bound of a random delay before a join message, in ms.'),
  key('totem.consensus', 'u32', '1 2 3', '(1.2 token)', 'live', 'honour', 'How long to wait for consensus before a new round of membership, in ms.', atLeast(30, 'consensus timeout')),
  key('totem.merge', 'u32', '1 2 3', '200', 'live', 'honour', 'Time between checks for a ring to merge with, in ms.', atLeast(30, 'merge timeout')),
  key('totem.downcheck', 'u32', '1 2 3', '1000', 'live', 'honour', 'Time between checks whether an interface that is down has come back, in ms.', atLeast(30, 'downcheck timeout')),
  key('totem.fail_recv_const', 'u32', '1 2 3', '2500', 'live', 'honour', 'Rounds of the token without receiving before a membership is formed anew.', ZERO),
  key('totem.seqno_unchanged_const', 'u32', '1 2 3', '30', 'live', 'honour', 'Rounds of the token without traffic before it is held.', ZERO),
  key('totem.heartbeat_failures_allowed', 'u32', '1 2 3', '0', 'start', 'honour', 'Missed heartbeats that declare the token lost; 0 switches heartbeats off.'),
  key('totem.max_network_delay', 'u32', '1 2 3', '50', 'start', 'honour', 'Largest delay of the network, in ms; only heartbeats use it.', atLeast(30, 'max_network_delay')),
  key('totem.window_size', 'u32', '1 2 3', '50', 'live', 'honour', 'Messages on the ring during one rotation of the token.', ZERO),
  key('totem.max_messages', 'u32', '1 2 3', '17', 'live', 'honour', 'Messages that one node may send per visit of the token.', ZERO),
  key('totem.miss_count_const', 'u32', '1 2 3', '5', 'live', 'honour', 'Visits of the token before a missing message is requested.', ZERO),
  key('totem.cancel_token_hold_on_retransmit', 'str', '2 3', '-|no|no', 'live', 'honour', '`yes` cancels the hold of the token when a retransmission is requested.'),
  key('totem.threads', 'u32', '1 2 3', '0', 'refused', 'silent', 'Crypto threads of 1.x.', RO),
  key('totem.vsftype', 'str', '1', 'ykd', 'none', 'silent', 'Primary component filter of 1.x; unused since 1.0. Other values than ykd and none warn.'),
  // --- totem: knet
  key('totem.knet_pmtud_interval', 'u32', '3', '30', 'live', 'later', 'Seconds between path MTU measurements.', ZERO),
  key('totem.knet_mtu', 'u32', '3', '0', 'live', 'later', 'MTU of knet; 0 measures it.'),
  key('totem.knet_compression_model', 'str', '3', 'none', 'live', 'later', 'Compression; left out for none.', { words: parserWords('Invalid compression model. Should be zlib, lz4, lz4hc, lzo2, lzma, bzip2 or zstd', 'zlib', 'lz4', 'lz4hc', 'lzo2', 'lzma', 'bzip2', 'zstd') }),
  key('totem.knet_compression_threshold', 'u32', '3', '0', 'live', 'later', 'Smallest packet that is compressed, in bytes; 0 lets knet choose (100).'),
  key('totem.knet_compression_level', 'i32', '3', '0', 'live', 'later', 'Compression level; its meaning depends on the model.'),
  // --- totem: redundant rings of 1.x and 2.x
  key('totem.rrp_problem_count_timeout', 'u32', '1 2 3', '2000|2000|', 'none', 'silent', 'Time after which the problem counter of a ring falls by one, in ms.'),
  key('totem.rrp_problem_count_threshold', 'u32', '1 2 3', '10|10|', 'none', 'silent', 'Problems with tokens before a ring counts as faulty.'),
  key('totem.rrp_problem_count_mcast_threshold', 'u32', '1 2 3', '(10 rrp_problem_count_threshold)|(10 rrp_problem_count_threshold)|', 'none', 'silent', 'Problems with multicasts before a ring counts as faulty.'),
  key('totem.rrp_token_expired_timeout', 'u32', '1 2 3', '(token_retransmit)|(token_retransmit)|', 'none', 'silent', 'Time after which a token counts as missing on the other ring, in ms.'),
  key('totem.rrp_autorecovery_check_timeout', 'u32', '1 2 3', '1000|1000|', 'none', 'silent', 'Time between attempts to bring a faulty ring back, in ms.'),
  // --- totem.interface
  key('totem.interface.linknumber', 'u8', '3', '0', 'none', 'honour', 'Number of the link that the section describes, 0 to 7.', { cmap: '' }),
  key('totem.interface.ringnumber', 'str', '1 2', '0', 'none', 'map', 'Number of the ring in old files; taken for linknumber when that is missing.'),
  key('totem.interface.bindnetaddr', 'str', '1 2 3', '(required)|(from nodelist)|(from nodelist)', 'start', 'honour', 'Address or network of the own interface, in files without a nodelist; otherwise ignored with a warning.', { cmap: `${LINK}bindnetaddr` }),
  key('totem.interface.mcastaddr', 'str', '1 2 3', '(required)|(from cluster_name)|(from cluster_name)', 'start', 'honour', 'Multicast group (udp).', { cmap: `${LINK}mcastaddr` }),
  key('totem.interface.mcastport', 'u16', '1 2 3', '(5405 + link; broadcast: + 2 link)', 'links', 'honour', 'UDP port. udp also uses the port below.', { cmap: `${LINK}mcastport`, zero: 'default' }),
  key('totem.interface.broadcast', 'str', '1 2 3', 'no', 'start', 'honour', '`yes` sends to 255.255.255.255 instead of a group (udp).', { cmap: `${LINK}broadcast` }),
  key('totem.interface.ttl', 'u8', '1 2 3', '1', 'start', 'honour', 'Time to live of multicasts; other values than 1 only with udp.', { cmap: `${LINK}ttl` }),
  key('totem.interface.knet_link_priority', 'u8', '3', '1', 'live', 'later', 'Priority of the link in passive mode.', { cmap: `${LINK}knet_link_priority`, zero: 'default' }),
  key('totem.interface.knet_ping_interval', 'u32', '3', '(token / (2 knet_pong_count))', 'live', 'later', 'Time between pings of a link, in ms.', { cmap: `${LINK}knet_ping_interval`, zero: 'default' }),
  key('totem.interface.knet_ping_timeout', 'u32', '3', '(token / knet_pong_count)', 'live', 'later', 'Time without an answer after which a link is down, in ms.', { cmap: `${LINK}knet_ping_timeout`, zero: 'default' }),
  key('totem.interface.knet_ping_precision', 'u32', '3', '2048', 'live', 'later', 'How much latencies are averaged.', { cmap: `${LINK}knet_ping_precision`, zero: 'default' }),
  key('totem.interface.knet_pong_count', 'u32', '3', '2', 'live', 'later', 'Answers needed before a link is up.', { cmap: `${LINK}knet_pong_count`, zero: 'default' }),
  key('totem.interface.knet_transport', 'str', '3', 'udp', 'links', 'later', 'Protocol of the link.', { cmap: `${LINK}knet_transport`, words: validatedWords("Unrecognised knet_transport. expected 'udp' or 'sctp'", 'udp', 'sctp') }),
  key('totem.interface.member.memberaddr', 'str', '1 2 3', '', 'start', 'honour', 'Address of a node (udpu without a nodelist); the only key allowed in a member section.', { cmap: `${LINK}member.<number>` }),
  // --- nodelist
  key('nodelist.local_node_pos', 'str', '2 3', '(found)', 'none', 'silent', 'Written by the daemon (u32): position of this node. A value in the file is overwritten.', RO),
  key('nodelist.node.ring*_addr', 'str', '2 3', '', 'live', 'honour', 'Address or name of the node on link 0 to 7.', { cmap: `${NODE}ring*_addr`, ro: true }),
  key('nodelist.node.nodeid', 'u32', '2 3', '(IPv4 of ring0_addr; knet: required)', 'live', 'honour', 'Node id; with knet required and below 65536.', { cmap: `${NODE}nodeid`, ro: true, zero: 'default' }),
  key('nodelist.node.name', 'str', '2 3', '', 'live', 'honour', 'Name of the node; compared with the host name, required with several links.', { cmap: `${NODE}name`, ro: true }),
  key('nodelist.node.quorum_votes', 'u32', '2 3', '1', 'live', 'honour', 'Votes of the node.', { cmap: `${NODE}quorum_votes`, ro: true }),
  key('nodelist.node.**', 'str', '2 3', '', 'live', 'silent', 'Anything else about a node is stored for other programs.', { cmap: `${NODE}**`, ro: true }),
  // --- quorum
  key('quorum.provider', 'str', '1 2 3', '', 'refused', 'honour', 'Quorum algorithm: corosync_votequorum.'),
  key('quorum.expected_votes', 'u32', '2 3', '(from nodelist)', 'live', 'honour', 'Votes of the whole cluster; required without a nodelist.'),
  key('quorum.votes', 'u32', '1 2 3', '1', 'live', 'honour', 'Own votes, without a nodelist.'),
  key('quorum.two_node', 'u8', '2 3', '0', 'live', 'honour', '1: a cluster of two stays quorate with one node; sets wait_for_all unless that is given.'),
  key('quorum.wait_for_all', 'u8', '2 3', '0', 'start', 'honour', '1: quorate for the first time only when all nodes have been seen.'),
  key('quorum.cancel_wait_for_all', 'str', '3', '', 'live', 'honour', 'Set through cmap at run time to 1 (u8): ends waiting for all.'),
  key('quorum.last_man_standing', 'u8', '2 3', '0', 'start', 'honour', '1: expected votes are recalculated as nodes leave.'),
  key('quorum.last_man_standing_window', 'u32', '2 3', '10000', 'start', 'honour', 'Delay of that recalculation, in ms.'),
  key('quorum.auto_tie_breaker', 'u8', '2 3', '0', 'start', 'honour', '1: half of the votes suffice with the tie breaker node.'),
  key('quorum.auto_tie_breaker_node', 'str', '2 3', 'lowest', 'start', 'honour', 'lowest, highest, or a list of node ids.'),
  key('quorum.allow_downscale', 'u8', '2 3', '0', 'start', 'honour', '1: expected votes fall when nodes leave in order.'),
  key('quorum.expected_votes_tracking', 'u8', '2 3', '0', 'start', 'honour', '1: the highest expected votes are remembered on disk.'),
  key('quorum.leaving_timeout', 'u32', '2 3', '', 'none', 'silent', 'Read by the C daemon and never used.'),
  key('quorum.disallowed', 'str', '1', '', 'none', 'silent', 'Of the 1.x votequorum.'),
  key('quorum.quorumdev_poll', 'str', '1', '', 'none', 'silent', 'Of the 1.x votequorum.'),
  key('quorum.device.model', 'str', '2 3', '', 'live', 'honour', 'Quorum device: net.'),
  key('quorum.device.votes', 'u32', '2 3', '(nodes - 1)', 'live', 'honour', 'Votes of the device.'),
  key('quorum.device.timeout', 'u32', '2 3', '10000', 'live', 'honour', 'How long the device may be silent, in ms.'),
  key('quorum.device.sync_timeout', 'u32', '2 3', '30000', 'live', 'honour', 'The same while the membership changes, in ms.'),
  key('quorum.device.master_wins', 'u8', '2 3', '0', 'live', 'honour', '1: the partition with the device is quorate.'),
  key('quorum.device.net.host', 'str', '2 3', '', 'live', 'honour', 'Host of the quorum server.'),
  key('quorum.device.net.port', 'str', '2 3', '5403', 'live', 'honour', 'TCP port of the quorum server.'),
  key('quorum.device.net.tls', 'str', '2 3', 'on', 'live', 'honour', 'on, off or required.'),
  key('quorum.device.net.algorithm', 'str', '2 3', 'test', 'live', 'honour', 'ffsplit, lms, 2nodelms or test.'),
  key('quorum.device.net.tie_breaker', 'str', '2 3', 'lowest', 'live', 'honour', 'lowest, highest or a node id.'),
  key('quorum.device.net.connect_timeout', 'str', '2 3', '(0.8 timeout)', 'live', 'honour', 'Timeout of the connection to the server, in ms.'),
  key('quorum.device.net.force_ip_version', 'str', '2 3', '0', 'live', 'honour', '0, 4 or 6.'),
  key('quorum.device.net.keep_active_partition_tie_breaker', 'str', '3', 'off', 'live', 'honour', 'on or off.'),
  key('quorum.device.heuristics.mode', 'str', '2 3', 'off', 'live', 'honour', 'off, on or sync.'),
  key('quorum.device.heuristics.timeout', 'str', '2 3', '(0.5 timeout)', 'live', 'honour', 'How long commands may take, in ms.'),
  key('quorum.device.heuristics.sync_timeout', 'str', '2 3', '(0.5 sync_timeout)', 'live', 'honour', 'The same while the membership changes, in ms.'),
  key('quorum.device.heuristics.interval', 'str', '2 3', '(3 timeout)', 'live', 'honour', 'Time between runs, in ms.'),
  key('quorum.device.heuristics.exec_*', 'str', '2 3', '', 'live', 'honour', 'A command to run.'),
  // --- logging, in the order in which it is read
  key('logging.fileline', 'str', '1 2 3', 'off', 'live', 'honour', 'Source file and line in log lines.', { words: switchWords('fileline') }),
  key('logging.function_name', 'str', '1 2 3', 'off', 'live', 'honour', 'Function name in log lines.', { words: switchWords('function_name') }),
  key('logging.timestamp', 'str', '1 2 3', 'off|off|hires', 'live', 'honour', 'Time in log lines; hires adds milliseconds.', { words: loggingWords('unknown value for timestamp', 'on', 'off', 'hires') }),
  key('logging.blackbox', 'str', '2 3', 'on', 'live', 'later', 'Keep a flight record.', { words: switchWords('blackbox') }),
  key('logging.to_stderr', 'str', '1 2 3', 'yes', 'live', 'honour', 'Log to standard error.', { words: targetWords('to_stderr') }),
  key('logging.to_syslog', 'str', '1 2 3', 'yes', 'live', 'honour', 'Log to syslog.', { words: targetWords('to_syslog') }),
  key('logging.syslog_facility', 'str', '1 2 3', 'daemon', 'live', 'honour', 'Syslog facility. A logger_subsys section without it sets it back to daemon.', { words: loggingWords('unknown syslog facility specified', ...FACILITIES) }),
  key('logging.syslog_level', 'str', '1 2 3', '', 'live', 'map', 'Old name of syslog_priority.', { words: priorityWords('syslog level') }),
  key('logging.syslog_priority', 'str', '1 2 3', 'info', 'live', 'honour', 'Least severe level that goes to syslog.', { words: priorityWords('syslog priority') }),
  key('logging.logfile', 'str', '1 2 3', '', 'live', 'honour', 'Log file; created even when to_logfile is no.'),
  key('logging.to_file', 'str', '1 2 3', '', 'live', 'map', 'Old name of to_logfile.', { words: targetWords('to_file') }),
  key('logging.to_logfile', 'str', '1 2 3', 'no', 'live', 'honour', 'Log to the file.', { words: targetWords('to_logfile') }),
  key('logging.logfile_priority', 'str', '1 2 3', 'info', 'live', 'honour', 'Least severe level that goes to the file, and to standard error.', { words: priorityWords('logfile priority') }),
  key('logging.debug', 'str', '1 2 3', 'off', 'live', 'honour', 'on logs down to debug, trace down to trace.', { words: loggingWords('unknown value for debug', 'on', 'off', 'trace') }),
  key('logging.tags', 'str', '1 2 3', '', 'live', 'silent', 'Trace filter of 1.x.'),
  key('logging.logger_subsys.subsys', 'str', '1 2 3', '(required)', 'live', 'honour', 'Subsystem that the section is about, at most 63 characters.', { cmap: 'logging.logger_subsys.<subsys>.subsys' }),
  key('logging.logger_subsys.*', 'str', '1 2 3', '(as above)', 'live', 'honour', 'Levels, log file and debug of one subsystem, as above. to_stderr and to_syslog have no effect here.', { cmap: 'logging.logger_subsys.<subsys>.*' }),
  key('logging.logging_daemon.name', 'str', '3', '(required)', 'live', 'later', 'Other program that the section is about (qdevice); corosync means this one.', { cmap: 'logging.logging_daemon.<name>.name' }),
  key('logging.logging_daemon.*', 'str', '3', '(as above)', 'live', 'later', 'Logging of that program, with subsys of one of its subsystems.', { cmap: 'logging.logging_daemon.<name>.*' }),
  // --- who may connect
  key('uidgid.uid', 'str', '1 2 3', '', 'live', 'honour', 'User, by name or number, whose programs may connect; adds up.', { cmap: 'uidgid.config.uid.<number>', ro: true }),
  key('uidgid.gid', 'str', '1 2 3', '', 'live', 'honour', 'Group whose programs may connect; adds up.', { cmap: 'uidgid.config.gid.<number>', ro: true }),
  // --- system
  key('system.qb_ipc_type', 'str', '3', 'native', 'refused', 'honour', 'How clients are connected: native is shm.', { ro: true, words: parserWords('Invalid system.qb_ipc_type', 'native', 'shm', 'socket') }),
  key('system.ipc_prefix', 'str', 'project', '', 'refused', 'honour', 'In front of the names by which programs find the services (cmap, cpg, ...), so that several daemons can be told apart on one host or network namespace. Without it, COROSYNC_IPC_PREFIX.', RO),
  key('system.sched_rr', 'str', '3', 'yes', 'refused', 'honour', 'Realtime scheduling of the executive.', { ro: true, words: parserWords('Invalid system.sched_rr value', 'yes', 'no') }),
  key('system.priority', 'str', '3', '0', 'refused', 'honour', 'Nice value without realtime scheduling: a number, max or min.', RO),
  key('system.move_to_root_cgroup', 'str', '3', 'auto', 'refused', 'honour', 'Move to the root control group, where realtime scheduling may be allowed.', { ro: true, words: parserWords('Invalid system.move_to_root_cgroup', 'yes', 'no', 'auto') }),
  key('system.allow_knet_handle_fallback', 'str', '3', 'no', 'refused', 'later', 'Start without the privileges that knet wants.', { ro: true, words: parserWords('Invalid system.allow_knet_handle_fallback', 'yes', 'no') }),
  key('system.state_dir', 'str', '3', '/var/lib/corosync', 'refused', 'honour', 'Directory of the ring id and other state; the daemon changes into it.', RO),
  key('system.udp_offload', 'str', 'project', 'yes', 'refused', 'honour', 'Send runs of packets as one and let the kernel or card cut them.', { ro: true, words: parserWords('Invalid system.udp_offload', 'yes', 'no') }),
  key('qb.ipc_type', 'str', '2', 'native', 'refused', 'map', 'Old name of system.qb_ipc_type.', { words: parserWords('Invalid qb ipc_type', 'native', 'shm', 'socket') }),
  // --- resources, nozzle, pload, cfg
  key('resources.watchdog_timeout', 'u32', '2 3', '6', 'live', 'later', 'Watchdog timeout, 2 to 120 s.'),
  key('resources.watchdog_device', 'str', '2 3', 'off', 'live', 'later', 'Watchdog device.'),
  key('resources.system.poll_period', 'u64', '2 3', '', 'none', 'silent', 'Has no meaning here.'),
  key('resources.system.**.poll_period', 'u64', '2 3', '3000', 'none', 'silent', 'Time between samples, in ms. The C daemon replaces a value from the file by 3000.'),
  key('resources.system.*.max', 'str', '2 3', '', 'live', 'honour', 'Highest allowed value of memory_used (percent) or load_15min.'),
  key('resources.system.*.recovery', 'str', '2 3', '', 'live', 'later', 'What to do above it: none, watchdog, quit, reboot or shutdown.'),
  key('resources.process.poll_period', 'u64', '2 3', '', 'none', 'silent', 'Has no meaning here.'),
  key('resources.process.**.poll_period', 'u64', '2 3', '6000', 'none', 'silent', 'Time between checks of a process, in ms; written by its supervisor.'),
  key('nozzle.name', 'str', '3', '', 'live', 'later', 'Name of the virtual network device.'),
  key('nozzle.ipaddr', 'str', '3', '', 'live', 'later', 'Network of the device; the node id is added.'),
  key('nozzle.ipprefix', 'str', '3', '', 'live', 'later', 'Prefix length of the device.'),
  key('nozzle.macaddr', 'str', '3', '54:54:01:00:00:00', 'live', 'later', 'Hardware address; the node id replaces the last two bytes.'),
  key('pload.count', 'str', '1 2 3', '', 'none', 'silent', 'Load generator; a value from the file has no effect.'),
  key('pload.size', 'str', '1 2 3', '', 'none', 'silent', 'Load generator; a value from the file has no effect.'),
  key('cfg.shutdown_timeout', 'str', '3', '5000', 'none', 'silent', 'Only counts when set through cmap as u32.'),
  // --- 1.x only
  key('compatibility', 'str', '1', 'whitetank', 'none', 'silent', 'Synchronisation engine of 1.x; in old-style files only whitetank and none are accepted.', { words: validatedWords("Invalid compatibility option '<value>' specified, must be none or whitetank.", 'whitetank', 'none') }),
  key('service.name', 'str', '1', '', 'none', 'map', 'Plug-in of 1.x. Built-in services are always there; pacemaker is started as a program, see ver; others warn and are ignored.'),
  key('service.ver', 'str', '1', '0', 'none', 'honour', 'pacemaker: 0 starts pacemakerd with this daemon and ends it with it, 1 leaves that to the host.'),
  key('aisexec.user', 'str', '1', '', 'none', 'silent', 'Unused since 1.0.'),
  key('aisexec.group', 'str', '1', '', 'none', 'silent', 'Unused since 1.0.'),
  key('aisexec.defaultservices', 'str', '1', 'yes', 'none', 'warn', '`no` left the built-in services out in 1.x; ignored.'),
  key('amf.mode', 'str', '1', 'disabled', 'none', 'warn', 'Application management of openais; ignored. Other values than disabled warn.'),
  key('event.**', 'str', '1', '', 'none', 'silent', 'Event service of openais.'),
]

/** Prefixes whose keys clients of the map may not write, beside those marked in the table (spec: config 13.3). */
export const READ_ONLY_PREFIXES: readonly string[] = [
  'internal_configuration.',
  'runtime.services.',
  'runtime.config.',
  'runtime.totem.',
  'uidgid.config.',
  'system.',
  'nodelist.',
]

/** Keys that clients may not write and that no file holds. */
export const READ_ONLY_KEYS: readonly string[] = ['config.reload_in_progress', 'config.totemconfig_reload_in_progress']
