import type { PartMemory } from '../parts/pool.js'

/** Up to this size, in bytes, a buffer is not shared: to copy it costs less than to find it in shared memory. */
const MIN_SHARED = 64 * 1024
/** What was announced since all memory was last collected. */
let announced: ArrayBuffer[] = []
const collected = new FinalizationRegistry(() => {
  announced = []
})

/**
 * Tells the garbage collector of `size` bytes of shared memory that nobody needs any more. It does not count shared
 * memory: it would not run for it, however much there is. A buffer that is not shared is counted, and costs nothing,
 * because the operating system provides no memory for it before it is written to. It is held until all memory has been
 * collected: the frequent collections of young objects do not free the shared memory, but would end the count.
 */
export function announceGarbage(size: number): void {
  announced.push(new ArrayBuffer(size))
  // The death of an object is reported only when all memory has been collected.
  collected.register({}, undefined)
}

/** How long a shared buffer is kept without being used, in ms. */
const IDLE_LIMIT = 60_000

/**
 * Buffers in memory that threads share. They are kept for a minute, and used again by the next stream whose parts have
 * their size: an upload that ends frees them at once, and another one often begins then.
 */
export class SharedMemory implements PartMemory {
  /** The one that was used last is at the end. */
  readonly #idle = new Map<Buffer, number>()
  readonly #idleLimit: number
  #timer: NodeJS.Timeout | undefined
  readonly #onDropped: (bytes: number) => void

  /** `onDropped` is called when so many bytes will not be used again. `idleLimit` is in ms. */
  constructor(onDropped: (bytes: number) => void, idleLimit = IDLE_LIMIT) {
    this.#onDropped = onDropped
    this.#idleLimit = idleLimit
  }

  allocate(size: number): Buffer {
    if (size < MIN_SHARED) return Buffer.allocUnsafeSlow(size)
    const idle = [...this.#idle.keys()].findLast(({ length }) => length === size)
    if (idle !== undefined) {
      this.#idle.delete(idle)
      return idle
    }
    // Those of other sizes would be held beside it.
    this.clear()
    return Buffer.from(new SharedArrayBuffer(size))
  }

  free(buffer: Buffer): void {
    if (!((buffer.buffer as ArrayBufferLike) instanceof SharedArrayBuffer)) return
    this.#idle.set(buffer, performance.now())
    this.#watch()
  }

  /** Drops all buffers that are not in use. */
  clear(): void {
    this.#dropOlderThan(Number.POSITIVE_INFINITY)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #watch(): void {
    const [since] = this.#idle.values()
    if (since === undefined || this.#timer !== undefined) return
    const onTime = (): void => {
      this.#timer = undefined
      this.#dropOlderThan(performance.now() - this.#idleLimit)
      this.#watch()
    }
    this.#timer = setTimeout(onTime, since + this.#idleLimit - performance.now()).unref()
  }

  /** Drops the buffers that were used last at this time, in `performance.now()`'s milliseconds, or before. */
  #dropOlderThan(time: number): void {
    const old = [...this.#idle].filter(([, since]) => since <= time).map(([buffer]) => buffer)
    if (old.length === 0) return
    const bytes = old.reduce((sum, { length }) => sum + length, 0)
    for (const buffer of old) this.#idle.delete(buffer)
    announceGarbage(bytes)
    this.#onDropped(bytes)
  }
}
