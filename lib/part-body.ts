import { Readable } from 'node:stream'

/** Large enough to cost nothing, small enough that TLS does not encrypt a whole part in one go. */
export const SLICE = 512 * 1024
/**
 * What follows the head of the request in one write: Node's TLS copies what it is given in several pieces. Shorter than
 * the socket's `highWaterMark`, and the next slice would be in that write too.
 */
export const FIRST_SLICE = 64 * 1024

const NOTHING = new Uint8Array()

/** The request, as Node has it; a handler of another make may have another. */
type Destination = { socket?: unknown; destroy?: () => void }

/**
 * One attempt at sending a part: the part's own memory, a slice at a time, so that the socket's backpressure
 * holds and the event loop gets its turn. `onTaken` hears how many bytes of this attempt have gone.
 */
export class PartBody extends Readable {
  readonly #onTaken: (taken: number) => void
  #bytes: Uint8Array
  #at = 0
  #request: Destination | undefined

  constructor(bytes: Uint8Array, onTaken: (taken: number) => void) {
    super({ highWaterMark: SLICE })
    this.#bytes = bytes
    this.#onTaken = onTaken
  }

  /** Whether the request that takes these bytes has a connection; unknown, so false, where they go to no such request. */
  get hasSocket(): boolean {
    return Boolean(this.#request?.socket)
  }

  /** How the SDK's handler takes a body: here the request can be seen. */
  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    this.#request = destination as Destination
    return super.pipe(destination, options)
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
    if (this.#at === this.#bytes.length) {
      this.push(null)
      return
    }
    const slice = this.#bytes.subarray(this.#at, this.#at + (this.#at === 0 ? FIRST_SLICE : SLICE))
    this.#at += slice.length
    this.#onTaken(this.#at)
    this.push(slice)
  }
}
