// Mutations that break what is promised to programs: S, and B, D and L2 on their messages.

import type { Mutation } from './mutation.js'

export const GROUPS: readonly Mutation[] = [
  {
    property: 'B2',
    words: 'a message that was put together stays in front of the next one of its sender',
    on: 'groups',
    within: 10,
    file: 'pg/reassembly',
    original: 'assembly.length = 0; this.#deliver',
    replacement: 'this.#deliver',
  },
  {
    property: 'D2',
    words: 'pieces of all senders are put together in one place',
    on: 'groups',
    within: 4,
    file: 'pg/reassembly',
    original: 'let assembly = this.#current.get(origin);',
    replacement: 'let assembly = this.#current.get(origin) ?? this.#current.values().next().value;',
  },
  {
    property: 'L2',
    words: 'what has been packed does not leave with the next token',
    on: 'groups',
    within: 2,
    file: 'services/executive',
    original: 'tokenReceived() { this.groups.flush(); }',
    replacement: 'tokenReceived() {}',
  },
  {
    property: 'S1',
    words: 'programs may send while services are synchronised',
    on: 'groups',
    within: 3,
    file: 'services/executive',
    original: 'this.#outbox.close();',
    replacement: '',
  },
  {
    property: 'S2',
    words: 'who leaves is still listed as a member in the event that says so',
    on: 'groups',
    within: 2,
    file: 'services/cpg/service',
    original: '.filter(member => !left.some(gone => sameProcess(gone, member)))',
    replacement: '',
  },
  {
    property: 'S3',
    words: 'members are listed in the order in which this node had them confirmed',
    on: 'groups',
    within: 4,
    file: 'services/cpg/records',
    original: 'return this.#list.filter(record => record.group === group);',
    replacement: `return this.#list
      .filter(record => record.group === group)
      .sort((a, b) => a.confirmedIn - b.confirmedIn);`,
  },
  {
    property: 'S4',
    words: 'a program gets what is sent to the group from its request to join on',
    on: 'groups',
    within: 2,
    file: 'services/cpg/connection',
    original: `this.state = 'joinStarted';`,
    replacement: `this.joinDelivered(); this.state = 'joinStarted';`,
  },
  {
    property: 'S4',
    words: 'what is being packed when a ring is installed is queued behind the installation',
    on: 'restless',
    within: 10,
    file: 'totem/single-ring',
    original: 'this.#upper.flushPacking(); this.#transitional = true;',
    replacement: 'this.#transitional = true;',
  },
  {
    property: 'S5',
    words: 'the end of a program is reported as a leave',
    on: 'groups',
    within: 2,
    file: 'services/cpg/connection',
    original: 'this.#writeLeave(group.name, this.pid, CpgReason.PROCDOWN)',
    replacement: 'this.#writeLeave(group.name, this.pid, CpgReason.LEAVE)',
  },
]
