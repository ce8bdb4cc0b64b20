import { Readable } from 'node:stream'
import type { AttemptBody } from './body.js'
import type { Rate, Waiter } from './rate-limit.js'

/** The largest slice: large enough to cost nothing, small enough that TLS does not encrypt a whole part in one go. */
export const SLICE = 1024 * 1024
/**
 * The first slice of each body, which Node writes together with the head of the request. TLS copies data that is
 * written in several pieces, so the slice is small; but it fills the socket's `highWaterMark`, or the next slice would
 * join that write.
 */
export const FIRST_SLICE = 64 * 1024
/** If the socket takes a slice within this time, in ms, the next one is GROWTH times larger, up to the largest. */
const FAST_SLICE_MS = 1000
const GROWTH = 4

const NO_BYTES = new Uint8Array()

/** The length of a `SliceSize`'s state, and what its numbers are. */
export const STATE_LENGTH = 3
const SIZE = 0
const MAX = 1
const KEEPS_SMALL = 2

/**
 * The size of the slices in which the bodies of one upload are sent, and the rate. The size is adapted to the link,
 * because on a slow link a large slice takes so long that its request looks stalled.
 */
export class SliceSize {
  /** Undefined without a `maxRate`. */
  readonly rateLimit: Rate | undefined
  /** The present size, its maximum, and whether slices are kept small. An array, because threads may share it. */
  readonly state: Int32Array
  readonly #largest: number

  /** `state` is that of a `SliceSize` of the same upload in another thread, or zeros. */
  constructor(rateLimit?: Rate, state: Int32Array = new Int32Array(STATE_LENGTH)) {
    this.rateLimit = rateLimit
    this.state = state
    this.#largest = rateLimit?.maxSlice ?? SLICE
    if (state[SIZE] !== 0) return
    this.#size = FIRST_SLICE
    this.#max = SLICE
  }

  /** Whether all slices are as small as the first one, so that it can be seen how fast the network takes them. */
  get keepsSmall(): boolean {
    return this.state[KEEPS_SMALL] === 1
  }

  set keepsSmall(keepsSmall: boolean) {
    this.state[KEEPS_SMALL] = keepsSmall ? 1 : 0
  }

