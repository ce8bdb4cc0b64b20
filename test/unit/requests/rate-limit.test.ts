import fc from 'fast-check'
import t from 'tap'
import { type Clock, RateLimit, type Waiter } from '../../../lib/requests/rate-limit.js'
import { KiB, MiB } from '../../support/bytes.js'

/** A clock whose time passes only in `advance`. Its timers fire up to `lateness` ms late. */
class SimulatedClock implements Clock {
  #now = 0
  readonly #timers = new Set<{ at: number; callback: () => void }>()
  readonly #lateness: () => number

  constructor(lateness = (): number => 0) {
    this.#lateness = lateness
  }

  get timers(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#now
  }

  callAfter(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms + this.#lateness(), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at)
      if (next === undefined || next.at > end) break
      this.#timers.delete(next)
      this.#now = next.at
      next.callback()
    }
    this.#now = end
  }
}

interface Grant {
  sender: number
  at: number
  bytes: number
}

/** Adds a sender that asks for `size` bytes again and again, and records what it is granted. */
function addSender(limit: RateLimit, clock: Clock, grants: Grant[], sender = 0, size = limit.maxSlice): void {
  const waiter: Waiter = {
    bytes: size,
    onGranted: () => {
      grants.push({ sender, at: clock.now(), bytes: size })
      limit.join(waiter)
    },
  }
  limit.join(waiter)
}

const sum = (grants: Grant[]): number => grants.reduce((total, { bytes }) => total + bytes, 0)

t.test('a sender that always waits gets the rate, and at most a burst at once', async (t) => {
  for (const rate of [1, KiB, 50 * KiB, MiB, 20 * MiB, 10_000 * MiB]) {
    const clock = new SimulatedClock()
    const limit = new RateLimit(rate, clock)
    const grants: Grant[] = []
    addSender(limit, clock, grants)
    t.ok(sum(grants) <= limit.burst && sum(grants) > limit.burst - limit.maxSlice)
    clock.advance(3_600_000)
    const expected = 3600 * rate
    t.ok(Math.abs(sum(grants) - expected) <= limit.burst, `${rate}: ${sum(grants)} of ${expected}`)
  }
})

t.test('bytes are granted evenly, also at a low rate', async (t) => {
  for (const [rate, longestPause] of [
    [KiB, 251],
    [10 * KiB, 26],
    [50 * KiB, 26],
    [20 * MiB, 26],
  ] as const) {
    const clock = new SimulatedClock()
    const grants: Grant[] = []
    addSender(new RateLimit(rate, clock), clock, grants)
    clock.advance(10_000)
    const pauses = grants.slice(1).map(({ at }, index) => at - (grants[index]?.at ?? 0))
    t.ok(Math.max(...pauses) <= longestPause, `${rate}: ${Math.max(...pauses)}`)
  }
})

t.test('a burst is a fifth of a second of the rate, and never less than two of the smallest slices', async (t) => {
  for (const [rate, burst, maxSlice] of [
    [1, 512, 256],
    [10 * KiB, 2048, 256],
    [20 * MiB, 4 * MiB, 512 * KiB],
  ] as const) {
    t.match(new RateLimit(rate), { burst, maxSlice })
  }
})

t.test('senders take turns, in the order in which they came', async (t) => {
  const clock = new SimulatedClock()
  const limit = new RateLimit(100 * KiB, clock)
  const grants: Grant[] = []
  // While the burst lasts, the first one never has to wait for a turn.
  addSender(limit, clock, grants, 0)
  const before = grants.length
  for (const sender of [1, 2, 3]) addSender(limit, clock, grants, sender)
  clock.advance(200)
  t.strictSame(
    grants.slice(before).map(({ sender }) => sender),
    [0, 1, 2, 3, 0, 1, 2, 3],
  )
})

