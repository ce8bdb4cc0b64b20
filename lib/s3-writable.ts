import { addAbortSignal, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { checkOptions } from './check-options.js'
import type { S3WritableResult } from './commit.js'
import type { S3WritableOptions } from './options.js'
import { MiB } from './part-size.js'
import type { S3WritableProgress } from './progress.js'
import { Upload } from './upload.js'

/** After so many bytes the event loop gets a turn, or a producer that never waits would starve the sockets. */
const BYTES_A_TURN = 4 * MiB

type Callback = (error?: Error | null) => void

/**
 * A stream whose bytes become one S3 object. `finish` comes once the object is there; a stream that fails, is
 * destroyed or ends too early publishes nothing and leaves nothing.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface below only types events that Writable already has
export class S3Writable extends Writable {
  readonly #upload: Upload
  readonly #signal: AbortSignal | undefined
  #sinceTurn = 0
  #result: S3WritableResult | undefined
  #done: Promise<S3WritableResult> | undefined

  /**
   * @throws TypeError or RangeError, with Node's `code`, where an option is wrong.
   */
  constructor(options: S3WritableOptions) {
    const checked = checkOptions(options)
    const { highWaterMark } = checked
    super(highWaterMark === undefined ? {} : { highWaterMark })
    this.#signal = checked.signal
    this.#upload = new Upload(checked, {
      onFailure: (error) => this.destroy(error),
      // On a tick of its own: what a listener throws is its own affair, and must not look like a failed part.
      onProgress: (progress) => process.nextTick(() => this.destroyed || this.emit('progress', progress)),
    })
  }

  /** What S3 made of the stream: set before `finish`, undefined until then. */
  get result(): S3WritableResult | undefined {
    return this.#result
  }

  /** The multipart upload, once S3 has named it; undefined for an object that fits in one part. */
  get UploadId(): string | undefined {
    return this.#upload.UploadId
  }

  /** Bytes that S3 has acknowledged so far. */
  get bytesUploaded(): number {
    return this.#upload.bytesUploaded
  }

  /**
   * Resolves with the result once the object is there; rejects with what the stream failed with. Calling it is
   * optional, and a rejection that nobody handles is no unhandled rejection.
   */
  done(): Promise<S3WritableResult> {
    this.#done ??= finished(this).then(() => {
      // Node takes a stream that was ended and then destroyed for finished.
      if (this.#result === undefined || !this.writableFinished) throw destroyedEarly()
      return this.#result
    })
    this.#done.catch(() => {})
    return this.#done
  }

  /** For `await using`: an upload that has not finished is aborted. Rejects where something of it may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.writableFinished) return
    const error: Error & { cleanupError?: Error } = destroyedEarly()
    const closed = finished(this).catch(() => {})
    this.destroy(error)
    await closed
    if (error.cleanupError !== undefined) throw error.cleanupError
  }

  /** A tick after the constructor: what was aborted before may still be given to `pipeline`, which hears of it then. */
  override _construct(callback: Callback): void {
    if (this.#signal !== undefined) addAbortSignal(this.#signal, this)
    callback()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    let taken: number
    try {
      taken = this.#take(chunk)
    } catch (error) {
      callback(error as Error)
      return
    }
    if (taken === chunk.length && this.#sinceTurn < BYTES_A_TURN) callback()
    else settle(this.#takeRest(chunk.subarray(taken)), callback)
  }

  override _final(callback: Callback): void {
    settle(
      this.#upload.end().then((result) => {
        this.#result = result
      }),
      callback,
    )
  }

  override _destroy(given: Error | null, callback: Callback): void {
    const reason = given ?? destroyedEarly()
    // Without an error, Node tells pipeline and finished that a stream which was ended has finished. Where nobody
    // listens, as to any stream destroyed without an error, there is nothing to tell.
    const lies = this.writableEnded && !this.writableFinished && this.listenerCount('error') > 0
    const error = given ?? (lies ? reason : null)
    void this.#upload.abort(reason).then(({ cleanupError, left, result }) => {
      this.#result ??= result
      if (error !== null) tell(error, { cleanupError, UploadId: left })
      process.nextTick(callback, error ?? cleanupError ?? null)
    })
  }

  #take(chunk: Buffer): number {
    const taken = this.#upload.write(chunk.length > BYTES_A_TURN ? chunk.subarray(0, BYTES_A_TURN) : chunk)
    this.#sinceTurn += taken
    return taken
  }

  async #takeRest(chunk: Buffer): Promise<void> {
    let rest = chunk
    for (;;) {
      if (this.#sinceTurn >= BYTES_A_TURN) {
        await turn()
        this.#sinceTurn = 0
      }
      if (rest.length === 0) return
      await this.#upload.room()
      rest = rest.subarray(this.#take(rest))
    }
  }
}

/** The events of a Writable, and `progress`. */
export interface S3Writable {
  addListener(event: 'progress', listener: (progress: S3WritableProgress) => void): this
  addListener(event: 'error', listener: (error: Error) => void): this
  // biome-ignore lint/suspicious/noExplicitAny: as in Node's own types
  addListener(event: string | symbol, listener: (...args: any[]) => void): this
  on(event: 'progress', listener: (progress: S3WritableProgress) => void): this
  on(event: 'error', listener: (error: Error) => void): this
  // biome-ignore lint/suspicious/noExplicitAny: as in Node's own types
  on(event: string | symbol, listener: (...args: any[]) => void): this
  once(event: 'progress', listener: (progress: S3WritableProgress) => void): this
  once(event: 'error', listener: (error: Error) => void): this
  // biome-ignore lint/suspicious/noExplicitAny: as in Node's own types
  once(event: string | symbol, listener: (...args: any[]) => void): this
}

/**
 * A `Writable` stream that becomes the object `Bucket`/`Key`.
 *
 * @example
 * await pipeline(source, s3Writable({ client: new S3Client(), Bucket: 'videos', Key: 'talk.webm' }))
 * @throws TypeError or RangeError, with Node's `code`, where an option is wrong.
 */
export function s3Writable(options: S3WritableOptions): S3Writable {
  return new S3Writable(options)
}

function destroyedEarly(): Error {
  return Object.assign(new Error('The upload was destroyed before it finished'), { code: 'ERR_STREAM_DESTROYED' })
}

/** On a tick of its own, so that what a callback throws is not taken for a rejection. */
function settle(promise: Promise<void>, callback: Callback): void {
  promise.then(
    () => process.nextTick(callback),
    (error) => process.nextTick(callback, error),
  )
}

/** The first failure stays what the user gets; what else there is to know hangs on it. */
function tell(error: Error, facts: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined) continue
    // A source's own error may be anything, also frozen.
    Reflect.defineProperty(Object(error), name, { value, configurable: true, enumerable: true, writable: true })
  }
}
