import t from 'tap'
import { type Growth, grow, type Measured } from '../../../lib/upload/growth.js'

const bounds = { min: 3, max: 16, roundTrip: undefined }
const settled: Growth = { at: 'settled', limit: 3, rates: [], wait: 0, pause: 8, direction: 'up' }
/** After windows with these rates, with as many parts in flight as may be. */
const after = (growth: Growth, ...rates: number[]): Growth =>
  rates.reduce((last, rate) => grow(last, { event: 'window', rate, inFlight: last.limit }, bounds), growth)

t.test('after two windows, the next larger number is tried: min, its doubles, and max', async (t) => {
  let growth: Growth = settled
  for (const limit of [6, 12, 16]) {
    t.equal(after(growth, 100).at, 'settled')
    growth = after(growth, 100, 100)
    t.match(growth, { at: 'trying', limit })
    growth = { ...settled, limit }
  }
  t.match(after(growth, 100, 100), { at: 'settled', limit: 16, direction: 'down' })
})

t.test('a trial is kept if it is faster by more than 5 % than the fastest of the windows before', async (t) => {
  const trial = after(settled, 90, 100)
  t.match(after(trial, 106), { at: 'settled', limit: 6, direction: 'up', wait: 0 })
  t.match(after(trial, 104), { at: 'settled', limit: 3, direction: 'down', wait: 8, pause: 16 })
})

t.test('fewer parts in flight are kept unless they are slower by more than 2 %', async (t) => {
  const trial = after({ ...settled, limit: 12, direction: 'down' }, 100, 100)
  t.match(trial, { at: 'trying', limit: 6 })
  t.match(after(trial, 99), { at: 'settled', limit: 6, direction: 'down' })
  t.match(after(trial, 97), { at: 'settled', limit: 12, direction: 'up' })
  t.match(after({ ...settled, limit: 4, direction: 'down' }, 100, 100), { at: 'trying', limit: 3 })
})

t.test('the pauses between trials that are undone grow to 64 windows', async (t) => {
  let growth: Growth = settled
  const pauses: number[] = []
  while (pauses.length < 6) {
    while (growth.at !== 'trying') growth = after(growth, 100)
    growth = after(growth, growth.direction === 'up' ? 100 : 50)
    if (growth.at === 'settled') pauses.push(growth.wait)
  }
  t.same(pauses, [8, 16, 32, 64, 64, 64])
})

t.test('a window in which fewer parts were in flight is not compared, and ends a trial', async (t) => {
  const slow: Measured = { event: 'window', rate: 1000, inFlight: 2 }
  t.match(grow(after(settled, 100), slow, bounds), { at: 'settled', limit: 3, rates: [] })
  t.match(grow(after(settled, 100, 100), slow, bounds), { at: 'settled', limit: 3 })
})

t.test('nothing is tried where a connection carries less than 512 KiB in a round trip', async (t) => {
  const rate = (3 * 512 * 1024 * 1000) / 100
  const far = { ...bounds, roundTrip: 100 }
  const settledAt = (one: number): Growth => {
    const window: Measured = { event: 'window', rate: one, inFlight: 3 }
    return grow(grow(settled, window, far), window, far)
  }
  t.match(settledAt(rate), { at: 'trying', limit: 6 })
  t.match(settledAt(rate - 1), { at: 'settled', limit: 3 })
})

t.test('nothing is tried where the round trip is shorter than 10 ms', async (t) => {
  const window: Measured = { event: 'window', rate: 1e12, inFlight: 3 }
  for (const [roundTrip, at] of [
    [9, 'settled'],
    [10, 'trying'],
  ] as const) {
    const near = { ...bounds, roundTrip }
    t.match(grow(grow(settled, window, near), window, near), { at })
  }
})

t.test(
  'at the start, the number rises while it may pay; the start ends at the maximum, or when its time is over',
  async (t) => {
    const start = (limit: number, rate: number, hasEnded = false): Growth =>
      grow({ at: 'starting', limit }, { event: 'start', rate, hasEnded }, { ...bounds, roundTrip: 100 })
    t.same(start(3, 1e9), { at: 'starting', limit: 6 })
    t.same(start(3, 1e6), { at: 'starting', limit: 3 })
    t.match(start(16, 1e9), { at: 'settled', limit: 16 })
    t.match(start(6, 1e9, true), { at: 'settled', limit: 6 })
    t.equal(grow(settled, { event: 'start', rate: 1e9, hasEnded: false }, bounds), settled)
    t.same(after({ at: 'starting', limit: 3 }, 100), { at: 'starting', limit: 3 })
  },
)

t.test('SlowDown halves the number, but not below the minimum, in any state', async (t) => {
  for (const at of [settled, after(settled, 100, 100), { at: 'starting', limit: 12 } as const]) {
    t.match(grow({ ...at, limit: 12 }, { event: 'slowDown' }, bounds), { at: 'settled', limit: 6, wait: 64 })
    t.match(grow({ ...at, limit: 4 }, { event: 'slowDown' }, bounds), { at: 'settled', limit: 3 })
  }
})
