import type { PartBody } from './part-body.js'

/** How long a request may go on after it was cancelled before it is no longer waited for, in milliseconds. */
const GRACE = 5_000

class Stall extends Error {}

/** When anything of an upload last moved, in `performance.now()`'s milliseconds. */
export interface Movement {
  last: number
}

/**
 * Watches one request. It stands still when none of its bytes was taken, no attempt began and no answer came for
 * `timeout` milliseconds; then it is cancelled. What only waits for one of the client's sockets is not to blame, so it
 * stands still only while nothing of the whole upload moves.
 */
export class StallWatch {
  readonly #timeout: number
  readonly #upload: Movement
  readonly #caller: AbortSignal
  readonly #cancel = new AbortController()
  #body: PartBody | undefined
  #last = 0
  #timer: NodeJS.Timeout | undefined

  /** A `timeout` of 0 never ends; the caller's signal cancels all the same. */
  constructor(timeout: number, upload: Movement, caller: AbortSignal) {
    this.#timeout = timeout
    this.#upload = upload
    this.#caller = caller
    if (caller.aborted) this.#cancel.abort(caller.reason)
    caller.addEventListener('abort', this.#onCaller)
    this.moved()
    if (timeout > 0) this.#arm(timeout)
  }

  get signal(): AbortSignal {
    return this.#cancel.signal
  }

  /** Whether it was this watch that cancelled the request. */
  get stalled(): boolean {
    return this.signal.reason instanceof Stall
  }

  /** The attempt that has just begun sends these. */
  sends(body: PartBody): void {
    this.#body = body
  }

  /** An attempt began, some of its bytes were taken, or its answer came. */
  moved(): void {
    this.#last = performance.now()
    this.#upload.last = this.#last
  }

  /** What the request settles with; once it is cancelled, at most a few seconds later, whatever the client does. */
  async settled<T>(request: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const wait = (): void => {
        timer = setTimeout(() => reject(this.signal.reason), GRACE)
      }
      if (this.signal.aborted) wait()
      else this.signal.addEventListener('abort', wait, { once: true })
    })
    try {
      return await Promise.race([request, late])
    } finally {
      clearTimeout(timer)
      this.#end()
    }
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#caller.removeEventListener('abort', this.#onCaller)
    this.moved()
  }

  readonly #onCaller = (): void => {
    this.#cancel.abort(this.#caller.reason)
  }

  #arm(wait: number): void {
    this.#timer = setTimeout(() => this.#look(), wait)
  }

  #look(): void {
    const last = this.#body?.hasSocket === true ? this.#last : this.#upload.last
    const left = last + this.#timeout - performance.now()
    if (left > 0) {
      this.#arm(left)
      return
    }
    this.#cancel.abort(new Stall(`it stood still for ${this.#timeout} ms`))
  }
}
