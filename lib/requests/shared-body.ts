import type { S3ClientLike } from '../options/types.js'
import type { PartMemory } from '../parts/pool.js'
import type { AttemptBody } from './body.js'
import type { Waiter } from './rate-limit.js'
import type { SliceSize } from './sliced-body.js'

/**
 * The names by which a request handler and a stream find each other, if the handler sends bodies from shared memory.
 * Symbols of the registry, because two copies of this module may be installed.
 */
export const SHARED_MEMORY = Symbol.for('s3-writable.SharedMemory')
export const SHARED_BODY = Symbol.for('s3-writable.SharedBody')

/** The memory that the client's request handler shares with its threads; undefined for any other handler. */
export function sharedMemoryOf({ config }: S3ClientLike): PartMemory | undefined {
  return (config as { requestHandler?: { [SHARED_MEMORY]?: PartMemory } }).requestHandler?.[SHARED_MEMORY]
}

/** What a `SharedBody` asks of the request handler that sends it. */
export interface Transport {
  /** Allows the thread to send the bytes that it asked for. */
  grant(): void
  /** Ends the request. */
  cancel(): void
}

/**
 * The body of one attempt that another thread sends, out of memory that both threads share. The thread cuts it into
 * slices, and the request handler reports here what the thread says.
 */
export class SharedBody implements AttemptBody {
  readonly [SHARED_BODY] = true
  /** How its slices are cut, in memory that both threads share. */
  readonly sliceSize: SliceSize
  readonly #onSent: (sent: number, bytes: number) => void
  readonly #onHandedOver: (() => void) | undefined
  readonly #length: number
  #bytes: Uint8Array | undefined
  #sent = 0
  #transport: Transport | undefined
  /** The slice that the thread asked for. */
  #waiter: Waiter | undefined
  hasSocket = false

  /** `onSent` and `onHandedOver` are those of a `SlicedBody`. */
  constructor(
    bytes: Uint8Array,
    sliceSize: SliceSize,
    onSent: (sent: number, bytes: number) => void,
    onHandedOver?: () => void,
  ) {
    this.#bytes = bytes
    this.#length = bytes.length
    this.sliceSize = sliceSize
    this.#onSent = onSent
    this.#onHandedOver = onHandedOver
  }

  get isFullySent(): boolean {
    return this.#sent === this.#length
  }

  get isHeldBack(): boolean {
    return this.sliceSize.holdsBack(this.hasSocket, this.#waiter)
  }

  requestStalled(): void {
    this.sliceSize.requestStalled()
  }

  release(): void {
    this.sliceSize.rateLimit?.leave(this.#waiter)
    this.#bytes = undefined
    this.#transport?.cancel()
    this.#transport = undefined
  }

  /** To be called by the request handler. Returns the bytes to send. */
  begin(transport: Transport): Uint8Array {
    if (this.#bytes === undefined) throw new Error('the request was ended before its body was sent')
    this.#transport = transport
    return this.#bytes
  }

  /** To be called when the request has a connection. */
  connected(): void {
    this.hasSocket = true
  }

  /** To be called when the thread has given `bytes` more to the network. */
  gave(bytes: number): void {
    if (this.#bytes === undefined) return
    this.#sent += bytes
    this.#onSent(this.#sent, bytes)
  }

  /** To be called when the operating system has all bytes. */
  handedOver(): void {
    if (this.#bytes !== undefined) this.#onHandedOver?.()
  }

  /** To be called when the thread wants to send `bytes` under the rate limit. */
  asksFor(bytes: number): void {
    if (this.#bytes === undefined) return
    this.#waiter = { bytes, onGranted: () => this.#transport?.grant() }
    this.sliceSize.rateLimit?.join(this.#waiter)
  }
}