  get #size(): number {
    return this.state[SIZE] as number
  }

  set #size(size: number) {
    this.state[SIZE] = size
  }

  get #max(): number {
    return this.state[MAX] as number
  }

  set #max(max: number) {
    this.state[MAX] = max
  }

  /** The size of a body's first slice. */
  get first(): number {
    return Math.min(FIRST_SLICE, this.#largest)
  }

  get current(): number {
    return this.keepsSmall ? this.first : Math.min(this.#size, this.#largest)
  }

  /** Whether the rate limit holds back a body that asked for its next slice with this waiter. */
  holdsBack(hasSocket: boolean, waiter: Waiter | undefined): boolean {
    if (this.rateLimit === undefined) return false
    return hasSocket ? this.rateLimit.isWaiting(waiter) : this.rateLimit.hasWaiters
  }

  /** To be called when the socket has taken a slice, `ms` milliseconds after it was offered. */
  sliceTaken(ms: number): void {
    this.#size = ms < FAST_SLICE_MS ? Math.min(this.#max, this.#size * GROWTH) : FIRST_SLICE
  }

  /**
   * To be called when a request stalled, perhaps because its slices were too large for the link. Lowers the maximum
   * too: the operating system buffers the first slices of the next attempt at once, however slow the link is, so the
   * size would grow to the same value again.
   */
  requestStalled(): void {
    this.#max = Math.max(FIRST_SLICE, this.#size / GROWTH)
    this.#size = FIRST_SLICE
  }
}

/**
 * Node's `http.ClientRequest`, by shape: the caller's request handler may pipe the body into another kind of stream.
 */
type OutgoingRequest = { socket?: unknown; destroy?: () => void }

/**
 * The body of one attempt at a request. It yields views of the part's memory, one slice at a time, so that the socket's
 * backpressure holds and the event loop gets its turn.
 */
export class SlicedBody extends Readable implements AttemptBody {
  readonly #sliceSize: SliceSize
  readonly #onSent: (sent: number, bytes: number) => void
  readonly #onHandedOver: (() => void) | undefined
  #bytes: Uint8Array
  /** The offset of the next slice. */
  #offset = 0
  #fullySent = false
  /** When the last slice was given to the request, in `performance.now()`'s milliseconds. */
  #lastSliceAt = 0
  /** The last slice that had to wait for its turn under the rate limit. */
  #waiter: Waiter | undefined
  #request: OutgoingRequest | undefined

  /**
   * `onSent` is called when `bytes` were given to the request, `sent` bytes in all; `onHandedOver` when the operating
   * system has all of them.
   */
  constructor(
    bytes: Uint8Array,
    sliceSize: SliceSize,
    onSent: (sent: number, bytes: number) => void,
    onHandedOver?: () => void,
  ) {
    // Without read-ahead, a slice is read only when the socket has room for it.
    super({ highWaterMark: 0 })
    this.#bytes = bytes
    this.#sliceSize = sliceSize
    this.#onSent = onSent
    this.#onHandedOver = onHandedOver
  }

  /** False, too, if the body is not piped into a `ClientRequest`. */
  get hasSocket(): boolean {
    return Boolean(this.#request?.socket)
  }

  get isFullySent(): boolean {
    return this.#fullySent
  }

  get isHeldBack(): boolean {
    return this.#sliceSize.holdsBack(this.hasSocket, this.#waiter)
  }

  /** The SDK's request handler pipes the body into the request, which is kept for `hasSocket` and `release`. */
  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    this.#request = destination as OutgoingRequest
    if (this.#onHandedOver !== undefined) destination.once('finish', this.#onHandedOver)
    return super.pipe(destination, options)
  }

  /** Also called by Node when the request has ended. The body then takes no more of the rate. */
  override unpipe(destination?: NodeJS.WritableStream): this {
    this.#stopWaiting()
    return super.unpipe(destination)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stopWaiting()
    callback(error)
  }

  requestStalled(): void {
    this.#sliceSize.requestStalled()
  }

  /** A request that has all its bytes stays open: the socket may still be sending the last of them. */
  release(): void {
    if (this.#offset < this.#bytes.length || this.readableLength > 0) this.#request?.destroy?.()
    this.#bytes = NO_BYTES
    this.unpipe()
    while (this.read() !== null);
    this.destroy()
  }

  override _read(): void {
    // Released. Ending the stream would make an incomplete body look complete.
    if (this.#bytes === NO_BYTES) return
    if (this.#offset > 0) this.#sliceSize.sliceTaken(performance.now() - this.#lastSliceAt)
    const size = this.#offset === 0 ? this.#sliceSize.first : this.#sliceSize.current
    const { rateLimit } = this.#sliceSize
    if (rateLimit === undefined) {
      this.#give(size)
    } else {
      const bytes = Math.min(size, this.#bytes.length - this.#offset)
      this.#waiter = { bytes, onGranted: () => this.#give(bytes) }
      rateLimit.join(this.#waiter)
    }
  }

  /** Gives the next slice to the request. */
  #give(size: number): void {
    this.#lastSliceAt = performance.now()
    const slice = this.#bytes.subarray(this.#offset, this.#offset + size)
    this.#offset += slice.length
    this.#onSent(this.#offset, slice.length)
    this.push(slice)
    // Ends here rather than at the next read, which comes only when the socket has room again.
    this.#fullySent = this.#offset === this.#bytes.length
    if (this.#fullySent) this.push(null)
  }

  #stopWaiting(): void {
    this.#sliceSize.rateLimit?.leave(this.#waiter)
  }
}
