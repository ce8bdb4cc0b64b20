import type { PartMemory } from '../parts/pool.js'

/** Up to this size, in bytes, a buffer is not shared: to copy it costs less than to find it in shared memory. */
const MIN_SHARED = 64 * 1024
/** How long a shared buffer is kept without being used, in ms. */
const IDLE_LIMIT = 60_000

/**
 * Buffers in memory that threads share. They are kept and used again by the next stream, because the garbage collector
 * does not count shared memory: it would not run for it, however much there is. Buffers that were not used for a minute
 * are dropped.
 */
export class SharedMemory implements PartMemory {
  /** The one that was used last is at the end. */
  readonly #idle = new Map<Buffer, number>()
  readonly #idleLimit: number
  #timer: NodeJS.Timeout | undefined

  /** `idleLimit` is in ms. */
  constructor(idleLimit = IDLE_LIMIT) {
    this.#idleLimit = idleLimit
  }

  allocate(size: number): Buffer {
    if (size < MIN_SHARED) return Buffer.allocUnsafeSlow(size)
    const idle = [...this.#idle.keys()].findLast(({ length }) => length === size)
    if (idle === undefined) return Buffer.from(new SharedArrayBuffer(size))
    this.#idle.delete(idle)
    return idle
  }

  free(buffer: Buffer): void {
    if (!((buffer.buffer as ArrayBufferLike) instanceof SharedArrayBuffer)) return
    this.#idle.set(buffer, performance.now())
    this.#watch()
  }

  /** Drops all buffers that are not in use. */
  clear(): void {
    this.#idle.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #watch(): void {
    const [since] = this.#idle.values()
    if (since === undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#drop(), since + this.#idleLimit - performance.now()).unref()
  }

  #drop(): void {
    this.#timer = undefined
    const old = performance.now() - this.#idleLimit
    for (const [buffer, since] of this.#idle) if (since <= old) this.#idle.delete(buffer)
    this.#watch()
  }
}
