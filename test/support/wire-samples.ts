// One message of each type of the 3.x wire, field by field, for tests of decoders. Those with a frame number are captured
// from little-endian nodes; the others are laid out by hand after the specification, padding as zeros.

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s+/g, ''), 'hex'))
}

/** Two requests on ring 1.3c, from node 3, with residue in the target (udpu-cpg-loss, frame 42). */
export const TOKEN = bytes(`
  70c0 03 00 00 03000000 00000002
  a6000000 8c180000 a3000000 03000000
  01000000 3c00000000000000
  00000000 00000000 00000000 02000000
  01000000 3c00000000000000 a4000000
  01000000 3c00000000000000 a6000000`)

/** Node 1's sixth message on ring 1.5, a barrier (udpu-join-leave, frame 13). */
export const MCAST = bytes(`
  70c0 03 01 02 01000000 00000000
  01000000 06000000 05000000
  01000000 0500000000000000
  00000000 00000000
  0000 0000 00 00 0100 2800
  0100 0400 73796e63
  0000000000000000 2000000000000000 0100000005000000 0000000000000000`)
export const MCAST_HEADER_LENGTH = 45
/** Of the payload: packet header and one length, then the group header. */
export const BARRIER_OFFSET = MCAST_HEADER_LENGTH + 10 + 8

/** Node 1 on ring 1.9, residue in the target. */
export const MERGE_DETECT = bytes('70c0030200 01000000 74c56675 01000000 01000000 0900000000000000')

/** Node 1 proposes 1, 2, 3 (udpu-join-leave, frame 181). */
export const JOIN = bytes(`
  70c0030300 01000000 00000000
  01000000 03000000 00000000 0900000000000000
  01000000 02000000 03000000`)

/** The same from a big-endian node. */
export const JOIN_BIG_ENDIAN = bytes(`
  c070030300 00000001 00000000
  00000001 00000003 00000000 0000000000000009
  00000001 00000002 00000003`)

/** Node 3 leaves nodes 1 and 2 (udpu-join-leave, frame 406). */
export const LEAVE = bytes(`
  70c0030300 00000000 00000000
  03000000 02000000 01000000 0d00000000000000
  01000000 02000000 03000000`)

/** Ring 1.d of nodes 1 to 3; node 3 has not filled its entry yet (udpu-join-leave, frame 208). */
export const COMMIT_TOKEN = bytes(`
  70c0030400 02000000 00000000
  02000000 01000000 0d00000000000000
  00000000 02000000 03000000
  01000000 02000000 03000000
  01000000 0900000000000000 0e000000 0e000000 01000000
  01000000 0900000000000000 0e000000 0e000000 01000000
  000000000000000000000000 00000000 00000000 00000000`)

/** Ring 1.3c, from node 2. */
export const HOLD_CANCEL = bytes('70c0030500 02000000 00000000 01000000 3c00000000000000')

/** Ring 1.5, services 0, 2, 3, 5 (udpu-join-leave, frame 5). */
export const SERVICE_BUILD = bytes(
  `0100000000000000 2802000000000000 01000000 0500000000000000 00000000 04000000 00000000
   00000000 02000000 03000000 05000000 ${'00000000'.repeat(124)}`,
)

/** A group name of cpg: "grp". */
const NAME = `03000000 00000000 677270 ${'00'.repeat(125)}`

/** Process 0x5143 joins "grp". */
export const CPG_PROC_JOIN = bytes(`00000200 00000000 a8000000 00000000 ${NAME} 43510000 00000000 01000000 00000000`)

/** It is the only one of its node. */
export const CPG_JOIN_LIST = bytes(`02000200 00000000 a8000000 00000000 00000000 00000000 43510000 00000000 ${NAME}`)

/** It says "hello-wire". */
export const CPG_MCAST = bytes(`
  03000200 00000000 c2000000 00000000 ${NAME} 0a000000 00000000 43510000 00000000
  01000000 00000000 10c49c02b1550000 68656c6c6f2d77697265`)

/** The last three of its nine bytes. */
export const CPG_PARTIAL_MCAST = bytes(`
  06000200 00000000 cb000000 00000000 ${NAME} 09000000 00000000 03000000 00000000 43510000 00000000
  03000000 00000000 01000000 00000000 10c49c02b1550000 616263`)

/** Node 3 has gone, of three. */
export const CPG_DOWN_LIST = bytes(
  `05000200 00000000 20060000 00000000 03000000 00000000 01000000 00000000 03000000 ${'00000000'.repeat(383)}`,
)

/** The same in the form of old. */
export const CPG_DOWN_LIST_OLD = bytes(
  `04000200 00000000 18060000 00000000 01000000 00000000 03000000 ${'00000000'.repeat(383)}`,
)

/** totem.config_version is 7. */
export const CMAP_MCAST = bytes(`
  00000000 00000000 50010000 00000000
  00 00000000000000 01 00000000000000 0000000000000000 0000000000000000
  1400 000000000000 ${Buffer.from('totem.config_version').toString('hex')} ${'00'.repeat(236)}
  08 00000000000000 0800000000000000 0700000000000000`)
