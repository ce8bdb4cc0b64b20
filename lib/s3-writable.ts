import { addAbortSignal, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { checkOptions } from './options/check.js'
import type { CheckedOptions, S3WritableOptions } from './options/types.js'
import { NOTHING } from './parts/cutter.js'
import { BYTES_A_TURN } from './parts/sizes.js'
import { Comparison } from './resume/object-comparison.js'
import { takeUp } from './resume/resume.js'
import type { S3WritableResult } from './upload/complete.js'
import type { S3WritableProgress, S3WritableUpload } from './upload/progress.js'
import { Upload } from './upload/upload.js'

type Callback = (error?: Error | null) => void

/** The events of a Writable, `upload` and `progress`. */
interface Listen<Self> {
  (event: 'upload', listener: (upload: S3WritableUpload) => void): Self
  (event: 'progress', listener: (progress: S3WritableProgress) => void): Self
  (event: 'error', listener: (error: Error) => void): Self
  // biome-ignore lint/suspicious/noExplicitAny: as in Node's own types; of unknown, a listener could take nothing it can use
  (event: string | symbol, listener: (...args: any[]) => void): Self
}

/**
 * A stream whose bytes become one S3 object. `finish` comes once the object is there; a stream that fails, is
 * destroyed or ends too early publishes nothing and leaves nothing.
 */
export class S3Writable extends Writable {
  declare addListener: Listen<this>
  declare on: Listen<this>
  declare once: Listen<this>
  #upload: Upload | Comparison
  readonly #options: CheckedOptions
  /** Ends the look at what an earlier upload stored. */
  #looking: AbortController | undefined
  #sinceTurn = 0
  #result: S3WritableResult | undefined
  #done: Promise<S3WritableResult> | undefined
  /** Why something may be left of an upload that was destroyed without an error, on which this would hang. */
  #left: Error | undefined

  /**
   * @throws TypeError or RangeError, with Node's `code`, where an option is wrong.
   */
  constructor(options: S3WritableOptions) {
    const checked = checkOptions(options)
    const { highWaterMark } = checked
    // Text goes into the part as it is, without a Buffer for every line.
    super({ decodeStrings: false, ...(highWaterMark === undefined ? {} : { highWaterMark }) })
    this.#options = checked
    // On a tick of its own: what a listener throws is its own affair, and must not look like a failed part.
    const tell = (event: string, told: object): void => process.nextTick(() => this.destroyed || this.emit(event, told))
    this.#upload = new Upload(checked, {
      onFailure: (error) => this.destroy(error),
      onUpload: (upload) => tell('upload', upload),
      onProgress: (progress) => tell('progress', progress),
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
    this.#done ??= this.#finished()
    this.#done.catch(() => {})
    return this.#done
  }

  /**
   * As `fs.WriteStream` has it: ends the stream, and calls back once the object is there, or with what the stream failed
   * with. Of a stream that is closed already, soon.
   */
  close(callback?: Callback): void {
    this.end()
    if (callback) settle(this.done(), callback)
  }

  /** For `await using`: an upload that has not finished is aborted. Rejects where something of it may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.writableFinished) return
    const error: Error & { cleanupError?: Error } = destroyedEarly()
    const closed = finished(this).catch(() => {})
    this.destroy(error)
    await closed
    const left = error.cleanupError ?? this.#left
    if (left !== undefined) throw left
  }

  /** A tick after the constructor: what was aborted before may still be given to `pipeline`, which hears of it then. */
  override _construct(callback: Callback): void {
    const { signal, resume } = this.#options
    if (signal !== undefined) addAbortSignal(signal, this)
    if (resume === undefined || this.destroyed) callback()
    else settle(this.#takeUp(), callback)
  }

  /** Node destroys only what is constructed, so what the construction waits for must end. */
  override destroy(...given: Parameters<Writable['destroy']>): this {
    this.#looking?.abort()
    return super.destroy(...given)
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: Callback): void {
    let rest: Buffer
    try {
      rest = typeof chunk === 'string' ? this.#takeText(chunk, encoding) : this.#take(chunk)
    } catch (error) {
      callback(error as Error)
      return
    }
    if (rest.length === 0 && this.#sinceTurn < BYTES_A_TURN) callback()
    else settle(this.#takeRest(rest), callback)
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
    if (this.writableFinished) {
      callback(given)
      return
    }
    const reason = given ?? destroyedEarly()
    // Without an error, Node tells pipeline and finished that a stream which was ended has finished. Where nobody
    // listens, as to any stream destroyed without an error, there is nothing to tell.
    const lies = this.writableEnded && !this.writableFinished && this.listenerCount('error') > 0
    const error = given ?? (lies ? reason : null)
    void this.#upload.abort(reason).then(({ cleanupError, left, result }) => {
      this.#result ??= result
      if (error !== null) tell(error, { cleanupError, UploadId: left })
      else this.#left = cleanupError
      process.nextTick(callback, error ?? this.#toEmit(cleanupError))
    })
  }

  /** An `error` that nobody listens for ends the process, which nobody who destroys without an error means. */
  #toEmit(cleanupError: Error | undefined): Error | null {
    if (cleanupError === undefined || this.listenerCount('error') > 0) return cleanupError ?? null
    process.emitWarning(cleanupError)
    return null
  }

  async #finished(): Promise<S3WritableResult> {
    try {
      await finished(this)
      // Node takes a stream that was ended and then destroyed for finished.
      if (this.#result === undefined || !this.writableFinished) throw destroyedEarly()
      return this.#result
    } catch (error) {
      if (error !== this.#left) tell(error as Error, { cleanupError: this.#left })
      throw error
    }
  }

  async #takeUp(): Promise<void> {
    this.#looking = new AbortController()
    const found = await takeUp(this.#options, this.#looking.signal).catch((error: Error) => ({ error }))
    // What it was destroyed with is the first failure. Nothing of the earlier upload is this stream's yet.
    if (this.destroyed) return
    if ('error' in found) throw found.error
    if (found instanceof Comparison) this.#upload = found
    else if (this.#upload instanceof Upload) this.#upload.resume(found)
  }

  /** Takes what there is room for, and returns the rest. */
  #take(chunk: Buffer): Buffer {
    const taken = this.#upload.write(chunk.length > BYTES_A_TURN ? chunk.subarray(0, BYTES_A_TURN) : chunk)
    this.#sinceTurn += taken
    return taken === chunk.length ? NOTHING : chunk.subarray(taken)
  }

  #takeText(text: string, encoding: BufferEncoding): Buffer {
    const taken = this.#upload.writeText(text, encoding)
    if (taken === undefined) return this.#take(Buffer.from(text, encoding))
    this.#sinceTurn += taken
    return NOTHING
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
      rest = this.#take(rest)
    }
  }
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
function settle(promise: Promise<unknown>, callback: Callback): void {
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
