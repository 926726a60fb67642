// Mutations that break what is promised of packets: B and D.

import type { Mutation } from './mutation.js'

const TRANSITIONAL_DELIVERY = `
  while (seqLess(this.highDelivered, upTo)) {
    const seq = seqNext(this.highDelivered);
    const frame = this.#regular.get(seq);
    this.highDelivered = seq;
    if (frame !== null && members.includes(frame.origin)) this.#deliver(seq, frame, previous);
  }`

const TRANSITIONAL_THEN_REGULAR = [
  'this.#log.deliverSkippingGaps(oldHigh, this.#recovery.deliverMembers, previous);',
  `this.#upper.useTransitionalContexts();
   this.#configured({
     kind: 'regular',
     members: this.#nodeIds(this.#members),
     left: [],
     joined: this.#nodeIds(joined),
     ring: change,
     previous,
   });`,
]

export const PACKETS: readonly Mutation[] = [
  {
    property: 'B1',
    words: 'a message that came in a wrapper is said to be of the node that wrapped it',
    on: 'torn',
    within: 4,
    file: 'totem/receive-log',
    original: 'this.#store(this.#regular, this.#inner, this',
    replacement: 'this.#store(this.#regular, { ...this.#inner, nodeId: wrapper.originNodeId }, this',
  },
  {
    property: 'B2',
    words: 'the transitional phase begins with the last packet of the phase before it',
    on: 'torn',
    within: 3,
    file: 'totem/receive-log',
    original: 'deliverSkippingGaps(upTo, members, previous) {',
    replacement: 'deliverSkippingGaps(upTo, members, previous) { this.highDelivered = (this.highDelivered - 1) >>> 0;',
  },
  {
    property: 'B3',
    words: 'the packets of the transitional configuration are delivered behind the regular one',
    on: 'torn',
    within: 12,
    file: 'totem/single-ring',
    original: TRANSITIONAL_THEN_REGULAR.join('\n'),
    replacement: TRANSITIONAL_THEN_REGULAR.toReversed().join('\n'),
  },
  {
    property: 'B4',
    words: 'a packet is said to be of the node that its header is for',
    on: 'torn',
    within: 2,
    file: 'totem/receive-log',
    original: 'frame.originNodeId = header.nodeId;',
    replacement: 'frame.originNodeId = header.targetNodeId;',
  },
  {
    property: 'B5',
    words: 'the last byte of what is received is not kept',
    on: 'torn',
    within: 2,
    file: 'totem/receive-log',
    original: 'buf.subarray(off, off + len)',
    replacement: 'buf.subarray(off, off + len - 1)',
  },
  {
    property: 'B6',
    words: 'packets of the transitional configuration are delivered backwards',
    on: 'torn',
    within: 12,
    file: 'totem/receive-log',
    original: TRANSITIONAL_DELIVERY,
    replacement: `
      const before = this.highDelivered;
      for (let seq = upTo; seqLess(before, seq); seq = (seq - 1) >>> 0) {
        const frame = this.#regular.get(seq);
        if (frame !== null && members.includes(frame.origin)) this.#deliver(seq, frame, previous);
      }
      this.highDelivered = upTo;`,
  },
  {
    property: 'D1',
    words: 'behind a hole, packets of the first transitional member are not delivered',
    on: 'torn',
    within: 12,
    file: 'totem/receive-log',
    original: 'frame !== null && members.includes(frame.origin)',
    replacement: 'frame !== null && members.includes(frame.origin) && frame.origin !== members[0]',
  },
  {
    property: 'D2',
    words: 'what was recovered behind the highest packet seen before is not delivered',
    on: 'torn',
    within: 6,
    file: 'totem/receive-log',
    original: 'if (seqLess(oldHigh, seq)) oldHigh = seq;',
    replacement: '',
  },
  {
    property: 'D3',
    words: 'behind a hole, packets of those that did not come along are delivered too',
    on: 'torn',
    within: 8,
    file: 'totem/receive-log',
    original: 'frame !== null && members.includes(frame.origin)',
    replacement: 'frame !== null',
  },
  {
    property: 'D4',
    words: 'the contiguous packets of the old ring are delivered in the transitional configuration, not before it',
    on: 'torn',
    within: 3,
    file: 'totem/single-ring',
    original: 'this.#log.deliverContiguous(oldHigh, previous);',
    replacement: '',
  },
  {
    property: 'D5',
    words: 'a packet that is missing is passed over',
    on: 'torn',
    within: 2,
    file: 'totem/receive-log',
    original: 'if (frame === null) return;',
    replacement: 'if (frame === null) { this.highDelivered = seq; continue; }',
  },
  {
    property: 'D6',
    words: 'old messages are not recovered',
    on: 'torn',
    within: 4,
    file: 'totem/recovery',
    original: 'if (this.deliverMembers.length === 0) return;',
    replacement: 'return;',
  },
  {
    property: 'D7',
    words: 'the last packet of the transitional configuration is delivered first',
    on: 'torn',
    within: 12,
    file: 'totem/receive-log',
    original: TRANSITIONAL_DELIVERY,
    replacement: `
      const last = this.#regular.get(upTo);
      if (last !== null && seqLess(this.highDelivered, upTo) && members.includes(last.origin))
        this.#deliver(upTo, last, previous);
      while (seqLess(this.highDelivered, upTo)) {
        const seq = seqNext(this.highDelivered);
        const frame = this.#regular.get(seq);
        this.highDelivered = seq;
        if (seq !== upTo && frame !== null && members.includes(frame.origin)) this.#deliver(seq, frame, previous);
      }`,
  },
]
