import { describeCombination, SHORT_TIMERS } from '../support/combination.js'

const ring = { transport: 'udp', totem: SHORT_TIMERS } as const

describeCombination({ kinds: ['c', 'c', 'ours'], ring, faults: 5, seed: 3 })
describeCombination({ kinds: ['ours', 'c', 'ours'], ring, faults: 5, seed: 4 })
