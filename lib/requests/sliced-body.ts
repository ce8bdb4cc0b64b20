import { Readable } from 'node:stream'

/** Large enough to cost nothing, small enough that TLS does not encrypt a whole part in one go. */
export const SLICE = 1024 * 1024
/**
 * What follows the head of the request in one write: Node's TLS copies what it is given in several pieces. Shorter than
 * the socket's `highWaterMark`, and the next slice would be in that write too.
 */
export const FIRST_SLICE = 64 * 1024
/** A slice that is gone within so many milliseconds … */
const AT_ONCE = 1000
/** … makes the next so many times as large; another makes it small. */
const GROWTH = 4

const NOTHING = new Uint8Array()

/**
 * How large a slice the link takes at once, which the bodies of one upload find out together: on a slow one, a large slice
 * that goes would look like one that stands still.
 */
export class SliceSize {
  #slice = FIRST_SLICE
  #most = SLICE

  get current(): number {
    return this.#slice
  }

  /** A slice was gone after so many milliseconds. */
  sliceTaken(after: number): void {
    this.#slice = after < AT_ONCE ? Math.min(this.#most, this.#slice * GROWTH) : FIRST_SLICE
  }

  /**
   * A request stood still: what was large may be too large for the link. The next attempt would come to it again, since
   * the system's socket takes the first slices at once, however slow the link is.
   */
  requestStalled(): void {
    this.#most = Math.max(FIRST_SLICE, this.#slice / GROWTH)
    this.#slice = FIRST_SLICE
  }
}

/** The request, as Node has it; a handler of another make may have another. */
type Destination = { socket?: unknown; destroy?: () => void }

/**
 * One attempt at sending a part: the part's own memory, a slice at a time, so that the socket's backpressure
 * holds and the event loop gets its turn. `onTaken` hears how many bytes of this attempt have gone.
 */
export class SlicedBody extends Readable {
  readonly #pace: SliceSize
  readonly #onTaken: (taken: number) => void
  #bytes: Uint8Array
  #at = 0
  #taken = false
  /** When the last slice was taken. */
  #since = 0
  #request: Destination | undefined

  constructor(bytes: Uint8Array, pace: SliceSize, onTaken: (taken: number) => void) {
    // Nothing is read ahead: what was taken has been given to the socket.
    super({ highWaterMark: 0 })
    this.#bytes = bytes
    this.#pace = pace
    this.#onTaken = onTaken
  }

  /** Whether the request that takes these bytes has a connection; unknown, so false, where they go to no such request. */
  get hasSocket(): boolean {
    return Boolean(this.#request?.socket)
  }

  /** Whether all of its bytes have been taken: S3 stores nothing of which it did not get all. */
  get isTaken(): boolean {
    return this.#taken
  }

  /** How the SDK's handler takes a body: here the request can be seen. */
  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    this.#request = destination as Destination
    return super.pipe(destination, options)
  }

  /** Its request is given up, since nothing of it moved any more. */
  requestStalled(): void {
    this.#pace.requestStalled()
  }

  /**
   * The attempt is over: lets go of the memory, to which the SDK's errors lead, through the request. A request that S3
   * refused before it was all sent is broken off; one that has all its bytes is not, though it may not know yet that the
   * last of them are gone.
   */
  release(): void {
    if (this.#at < this.#bytes.length || this.readableLength > 0) this.#request?.destroy?.()
    this.#bytes = NOTHING
    this.unpipe()
    while (this.read() !== null);
    this.destroy()
  }

  override _read(): void {
    // Released: an end would make what came of it look like the whole.
    if (this.#bytes === NOTHING) return
    const now = performance.now()
    if (this.#at > 0) this.#pace.sliceTaken(now - this.#since)
    this.#since = now
    const slice = this.#bytes.subarray(this.#at, this.#at + (this.#at === 0 ? FIRST_SLICE : this.#pace.current))
    this.#at += slice.length
    this.#onTaken(this.#at)
    this.push(slice)
    // At once, so that the request ends with its last byte, and not only when the socket has room again.
    this.#taken = this.#at === this.#bytes.length
    if (this.#taken) this.push(null)
  }
}