t.test('a timer that fires late costs no throughput, unless it is later than a burst', async (t) => {
  const clock = new SimulatedClock(() => 150)
  const limit = new RateLimit(MiB, clock)
  const grants: Grant[] = []
  addSender(limit, clock, grants)
  clock.advance(60_000)
  t.ok(sum(grants) >= 60 * MiB - limit.burst, `${sum(grants)}`)
})

t.test('a waiter that leaves is not served, and the next one does not wait for its bytes', async (t) => {
  const clock = new SimulatedClock()
  const limit = new RateLimit(KiB, clock)
  const served: string[] = []
  const waiter = (name: string, bytes: number): Waiter => ({ bytes, onGranted: () => served.push(name) })
  const first = waiter('first', 256)
  limit.join(first)
  limit.join(waiter('second', 256))
  const third = waiter('third', 256)
  const fourth = waiter('fourth', 1)
  limit.join(third)
  limit.join(fourth)
  t.strictSame(served, ['first', 'second'])
  t.strictSame(
    [first, third, fourth, undefined].map((each) => limit.isWaiting(each)),
    [false, true, true, false],
  )
  clock.advance(1)
  limit.leave(third)
  t.strictSame(served, ['first', 'second', 'fourth'])
  for (const gone of [first, third, undefined]) limit.leave(gone)
  clock.advance(1000)
  t.strictSame(served, ['first', 'second', 'fourth'])
  t.notOk(limit.hasWaiters)
})

t.test('there is no timer while nobody waits', async (t) => {
  const clock = new SimulatedClock()
  const limit = new RateLimit(1, clock)
  t.equal(clock.timers, 0)
  const waiters = [1, 2, 3, 4].map((): Waiter => ({ bytes: 256, onGranted: () => {} }))
  for (const waiter of waiters) limit.join(waiter)
  t.equal(clock.timers, 1)
  for (const waiter of waiters) limit.leave(waiter)
  t.equal(clock.timers, 0)
})

t.test(
  'by the real clock, a timer serves the next waiter, and does not keep a process alive that needs none',
  async (t) => {
    const limit = new RateLimit(10 * KiB)
    const start = performance.now()
    for (let granted = 0; granted < 2560; granted += 256) {
      await new Promise<void>((onGranted) => limit.join({ bytes: 256, onGranted }))
    }
    // 2,560 bytes, of which 2,048 are a burst.
    t.ok(performance.now() - start >= 50)
    t.notOk(limit.hasWaiters)
  },
)

t.test('any interval gets at most rate × t + burst, and one with a waiter at least rate × t − burst', async () => {
  const sizes = fc.integer({ min: 16, max: 256 })
  const senders = fc.array(fc.record({ size: sizes, joins: fc.nat(5000) }), { minLength: 1, maxLength: 5 })
  const steps = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), senders, steps, fc.nat(20), (rate, all, advances, late) => {
      let turn = 0
      const clock = new SimulatedClock(() => (turn++ % 3 === 0 ? late : 0))
      const limit = new RateLimit(rate, clock)
      const grants: Grant[] = []
      let begun = 0
      for (const ms of advances) {
        for (const [sender, { size, joins }] of all.entries()) {
          if (joins > clock.now() || sender < begun) continue
          begun = sender + 1
          addSender(limit, clock, grants, sender, size)
        }
        clock.advance(ms)
      }
      const slack = 1e-6 * rate + 1e-6
      // An interval that begins with one grant and ends with another: the bytes granted less those that the rate allows.
      let total = 0
      let least = Number.POSITIVE_INFINITY
      for (const { at, bytes } of grants) {
        least = Math.min(least, total - (rate * at) / 1000)
        total += bytes
        if (total - (rate * at) / 1000 - least > limit.burst + slack) return false
      }
      const [first] = grants
      if (first === undefined) return true
      const seconds = (clock.now() - first.at) / 1000
      return sum(grants) >= rate * seconds - limit.burst - slack
    }),
    { numRuns: 100 },
  )
})
