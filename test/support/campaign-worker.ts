// A campaign's worker that knows without running anything: seed 13 fails, seed 666 kills the worker.

process.on('message', ({ first, last }: { first: number; last: number }) => {
  const failures: { seed: number; line: string }[] = []
  for (let seed = first; seed <= last; seed++) {
    if (seed === 666) process.exit(3)
    if (seed === 13) failures.push({ seed, line: 'seed 13 D2 at 1.0 s: something' })
  }
  process.send?.({
    first,
    last,
    failures,
    virtualMs: 1000,
    packetsDelivered: 5,
    installations: 2,
    settleChanges: [1, 2],
  })
})
process.on('disconnect', () => process.exit(0))
