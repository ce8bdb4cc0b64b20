import t from 'tap'
import { type Link, type Outcome, type SimulatedStream, settledRate, simulate } from '../../support/simulated-link.js'

const AUTO = { min: 4, max: 16 }
const megabits = (n: number): number => (n * 1e6) / 8
const fixed = (n: number, parts = 1000): SimulatedStream => ({ bounds: { min: n, max: n }, parts })
const auto = (roundTrip: number | undefined, parts = 1000): SimulatedStream => ({ bounds: AUTO, parts, roundTrip })
const one = (link: Link, stream: SimulatedStream, ...more: Parameters<typeof simulate>[2][]): Outcome =>
  simulate(link, [stream], more[0])[0] as Outcome
const limitsOf = ({ limits }: Outcome): number[] => limits.map(({ limit }) => limit)

/** The number that was allowed for the longest time after `from`, and all that were allowed then. */
function settledLimits({ limits, stored }: Outcome, from: number): { usual: number; all: number[] } {
  const spans = limits.map(({ limit, at }, index) => {
    const end = limits[index + 1]?.at ?? (stored.at(-1) as number)
    return { limit, ms: end - Math.max(from, at) }
  })
  const later = spans.filter(({ ms }) => ms > 0)
  const all = [...new Set(later.map(({ limit }) => limit))]
  const msOf = (limit: number): number => later.reduce((sum, one) => sum + (one.limit === limit ? one.ms : 0), 0)
  return { usual: all.toSorted((a, b) => msOf(b) - msOf(a))[0] as number, all }
}

t.test(
  'over any link, the number ends within 10 % of the best fixed one, and then differs by one step at most',
  async (t) => {
    for (const roundTrip of [1, 20, 50, 100, 200, 400]) {
      for (const rate of [20, 100, 300, 1000, 5000]) {
        const link = { roundTrip, rate: megabits(rate), answer: 10 }
        const best = Math.max(...[4, 8, 16].map((n) => settledRate(one(link, fixed(n, 300)))))
        for (const create of [roundTrip + 10, 3 * roundTrip + 10]) {
          const found = one(link, auto(create))
          const name = `${roundTrip} ms, ${rate} Mbit/s, Create took ${create} ms: ${limitsOf(found)}`
          t.ok(settledRate(found) >= 0.9 * best, name)
          const { usual, all } = settledLimits(found, found.stored[400] as number)
          for (const limit of all) t.ok(limit >= usual / 2 && limit <= usual * 2, name)
        }
      }
    }
  },
)

t.test('over a long link the number reaches its maximum before the first part is stored', async (t) => {
  const link = { roundTrip: 200, rate: megabits(1000), answer: 5 }
  for (const roundTrip of [205, 605]) {
    const { limits, stored } = one(link, auto(roundTrip, 128))
    t.match(limits.at(-1), { limit: 16 })
    t.ok((limits.at(-1) as { at: number }).at < (stored[0] as number))
  }
})

t.test('over a slow link the number stays at its minimum, however long the round trip is', async (t) => {
  for (const roundTrip of [10, 100, 200]) {
    const { most } = one({ roundTrip, rate: megabits(20), answer: 10 }, auto(3 * roundTrip, 200))
    t.equal(most, 4, `${roundTrip} ms`)
  }
})

t.test('without the time of a request, the number is found by trials alone', async (t) => {
  const link = { roundTrip: 100, rate: megabits(5000), answer: 5 }
  for (const create of [undefined, 0, -1000]) t.same(limitsOf(one(link, auto(create, 200))), [4, 8, 16])
})

t.test('a server that is slow to begin an upload does not make a slow link look like a long one', async (t) => {
  const { most } = one({ roundTrip: 50, rate: megabits(20), answer: 10 }, auto(10_000, 200))
  t.equal(most, 4)
})

t.test('a source that is the slower side gets no more parts in flight', async (t) => {
  const link = { roundTrip: 100, rate: megabits(5000), answer: 10 }
  t.same(limitsOf(one(link, { ...auto(110, 200), source: 2 })), [4])
})

t.test('a source that becomes the slower side needs fewer parts in flight, and gets fewer', async (t) => {
  const link = { roundTrip: 100, rate: megabits(5000), answer: 10 }
  const stream = { ...auto(110, 800), source: 1000 }
  const found = one(link, stream, (now) => {
    if (now > 10_000) stream.source = 4
  })
  t.equal(Math.max(...limitsOf(found)), 16)
  t.equal(limitsOf(found).at(-1), 4)
})

t.test('a link that becomes faster is noticed', async (t) => {
  const link = { roundTrip: 100, rate: megabits(50), answer: 5 }
  const found = one(link, auto(105), (now) => {
    if (now > 100_000) link.rate = megabits(5000)
  })
  t.equal(found.limits.filter(({ at }) => at < 100_000).length, 1)
  t.equal(found.limits.at(-1)?.limit, 16)
})

t.test('two streams of one client do not grow where each could only take from the other', async (t) => {
  const link = { roundTrip: 20, rate: megabits(500), answer: 5 }
  const outcomes = simulate(link, [auto(undefined), { ...auto(undefined), from: 2000 }])
  for (const found of outcomes) {
    const tried = limitsOf(found).filter((limit) => limit > 4)
    t.ok(tried.length > 0, 'it tried')
    t.same([...new Set(tried)], [8], 'and never went on')
    t.equal(settledLimits(found, 0).usual, 4)
  }
})

t.test('a stream whose source pauses during a trial keeps the others from theirs for a minute only', async (t) => {
  const link = { roundTrip: 100, rate: megabits(5000), answer: 5 }
  const paused = { ...auto(undefined, 400), source: 1000 }
  let pausedAt = Number.POSITIVE_INFINITY
  const [, other] = simulate(link, [paused, { ...auto(undefined, 2000), from: 1000 }], (now, [concurrency]) => {
    if (concurrency?.limit === 8) pausedAt = Math.min(pausedAt, now)
    paused.source = now >= pausedAt && now < pausedAt + 100_000 ? 0 : 1000
  })
  const firstTrial = other?.limits[1] as { at: number }
  t.ok(firstTrial.at >= pausedAt + 60_000 && firstTrial.at < pausedAt + 100_000, `${firstTrial.at}, ${pausedAt}`)
})

t.test(
  'SlowDown halves the number once for all parts in flight, down to the minimum, and it comes back slowly',
  async (t) => {
    const link = { roundTrip: 200, rate: megabits(1000), answer: 5 }
    let before = 0
    const found = one(link, auto(205, 3000), (now, [concurrency]) => {
      if (now < 20_000 || before > 0) return
      before = concurrency?.limit ?? 0
      for (let part = 0; part < before; part++) concurrency?.slowDown(now)
    })
    t.equal(before, 16)
    const after = found.limits.filter(({ at }) => at > 20_000)
    t.equal(after[0]?.limit, 8)
    const perWindow = 2 * 8
    const stored = found.stored.filter((at) => at > 20_000 && at < (after[1]?.at as number)).length
    t.ok(stored > 60 * perWindow, `${stored} parts were stored before the next trial`)
    t.equal(after.at(-1)?.limit, 16)
  },
)
