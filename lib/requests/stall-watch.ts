import type { AttemptBody } from './body.js'

/**
 * How long to wait for a cancelled request to end, in ms. A client that ignores its signal must not keep the stream
 * from ending.
 */
const CANCEL_LIMIT = 5_000

/**
 * A timer that fires this late, in ms, shows that the process itself did not run: its event loop was blocked, or the
 * process or the machine was suspended.
 */
const LATE_TIMER = 500

/** The reason with which a stalled request is cancelled. */
class StallError extends Error {}

/** When any request of an upload last made progress, in `performance.now()`'s milliseconds. */
export interface LastActivity {
  at: number
}

/**
 * Watches one request, with all its attempts, and cancels it when it stalls: when for `timeout` milliseconds no attempt
 * began, the socket took none of its bytes, and no byte of an answer arrived.
 *
 * 1. A request that has no socket yet waits for another request of the upload to free one. It has stalled only if no
 *    request of the upload makes progress.
 * 2. If the timer fires late, the process itself did not run, so the request gets its full time once more. That happens
 *    once between two signs of progress, or the stall of a request in an event loop that is always late would never be
 *    found.
 * 3. A cancelled request is still waited for, but not longer than CANCEL_LIMIT.
 * 4. A request whose body waits for its turn under the rate limit has not stalled, however low the rate is.
 */
export class StallWatch {
  readonly #timeout: number
  readonly #upload: LastActivity
  readonly #callerSignal: AbortSignal
  readonly #canceller = new AbortController()
  /** The body of the current attempt. */
  #body: AttemptBody | undefined
  /** When this request last made progress. */
  #lastActivity = 0
  /** Whether a late timer has been excused since the last progress. */
  #lateTimerExcused = false
  /** The timer of the next check; after the request was cancelled, the timer of CANCEL_LIMIT. */
  #timer: NodeJS.Timeout | undefined
  #check: NodeJS.Immediate | undefined
  /** Rejects the promise of `waitFor`. */
  #abandon!: (reason: unknown) => void

  /** With a `timeout` of 0 the request never stalls. `callerSignal` cancels the request. */
  constructor(timeout: number, upload: LastActivity, callerSignal: AbortSignal) {
    this.#timeout = timeout
    this.#upload = upload
    this.#callerSignal = callerSignal
    this.noteActivity()
    if (timeout > 0) this.#checkIn(timeout)
    if (callerSignal.aborted) this.#onCallerAbort()
    else callerSignal.addEventListener('abort', this.#onCallerAbort)
  }

  /** Cancels the request. */
  get signal(): AbortSignal {
    return this.#canceller.signal
  }

  /** Whether the request was cancelled because it stalled, and not by the caller. */
  get stalled(): boolean {
    return this.signal.reason instanceof StallError
  }

  /** Watches the body of a new attempt, and releases that of the attempt before. */
  watchBody(body: AttemptBody): void {
    this.#body?.release()
    this.#body = body
  }

  /** To be called when an attempt begins, the socket takes bytes, or bytes of an answer arrive. */
  noteActivity(): void {
    this.#lateTimerExcused = false
    this.#lastActivity = performance.now()
    this.#upload.at = this.#lastActivity
  }

  /** To be called while a large body is being hashed before it is sent. Throws once the request is cancelled. */
  noteHashing(): void {
    this.signal.throwIfAborted()
    this.noteActivity()
  }

  /**
   * Settles as the request does. Rejects CANCEL_LIMIT after the request was cancelled, even if the client ignores the
   * signal.
   */
  async waitFor<T>(request: Promise<T>): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#abandon = reject
        request.then(resolve, reject)
      })
    } finally {
      this.#end()
    }
  }

  #end(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#check)
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort)
    this.#body?.release()
    this.noteActivity()
  }

  readonly #onCallerAbort = (): void => this.#cancel(this.#callerSignal.reason)

  #cancel(reason: unknown): void {
    // The CANCEL_LIMIT of a request that has stalled goes on when its upload fails and the caller cancels it too.
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort)
    this.#canceller.abort(reason)
    clearTimeout(this.#timer)
    clearImmediate(this.#check)
    // 3.
    this.#timer = setTimeout(() => this.#abandon(reason), CANCEL_LIMIT)
  }

  #checkIn(ms: number): void {
    const due = performance.now() + ms
    this.#timer = setTimeout(() => {
      const isLate = performance.now() - due > LATE_TIMER
      // The event loop runs timers before sockets. The check waits until data that has arrived meanwhile was read.
      this.#check = setImmediate(() => this.#cancelIfStalled(isLate))
    }, ms)
  }

  #cancelIfStalled(isLate: boolean): void {
    // 2.
    if (isLate && !this.#lateTimerExcused) {
      this.#lateTimerExcused = true
      this.#checkIn(this.#timeout)
      return
    }
    // 4.
    if (this.#body?.isHeldBack === true) this.noteActivity()
    // 1.
    const lastActivity = this.#body?.hasSocket === true ? this.#lastActivity : this.#upload.at
    const left = lastActivity + this.#timeout - performance.now()
    if (left > 0) {
      this.#checkIn(left)
    } else {
      this.#body?.requestStalled()
      this.#cancel(new StallError(`no progress for ${this.#timeout} ms`))
    }
  }
}
