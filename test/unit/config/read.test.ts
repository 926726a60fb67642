import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createReadState, readIdFile, readMainFile } from '../../../src/config/read.js'
import { mapLine } from '../../support/map-line.js'

const ids = {
  userId: (name: string) => (name === 'root' ? 0 : undefined),
  groupId: (name: string) => (name === 'haclient' ? 189 : undefined),
}

function read(text: string) {
  const state = createReadState()
  readMainFile(state, 'c.conf', Buffer.from(text), ids)
  return state
}

/** The map of a text as lines, under a prefix. */
function lines(text: string, prefix = ''): string[] {
  const { map, problems } = read(text)
  assert.deepEqual(problems, [])
  return map.keys(prefix).map(key => mapLine(key, map.get(key)!))
}

/** Line, column and message of the first problem. */
function problem(text: string): string {
  const [first] = read(text).problems
  return first === undefined ? 'good' : `${first.line}:${first.column} ${first.message}`
}

describe('nodes', () => {
  it('get their position in the nodelist', () => {
    const text = 'nodelist {\nnode {\nnodeid: 7\n}\nnode {\nnodeid: 8\nrack: r1\n}\n}\n'
    assert.deepEqual(lines(text), [
      'nodelist.node.0.nodeid (u32) = 7',
      'nodelist.node.1.nodeid (u32) = 8',
      'nodelist.node.1.rack (str) = r1',
    ])
  })

  it('are overwritten from the first one on by a second nodelist', () => {
    const first = 'nodelist {\nnode {\nnodeid: 7\nname: a\n}\nnode {\nnodeid: 8\n}\n}\n'
    assert.deepEqual(lines(`${first}nodelist {\nnode {\nnodeid: 9\n}\n}\n`), [
      'nodelist.node.0.name (str) = a',
      'nodelist.node.0.nodeid (u32) = 9',
      'nodelist.node.1.nodeid (u32) = 8',
    ])
  })

  it('may have sections, which do not end them', () => {
    const text = 'nodelist {\nnode {\nextra {\nkey: 1\n}\nnodeid: 7\n}\n}\n'
    assert.deepEqual(lines(text), ['nodelist.node.0.nodeid (u32) = 7', 'nodelist.node.extra.key (str) = 1'])
  })

  it('are named with their position in messages', () => {
    const text = 'nodelist {\nnode {\n}\nnode {\n  nodeid: x\n}\n}\n'
    assert.match(problem(text), /^5:11 Value of key "nodelist\.node\.1\.nodeid" is expected/)
  })
})

describe('interfaces', () => {
  it('are stored under their link number, wherever in the section it stands', () => {
    const text = 'totem {\ninterface {\nmcastport: 1\nlinknumber: 3\nttl: 2\n}\n}\n'
    assert.deepEqual(lines(text), ['totem.interface.3.mcastport (u16) = 1', 'totem.interface.3.ttl (u8) = 2'])
  })

  it('are merged when they describe the same link, the later one winning', () => {
    const text = 'totem {\ninterface {\nmcastport: 1\nttl: 2\n}\ninterface {\nmcastport: 5\n}\n}\n'
    assert.deepEqual(lines(text), ['totem.interface.0.mcastport (u16) = 5', 'totem.interface.0.ttl (u8) = 2'])
  })

  it('take the ring number of old files for the link, unless there is a link number', () => {
    const text =
      'totem {\ninterface {\nringnumber: 1\nttl: 2\n}\ninterface {\nringnumber: 1\nlinknumber: 2\nttl: 3\n}\n}\n'
    assert.deepEqual(lines(text, 'totem.interface.'), [
      'totem.interface.1.ttl (u8) = 2',
      'totem.interface.2.ttl (u8) = 3',
      'totem.interface.ringnumber (str) = 1',
    ])
    const bad = read('totem {\ninterface {\nringnumber: one\nttl: 2\n}\n}\n')
    assert.match(bad.warnings[0]?.message ?? '', /ringnumber "one" is not a number/)
    assert.ok(bad.map.has('totem.interface.0.ttl'))
  })

  it('keep keys that nobody knows without a number', () => {
    assert.deepEqual(lines('totem {\ninterface {\nfoo: 1\n}\n}\n'), ['totem.interface.foo (str) = 1'])
  })

  it('number their members backwards', () => {
    const member = (address: string) => `member {\nmemberaddr: ${address}\n}\n`
    const text = `totem {\ninterface {\n${member('10.0.0.1')}${member('10.0.0.2')}${member('10.0.0.3')}}\n}\n`
    assert.deepEqual(lines(text), [
      'totem.interface.0.member.0 (str) = 10.0.0.3',
      'totem.interface.0.member.1 (str) = 10.0.0.2',
      'totem.interface.0.member.2 (str) = 10.0.0.1',
    ])
  })

  it('hold only memberaddr in a member section', () => {
    assert.equal(
      problem('totem {\ninterface {\nmember {\nttl: 1\n}\n}\n}\n'),
      '4:1 Only memberaddr is allowed in member section',
    )
    assert.equal(
      problem('totem {\ninterface {\nmember {\nx {\n}\n}\n}\n}\n'),
      '4:1 Only memberaddr is allowed in member section',
    )
  })
})

