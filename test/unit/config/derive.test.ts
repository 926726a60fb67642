import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DEFAULT_TOTEM_PARAMETERS } from '../../../src/totem/parameters.js'
import { configured, firstProblem, loadText } from '../../support/config-host.js'

function file(totem: string, nodes = 1): string {
  const node = (i: number) => `node {\nring0_addr: 127.0.0.${i + 1}\nnodeid: ${i + 1}\n}\n`
  const list = Array.from({ length: nodes }, (_, i) => node(i)).join('')
  return `totem {\nversion: 2\ntransport: udpu\n${totem}\n}\nnodelist {\n${list}}\n`
}

function parameters(totem: string, nodes = 1) {
  return configured(file(totem, nodes)).totem
}

function message(totem: string): string {
  return firstProblem(file(totem)).message.replace('parse error in config: ', '')
}

describe('timers', () => {
  it('are the defaults of 3.x for a file that says nothing', () => {
    assert.deepEqual(parameters('', 2), DEFAULT_TOTEM_PARAMETERS)
  })

  it('follow from the token and the number of nodes', () => {
    const five = parameters('token: 5000\ntoken_coefficient: 500', 5)
    assert.deepEqual(
      [five.tokenTimeoutMs, five.tokenRetransmitMs, five.holdMs, five.consensusMs, five.tokenWarningMs],
      [6500, 1547, 1227, 7800, 4875],
    )
    const three = parameters('token: 1000', 3)
    assert.deepEqual(
      [three.tokenTimeoutMs, three.tokenRetransmitMs, three.holdMs, three.consensusMs],
      [1650, 392, 303, 1980],
    )
    assert.equal(parameters('token: 1000\ntoken_coefficient: 0', 5).tokenTimeoutMs, 1000)
  })

  it('may be given, 0 standing for the default', () => {
    const given = parameters('token_retransmit: 100\nhold: 50\nconsensus: 40\njoin: 40\nmerge: 0\nsend_join: 0')
    assert.deepEqual(
      [given.tokenRetransmitMs, given.holdMs, given.consensusMs, given.joinMs, given.mergeMs, given.sendJoinMs],
      [100, 50, 40, 40, 200, 0],
    )
  })

  it('keep above their minimum', () => {
    const minimum: Record<string, [number, string]> = {
      max_network_delay: [30, 'max_network_delay'],
      token: [30, 'token timeout'],
      token_retransmit: [30, 'token retransmit timeout'],
      hold: [14, 'token hold timeout'],
      join: [30, 'join timeout'],
      consensus: [30, 'consensus timeout'],
      merge: [30, 'merge timeout'],
      downcheck: [30, 'downcheck timeout'],
    }
    for (const [key, [min, name]] of Object.entries(minimum)) {
      assert.equal(
        message(`${key}: ${min - 1}`),
        `The ${name} parameter (${min - 1} ms) may not be less than (${min} ms).`,
      )
      const atBound = loadText(file(key === 'token' ? '' : `${key}: ${min}\n${key === 'consensus' ? 'join: 30' : ''}`))
      assert.ok(atBound.ok, key)
    }
  })

  it('cannot be derived from a token that is too short', () => {
    assert.ok(loadText(file('token: 126')).ok)
    assert.equal(message('token: 125'), 'Not appropriate token or token_retransmits_before_loss_const value set')
    assert.match(firstProblem(file('token: 125')).help, /raise token to 126/)
    assert.ok(loadText(file('token: 125\ntoken_retransmit: 40')).ok)
  })

  it('are checked against each other', () => {
    assert.equal(
      message('join: 5000'),
      'The consensus timeout parameter (3600 ms) may not be less than join timeout (5000 ms).',
    )
    assert.ok(loadText(file('consensus: 40\njoin: 40')).ok)
    assert.equal(
      message('token_warning: 101'),
      'The token warning parameter (101%) must be between 0 (disabled) and 100.',
    )
    assert.equal(parameters('token_warning: 0').tokenWarningMs, 0)
  })

  it('are told in the order of the reference', () => {
    assert.match(message('downcheck: 1\njoin: 1\nmax_network_delay: 1'), /max_network_delay/)
    assert.match(message('downcheck: 1\njoin: 1'), /join timeout/)
  })

  it('stay u32 whatever is given', () => {
    const number = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 30, 126, 0xffffffff))
    fc.assert(
      fc.property(number, number, number, fc.integer({ min: 1, max: 12 }), (token, coefficient, retransmits, nodes) => {
        const result = loadText(
          file(
            `token: ${token}\ntoken_coefficient: ${coefficient}\ntoken_retransmits_before_loss_const: ${retransmits}`,
            nodes,
          ),
        )
        if (!result.ok) return
        for (const [name, value] of Object.entries(result.configuration.totem)) {
          if (typeof value === 'number') assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, name)
        }
      }),
    )
  })
})

describe('heartbeats', () => {
  it('are off by default and on when they are faster than the token', () => {
    assert.equal(parameters('').heartbeatMs, 0)
    assert.equal(parameters('heartbeat_failures_allowed: 3').heartbeatMs, 2192)
  })

  it('stay off, with a word about it, when they would be slower', () => {
    const { totem, warnings } = configured(file('heartbeat_failures_allowed: 100'))
    assert.equal(totem.heartbeatMs, 0)
    assert.match(
      warnings[0]?.message ?? '',
      /^total heartbeat_timeout \(71450 ms\) is not less than token timeout \(3000 ms\)/,
    )
  })
})

