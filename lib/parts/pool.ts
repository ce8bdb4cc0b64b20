/** How long a buffer that is not needed all the time is kept without being used, in ms. */
const IDLE_LIMIT = 60_000

/** Where the buffers of parts come from. */
export interface PartMemory {
  /** A buffer of `size` bytes, with any content. */
  allocate(size: number): Buffer
  /** To be called when a buffer is no longer needed. */
  free(buffer: Buffer): void
}

/** Memory of this thread alone, which the garbage collector frees. */
const OWN_MEMORY: PartMemory = { allocate: (size) => Buffer.allocUnsafeSlow(size), free: () => {} }

/**
 * The buffers that are not in use. They are kept, because a fresh 8 MiB buffer costs 2,048 page faults. Buffers beyond the
 * first `kept`, those in use included, are given back to the system when they have not been used for a minute.
 */
export class BufferPool {
  readonly #kept: number
  readonly #memory: PartMemory
  readonly #idleLimit: number
  /** The one that was used last is at the end, and is used next. */
  readonly #idle: { buffer: Buffer; since: number }[] = []
  #inUse = 0
  #timer: NodeJS.Timeout | undefined
  #isEnded = false

  /** `idleLimit` is in ms. */
  constructor(kept: number, memory: PartMemory = OWN_MEMORY, idleLimit = IDLE_LIMIT) {
    this.#kept = kept
    this.#memory = memory
    this.#idleLimit = idleLimit
  }

  /** A buffer to use; undefined if a new one must be made. The caller counts as using one either way. */
  take(): Buffer | undefined {
    this.#inUse++
    return this.#idle.pop()?.buffer
  }

  /** A new buffer, to be used. */
  allocate(size: number): Buffer {
    return this.#memory.allocate(size)
  }

  /** Frees a buffer that was in use and has been replaced by a larger one. */
  free(buffer: Buffer): void {
    this.#memory.free(buffer)
  }

  /** Ends the use of a buffer. Keeps it if it `fits` the parts that are to come. */
  giveBack(buffer: Buffer, fits: boolean): void {
    this.#inUse--
    if (!fits || this.#isEnded) {
      this.#memory.free(buffer)
      return
    }
    this.#idle.push({ buffer, since: performance.now() })
    this.#watch()
  }

  /** Frees all buffers that are not in use. */
  clear(): void {
    for (const { buffer } of this.#idle.splice(0)) this.#memory.free(buffer)
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Frees all buffers that are not in use, and from now on each one whose use ends. */
  end(): void {
    this.#isEnded = true
    this.clear()
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
    while (this.#excess && (this.#idle[0] as { since: number }).since + this.#idleLimit <= now) {
      const { buffer } = this.#idle.shift() as { buffer: Buffer }
      this.#memory.free(buffer)
    }
    this.#watch()
  }
}
