import { describeCombination, SHORT_TIMERS } from '../support/combination.js'

// The driver over node:dgram knows udpu only.
describeCombination({
  kinds: ['c', 'dgram', 'c'],
  ring: { transport: 'udpu', totem: SHORT_TIMERS },
  faults: 5,
  seed: 7,
})