describe('switches', () => {
  it('take yes and no, any other word being the default', () => {
    const configuration = configured(file('block_unlisted_ips: no\ncancel_token_hold_on_retransmit: yes'))
    assert.equal(configuration.blockUnlistedIps, false)
    assert.equal(configuration.totem.cancelTokenHoldOnRetransmit, true)
    const other = configured(file('block_unlisted_ips: off\ncancel_token_hold_on_retransmit: on'))
    assert.equal(other.blockUnlistedIps, true)
    assert.equal(other.totem.cancelTokenHoldOnRetransmit, false)
  })

  it('of this project are udp_offload and wire', () => {
    assert.equal(configured(file('')).udpOffload, true)
    assert.equal(configured(`${file('')}system {\nudp_offload: no\n}\n`).udpOffload, false)
    assert.equal(configured(file('wire: 3')).wire, '3')
  })
})

describe('the rest of the file', () => {
  it('arrives where the daemon looks for it', () => {
    const configuration = configured(
      `${file('config_version: 12345678901234567890\ncluster_name: demo\nip_dscp: ef\nnetmtu: 1400')}
quorum {
provider: corosync_votequorum
}
system {
sched_rr: no
priority: min
move_to_root_cgroup: no
state_dir: /var/tmp
}
qb {
ipc_type: socket
}
`,
    )
    assert.equal(configuration.configVersion, 12345678901234567890n)
    assert.equal(configuration.clusterName, 'demo')
    assert.equal(configuration.ipDscp, 46)
    assert.equal(configuration.netMtu, 1400)
    assert.equal(configuration.totem.netMtu, 1400)
    assert.equal(configuration.quorumProvider, 'corosync_votequorum')
    assert.equal(configuration.stateDir, '/var/tmp')
    assert.equal(configuration.ipcType, 'socket')
    assert.deepEqual(configuration.scheduling, { roundRobin: false, priority: 'min', moveToRootCgroup: 'no' })
  })

  it('takes the prefix of socket names from the file, else from the environment', () => {
    const prefix = (text: string, environment: Record<string, string>) => {
      const result = loadText(file('') + text, undefined, { environment })
      return result.ok ? result.configuration.ipcPrefix : result.problems[0]?.message
    }
    const section = (value: string) => `system {\n  ipc_prefix: ${value}\n}\n`
    assert.equal(prefix('', {}), '')
    assert.equal(prefix('', { COROSYNC_IPC_PREFIX: 'b-' }), 'b-')
    assert.equal(prefix(section('a-'), { COROSYNC_IPC_PREFIX: 'b-' }), 'a-')
    assert.equal(prefix(section('a/b'), {}), "Invalid IPC name prefix: 'a/b'")
    assert.equal(prefix('', { COROSYNC_IPC_PREFIX: 'x'.repeat(64) }), 'x'.repeat(64))
    assert.equal(prefix('', { COROSYNC_IPC_PREFIX: 'x'.repeat(65) }), `Invalid IPC name prefix: '${'x'.repeat(65)}'`)
  })

  it('takes the state directory from the environment when the file does not name one', () => {
    const directory = (environment: Record<string, string>) => {
      const result = loadText(file(''), undefined, { environment })
      return result.ok ? result.configuration.stateDir : undefined
    }
    assert.equal(directory({}), '/var/lib/corosync')
    assert.equal(directory({ COROSYNC_RUN_DIR: '/run/c' }), '/run/c')
    assert.equal(directory({ COROSYNC_RUN_DIR: '/run/c', STATE_DIRECTORY: '/state' }), '/state')
  })

  it('may hold what only a start finds wrong', () => {
    const refusals = (text: string) =>
      configured(`${file('')}${text}`).refusals.map(({ key, exitCode }) => [key, exitCode])
    assert.deepEqual(refusals('system {\npriority: high\n}\n'), [['system.priority', 8]])
    assert.deepEqual(refusals('quorum {\nprovider: corosync_magic\n}\n'), [['quorum.provider', 20]])
    assert.deepEqual(refusals('quorum {\nprovider: testquorum\n}\n'), [])
  })

  it('warns of configuration plug-ins in the environment', () => {
    const warned = (iface: string) => {
      const result = loadText(file(''), undefined, { environment: { COROSYNC_DEFAULT_CONFIG_IFACE: iface } })
      return result.ok && result.configuration.warnings.length
    }
    assert.equal(warned('corosync_parser'), 0)
    assert.equal(warned('xmlconfig:corosync_parser'), 1)
  })

  it('warns of 1.x keys without effect', () => {
    const messages = configured(
      `${file('crypto_type: nss\ncrypto_accept: new\nvsftype: other\nvsftype: odd')}aisexec {\ndefaultservices: no\n}\namf {\nmode: enabled\n}\nquorum {\nprovider: corosync_quorum_ykd\n}\n`,
    ).warnings.map(warning => warning.message)
    for (const word of [
      'crypto_type: nss',
      'crypto_accept: new',
      'vsftype: odd',
      'defaultservices: no',
      'mode: enabled',
      'without quorum',
    ]) {
      assert.ok(
        messages.some(text => text.includes(word)),
        word,
      )
    }
    assert.equal(messages.length, 6)
  })
})