describe('logging sections', () => {
  it('are stored under the name of their subsystem', () => {
    assert.deepEqual(lines('logging {\nlogger_subsys {\ndebug: on\nsubsys: TOTEM\n}\n}\n'), [
      'logging.logger_subsys.TOTEM.debug (str) = on',
      'logging.logger_subsys.TOTEM.subsys (str) = TOTEM',
    ])
  })

  it('are those of other programs under their names, and our own for corosync', () => {
    const daemon = (text: string) => lines(`logging {\nlogging_daemon {\n${text}}\n}\n`)
    assert.deepEqual(daemon('name: qnetd\ndebug: on\n'), [
      'logging.logging_daemon.qnetd.debug (str) = on',
      'logging.logging_daemon.qnetd.name (str) = qnetd',
    ])
    assert.deepEqual(daemon('name: qdevice\nsubsys: X\ndebug: on\n'), [
      'logging.logging_daemon.qdevice.X.debug (str) = on',
      'logging.logging_daemon.qdevice.X.name (str) = qdevice',
      'logging.logging_daemon.qdevice.X.subsys (str) = X',
    ])
    assert.deepEqual(daemon('name: corosync\ndebug: on\n'), ['logging.debug (str) = on'])
    assert.deepEqual(daemon('name: corosync\nsubsys: CPG\ndebug: on\n'), [
      'logging.logger_subsys.CPG.debug (str) = on',
      'logging.logger_subsys.CPG.subsys (str) = CPG',
    ])
  })

  it('need their name, which is missed where they end', () => {
    assert.equal(problem('logging {\nlogger_subsys {\n}\n}\n'), '3:1 No subsys key in logger_subsys directive')
    assert.equal(
      problem('logging {\nlogging_daemon {\nsubsys: X\n}\n}\n'),
      '4:1 No name key in logging_daemon directive',
    )
  })
})

describe('users and groups', () => {
  it('add up over all sections, by name and by number', () => {
    assert.deepEqual(lines('uidgid {\nuid: root\ngid: haclient\n}\nuidgid {\nuid: +12\nuid: 4294967294\n}\n'), [
      'uidgid.config.gid.189 (u8) = 1',
      'uidgid.config.uid.0 (u8) = 1',
      'uidgid.config.uid.12 (u8) = 1',
      'uidgid.config.uid.4294967294 (u8) = 1',
    ])
  })

  it('have to exist', () => {
    for (const name of ['nobody1', '-1', '', '4294967295', '4294967296']) {
      assert.equal(
        problem(`uidgid {\nuid:${name}\n}\n`).replace(/^2:\d+ /, ''),
        `The '${name}' user is not found in /etc/passwd, please read the documentation.`,
      )
    }
    assert.match(problem('uidgid {\ngid: x\n}\n'), /^2:6 The 'x' group is not found in \/etc\/group/)
  })

  it('are the only thing in their sections and files', () => {
    assert.equal(problem('uidgid {\nfoo: 1\n}\n'), '2:1 uidgid: Only uid and gid are allowed items')
    const inDirectory = (text: string) => {
      const state = createReadState()
      readIdFile(state, 'uidgid.d/x', Buffer.from(text), ids)
      return [state.problems[0]?.file, state.problems[0]?.message, state.map.keys().join()]
    }
    assert.deepEqual(inDirectory('uidgid {\nuid: 3\n}\n'), [undefined, undefined, 'uidgid.config.uid.3'])
    assert.deepEqual(inDirectory('totem {\n}\n').slice(0, 2), [
      'uidgid.d/x',
      "uidgid: Can't add subsection different than uidgid",
    ])
    assert.equal(inDirectory('uid: 3\n')[1], 'uidgid: Only uid and gid are allowed items')
  })
})

describe('everything else', () => {
  it('is stored under its path, known or not, the last value winning', () => {
    assert.deepEqual(lines('a {\nb {\nc: 1\nc: 2\n}\n}\ncompatibility: whitetank\nTOTEM {\nversion: x\n}\n'), [
      'TOTEM.version (str) = x',
      'a.b.c (str) = 2',
      'compatibility (str) = whitetank',
    ])
  })

  it('has a name that the map can hold', () => {
    assert.equal(
      problem('totem {\n  my option: 1\n}\n'),
      '2:3 Can\'t store key "totem.my option" into icmap, returned error is CS_ERR_NAME_TOO_LONG',
    )
    assert.match(problem('ab: 1\n'), /Can't store key "ab"/)
  })

  it('remembers where it was written', () => {
    const { origins } = read('totem {\n  token: 5\n  interface {\n    ttl: 3\n  }\n}\n')
    assert.deepEqual(origins.get('totem.token'), { file: 'c.conf', line: 2, column: 10 })
    assert.deepEqual(origins.get('totem.interface.0.ttl'), { file: 'c.conf', line: 4, column: 10 })
  })
})

describe('several mistakes', () => {
  it('are all told, in the order of the file', () => {
    const { problems } = read('totem {\ntoken: x\njoin: y\n}\nlogging {\nlogger_subsys {\n}\njunk\n')
    assert.deepEqual(
      problems.map(({ line }) => line),
      [2, 3, 7, 8],
    )
  })
})

describe('services of old files', () => {
  it('are all remembered, with the built-in ones', () => {
    const { services } = read(
      'service {\nname: pacemaker\nver: 0\n}\nservice {\nver: 1\nname: corosync_cpg\n}\nservice {\n}\n',
    )
    assert.deepEqual(
      services.map(({ name, version, place }) => [name, version, place.line]),
      [
        ['pacemaker', 0, 2],
        ['corosync_cpg', 1, 7],
      ],
    )
  })
})
