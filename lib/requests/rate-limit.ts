/**
 * The most bytes that may be sent at once after a pause, in seconds of the rate. Small, so that the rate is exact over
 * seconds; but larger than a slice, so that a timer that fires late costs no throughput: what it missed is sent then.
 */
const BURST_SECONDS = 0.2
/** How many slices a burst has. With a slice every 25 ms a rate is smooth, and its timers cost no CPU. */
const SLICES_PER_BURST = 8
/** The smallest slice, in bytes: a packet of less is mostly headers. Reached below 10 KiB a second. */
const MIN_SLICE = 256

/** A body that waits until it may send some bytes. */
export interface Waiter {
  /** At most the limit's `maxSlice`. */
  readonly bytes: number
  /** Called once, when the bytes may be sent. */
  readonly onGranted: () => void
}

/** The time, and a timer. The tests have a clock of their own. */
export interface Clock {
  /** In ms. */
  now(): number
  /** Calls back after at least `ms` milliseconds. Returns a function that prevents this. */
  callAfter(ms: number, callback: () => void): () => void
}

const realClock: Clock = {
  now: () => performance.now(),
  callAfter: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** A `RateLimit`, or what stands for it in another thread. */
export type Rate = Pick<RateLimit, 'maxSlice' | 'hasWaiters' | 'isWaiting' | 'join' | 'leave'>

/**
 * A token bucket that all bodies of one upload share. In any interval of t seconds it grants at most rate × t + `burst`
 * bytes, and at least rate × t − `burst` if a body always waits.
 *
 * 1. The bucket gains the rate's bytes with time, but never holds more than `burst`, so an idle upload saves up no more.
 * 2. Bodies are served in the order in which they came. Each asks for one slice at a time and then joins the queue again,
 *    so the bodies take turns, and no connection is idle for long.
 * 3. One timer waits for the first body of the queue. Without a queue there is no timer.
 */
export class RateLimit {
  /** In bytes. */
  readonly burst: number
  /** The most bytes that a body may ask for at once. */
  readonly maxSlice: number
  readonly #bytesPerMs: number
  readonly #clock: Clock
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>()
  /** The bytes in the bucket at `#filledAt`. */
  #tokens: number
  #filledAt: number
  #isGranting = false
  #cancelTimer: (() => void) | undefined

  constructor(bytesPerSecond: number, clock = realClock) {
    this.maxSlice = Math.max(MIN_SLICE, Math.floor((bytesPerSecond * BURST_SECONDS) / SLICES_PER_BURST))
    this.burst = Math.max(2 * MIN_SLICE, bytesPerSecond * BURST_SECONDS)
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#clock = clock
    this.#tokens = this.burst
    this.#filledAt = clock.now()
  }

  get hasWaiters(): boolean {
    return this.#waiters.size > 0
  }

  isWaiting(waiter: Waiter | undefined): boolean {
    return waiter !== undefined && this.#waiters.has(waiter)
  }

  /** Calls `onGranted`, before it returns if nobody waits and there are bytes enough, or else later. */
  join(waiter: Waiter): void {
    this.#waiters.add(waiter)
    if (this.#waiters.size === 1 && !this.#isGranting) this.#grant()
  }

  /** Leaves the queue: `onGranted` will not be called. Does nothing if the waiter is not in it. */
  leave(waiter: Waiter | undefined): void {
    if (waiter !== undefined && this.#waiters.delete(waiter) && !this.#isGranting) this.#grant()
  }

  #grant(): void {
    // 1.
    const now = this.#clock.now()
    this.#tokens = Math.min(this.burst, this.#tokens + (now - this.#filledAt) * this.#bytesPerMs)
    this.#filledAt = now
    // 2. A body that is served may join the end of the queue at once. The loop reaches it there.
    this.#isGranting = true
    for (const waiter of this.#waiters) {
      if (waiter.bytes > this.#tokens) break
      this.#tokens -= waiter.bytes
      this.#waiters.delete(waiter)
      waiter.onGranted()
    }
    this.#isGranting = false
    // 3.
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (const { bytes } of this.#waiters) {
      const wait = Math.ceil((bytes - this.#tokens) / this.#bytesPerMs)
      this.#cancelTimer = this.#clock.callAfter(wait, () => this.#grant())
      break
    }
  }
}
