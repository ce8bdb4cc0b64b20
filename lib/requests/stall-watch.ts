import type { SlicedBody } from './sliced-body.js'

/** How long a request may go on after it was cancelled before it is no longer waited for, in milliseconds. */
const GRACE = 5_000

class Stall extends Error {}

/** When anything of an upload last moved, in `performance.now()`'s milliseconds. */
export interface LastActivity {
  at: number
}

/** A timer that is so many milliseconds late tells that this process stood still: its loop, the process or the machine. */
const LATE = 500

/**
 * Watches one request. It stands still when none of its bytes was taken, no attempt began and no byte of an answer came for
 * `timeout` milliseconds; then it is cancelled. What only waits for one of the client's sockets is not to blame, so it
 * stands still only while nothing of the whole upload moves.
 */
export class StallWatch {
  readonly #timeout: number
  readonly #upload: LastActivity
  readonly #caller: AbortSignal
  readonly #cancel = new AbortController()
  #body: SlicedBody | undefined
  #last = 0
  /** Whether a late timer has been forgiven since anything moved: a loop that is always late must not wait for ever. */
  #forgiven = false
  /** Until the request is cancelled, for the next look; then for the end of the grace. */
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #late!: (reason: unknown) => void
  readonly #over = new Promise<never>((_, reject) => {
    this.#late = reject
  })

  /** A `timeout` of 0 never ends; the caller's signal cancels all the same. */
  constructor(timeout: number, upload: LastActivity, caller: AbortSignal) {
    this.#timeout = timeout
    this.#upload = upload
    this.#caller = caller
    this.noteActivity()
    if (timeout > 0) this.#wait(timeout)
    if (caller.aborted) this.#onCaller()
    else caller.addEventListener('abort', this.#onCaller)
  }

  get signal(): AbortSignal {
    return this.#cancel.signal
  }

  /** Whether it was this watch that cancelled the request. */
  get stalled(): boolean {
    return this.signal.reason instanceof Stall
  }

  /** The attempt that has just begun sends these. */
  watchBody(body: SlicedBody): void {
    this.#body?.release()
    this.#body = body
  }

  /** An attempt began, some of its bytes were taken, or some of its answer came. */
  noteActivity(): void {
    this.#forgiven = false
    this.#last = performance.now()
    this.#upload.at = this.#last
  }

  /** A body is being hashed, which takes a while if it is large. Throws once the request is cancelled. */
  noteHashing(): void {
    this.signal.throwIfAborted()
    this.noteActivity()
  }

  /** What the request settles with; once it is cancelled, at most a few seconds later, whatever the client does. */
  async waitFor<T>(request: Promise<T>): Promise<T> {
    try {
      return await Promise.race([request, this.#over])
    } finally {
      this.#end()
    }
  }

  #end(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
    this.#caller.removeEventListener('abort', this.#onCaller)
    this.#body?.release()
    this.noteActivity()
  }

  readonly #onCaller = (): void => this.#abort(this.#caller.reason)

  #abort(reason: unknown): void {
    this.#cancel.abort(reason)
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
    this.#timer = setTimeout(() => this.#late(reason), GRACE)
  }

  /** Looks again in so many milliseconds. */
  #wait(ms: number): void {
    const due = performance.now() + ms
    this.#timer = setTimeout(() => {
      const late = performance.now() - due > LATE
      // Timers come before sockets: what has arrived meanwhile is read first.
      this.#turn = setImmediate(() => this.#look(late))
    }, ms)
  }

  #look(late: boolean): void {
    if (late && !this.#forgiven) {
      this.#forgiven = true
      this.#wait(this.#timeout)
      return
    }
    const last = this.#body?.hasSocket === true ? this.#last : this.#upload.at
    const left = last + this.#timeout - performance.now()
    if (left > 0) {
      this.#wait(left)
    } else {
      this.#body?.requestStalled()
      this.#abort(new Stall(`it stood still for ${this.#timeout} ms`))
    }
  }
}
