import { Readable } from 'node:stream'

/** Large enough to cost nothing, small enough that TLS does not encrypt a whole part in one go. */
export const SLICE = 256 * 1024

/**
 * One attempt at sending a part: the part's own memory, a slice at a time, so that the socket's backpressure
 * holds and the event loop gets its turn. `onTaken` hears how many bytes of this attempt have gone.
 */
export class PartBody extends Readable {
  readonly #bytes: Uint8Array
  readonly #onTaken: (taken: number) => void
  #at = 0
  #request: { socket?: unknown } = {}

  constructor(bytes: Uint8Array, onTaken: (taken: number) => void) {
    super({ highWaterMark: SLICE })
    this.#bytes = bytes
    this.#onTaken = onTaken
  }

  /** Whether the request that takes these bytes has a connection; unknown, so false, where they go to no such request. */
  get hasSocket(): boolean {
    return Boolean(this.#request.socket)
  }

  /** How the SDK's handler takes a body: here the request can be seen. */
  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    this.#request = destination as { socket?: unknown }
    return super.pipe(destination, options)
  }

  override _read(): void {
    if (this.#at === this.#bytes.length) {
      this.push(null)
      return
    }
    const slice = this.#bytes.subarray(this.#at, this.#at + SLICE)
    this.#at += slice.length
    this.#onTaken(this.#at)
    this.push(slice)
  }
}
