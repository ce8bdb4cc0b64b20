/** How long a buffer that is not needed all the time is kept without being used, in ms. */
const IDLE_LIMIT = 60_000

/**
 * The buffers that are not in use. They are kept, because a fresh 8 MiB buffer costs 2,048 page faults. Buffers beyond the
 * first `kept`, those in use included, are given back to the system when they have not been used for a minute.
 */
export class BufferPool {
  readonly #kept: number
  readonly #idleLimit: number
  /** The one that was used last is at the end, and is used next. */
  readonly #idle: { buffer: Buffer; since: number }[] = []
  #inUse = 0
  #timer: NodeJS.Timeout | undefined

  /** `idleLimit` is in ms. */
  constructor(kept: number, idleLimit = IDLE_LIMIT) {
    this.#kept = kept
    this.#idleLimit = idleLimit
  }

  /** A buffer to use; undefined if a new one must be made. The caller counts as using one either way. */
  take(): Buffer | undefined {
    this.#inUse++
    return this.#idle.pop()?.buffer
  }

  /** Ends the use of a buffer. Keeps it, unless it is left out because it has the wrong size. */
  giveBack(buffer: Buffer | undefined): void {
    this.#inUse--
    if (buffer === undefined) return
    this.#idle.push({ buffer, since: performance.now() })
    this.#watch()
  }

  /** Drops all buffers that are not in use. */
  clear(): void {
    this.#idle.length = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  get #excess(): boolean {
    return this.#idle.length > 0 && this.#idle.length + this.#inUse > this.#kept
  }

  #watch(): void {
    if (this.#timer !== undefined || !this.#excess) return
    const { since } = this.#idle[0] as { since: number }
    this.#timer = setTimeout(() => this.#drop(), since + this.#idleLimit - performance.now()).unref()
  }

  #drop(): void {
    this.#timer = undefined
    const now = performance.now()
    while (this.#excess && (this.#idle[0] as { since: number }).since + this.#idleLimit <= now) this.#idle.shift()
    this.#watch()
  }
}
