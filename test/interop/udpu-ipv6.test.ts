import { describeCombination, SHORT_TIMERS } from '../support/combination.js'

const ring = { transport: 'udpu', ip: 6, totem: SHORT_TIMERS } as const

describeCombination({ kinds: ['c', 'ours', 'c'], ring, faults: 5, seed: 5 })
describeCombination({ kinds: ['ours', 'ours', 'c'], ring, faults: 5, seed: 6 })
