import { describeCombination, SHORT_TIMERS } from '../support/combination.js'

const ring = { transport: 'udpu', totem: SHORT_TIMERS } as const

describeCombination({ kinds: ['ours', 'c', 'c'], ring, faults: 50, seed: 1 })
describeCombination({ kinds: ['c', 'ours', 'ours'], ring, faults: 5, seed: 2 })
