import { addAbortSignal, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { BYTES_PER_TURN } from './checksums/hash.js'
import { UploadTrace } from './diagnostics/upload-trace.js'
import { attachFacts } from './errors/attach-facts.js'
import { checkOptions } from './options/check.js'
import type { CheckedOptions, S3WritableOptions } from './options/types.js'
import { EMPTY_BUFFER } from './parts/cutter.js'
import { checkClientChecksum } from './requests/client-checksum.js'
import { ObjectComparison } from './resume/object-comparison.js'
import { findUploadToResume } from './resume/resume.js'
import { type Callback, callbackWhenSettled } from './upload/callback.js'
import type { AddListener } from './upload/progress.js'
import type { S3WritableResult } from './upload/result.js'
import type { UploadListener, WriteTarget } from './upload/target.js'
import { Upload } from './upload/upload.js'

/**
 * A stream whose bytes become one S3 object. `finish` is emitted once the object exists. A stream that fails or is destroyed
 * publishes nothing, and removes the parts that S3 has stored.
 */
export class S3Writable extends Writable {
  /** The same as `on`. */
  declare addListener: AddListener<this>
  /** Adds a listener, as for any Node stream. Beside the events of a `Writable` there are `upload` and `progress`. */
  declare on: AddListener<this>
  /** The same as `on`, for the next event only. */
  declare once: AddListener<this>
  readonly #trace: UploadTrace
  readonly #upload: Upload
  #target: WriteTarget
  readonly #options: CheckedOptions
  /** Cancels the requests that look for the upload to resume. */
  #cancelSearch: AbortController | undefined
  /** Bytes taken since the event loop last had a turn. */
  #sinceTurn = 0
  #result: S3WritableResult | undefined
  #done: Promise<S3WritableResult> | undefined
  /** Why the clean-up failed, if the stream was destroyed without an error that could carry this as `cleanupError`. */
  #cleanupError: Error | undefined

  /** @throws TypeError or RangeError, with Node's `code`, if an option is wrong. */
  constructor(options: S3WritableOptions) {
    const checked = checkOptions(options)
    const { highWaterMark, signal, resume, s3 } = checked
    super({
      // Strings are encoded straight into the part, without a Buffer for each of them.
      decodeStrings: false,
      ...(highWaterMark === undefined ? {} : { highWaterMark }),
      // A stream without this takes its first bytes at once; with it, Node keeps them for a tick.
      ...(signal === undefined && resume === undefined ? {} : { construct: (callback) => this.#begin(callback) }),
    })
    this.#options = checked
    // In a tick of its own, so that an exception of a listener does not look like a failed part.
    const emit = (event: string, value: object): void =>
      process.nextTick(() => this.destroyed || this.emit(event, value))
    this.#trace = new UploadTrace(checked.Bucket, checked.Key)
    const listener: UploadListener = {
      onFailure: (error) => this.destroy(error),
      onUpload: (upload) => emit('upload', upload),
      onProgress: (progress) => emit('progress', progress),
    }
    this.#upload = this.#trace.begin(() => new Upload(checked, listener))
    this.#target = this.#upload
    if (s3.ChecksumAlgorithm !== undefined && s3[`Checksum${s3.ChecksumAlgorithm}`] === undefined)
      checkClientChecksum(checked, s3.ChecksumAlgorithm as string).catch((error) => this.destroy(error))
  }

  /** The object that S3 made. Set before `finish`, `undefined` until then. */
  get result(): S3WritableResult | undefined {
    return this.#result
  }

  /** The id of the multipart upload, once S3 has returned it; `undefined` for an object that fits into one part. */
  get UploadId(): string | undefined {
    return this.#target.UploadId
  }

  /** Bytes that S3 has acknowledged so far. */
  get bytesUploaded(): number {
    return this.#target.bytesUploaded
  }

  /**
   * Resolves with the result once the object exists; rejects with the error that the stream failed with, which need not
   * be an `S3WritableError`. Calling it is optional, and it never causes an unhandled rejection.
   */
  done(): Promise<S3WritableResult> {
    this.#done ??= this.#finished()
    this.#done.catch(() => {})
    return this.#done
  }

  /**
   * Ends the stream, as `fs.WriteStream` does. Calls back once the object exists, or with the error that the stream failed
   * with; soon, if the stream is already closed.
   */
  close(callback?: Callback): void {
    this.end()
    if (callback) callbackWhenSettled(this.done(), callback)
  }

  /** For `await using`: aborts an upload that has not finished. Rejects if parts of it may be left on S3. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.writableFinished) return
    const error: Error & { cleanupError?: Error } = destroyedEarly()
    const closed = finished(this).catch(() => {})
    this.destroy(error)
    await closed
    const cleanupError = error.cleanupError ?? this.#cleanupError
    if (cleanupError !== undefined) throw cleanupError
  }

  /** Node calls this a tick after the constructor, so `pipeline` already listens if `signal` was aborted before. */
  #begin(callback: Callback): void {
    const { signal, resume } = this.#options
    if (signal !== undefined) addAbortSignal(signal, this)
    if (resume === undefined || this.destroyed) callback()
    else callbackWhenSettled(this.#resume(), callback)
  }

  /**
   * Aborts the upload: cancels its requests, removes the stored parts unless `leavePartsOnError` is set, and emits `close`
   * within 30 s, or 60 s if Complete's answer was lost. If S3 had made the object by then, `result` is set.
   */
  override destroy(...given: Parameters<Writable['destroy']>): this {
    // Node calls `_destroy` only after `_construct` has called back, so its requests are cancelled first.
    this.#cancelSearch?.abort()
    return super.destroy(...given)
  }

  /** @internal Called by Node. */
  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: Callback): void {
    let rest: Buffer
    try {
      rest = typeof chunk === 'string' ? this.#takeText(chunk, encoding) : this.#take(chunk)
    } catch (error) {
      callback(error as Error)
      return
    }
    if (rest.length === 0 && this.#sinceTurn < BYTES_PER_TURN) callback()
    else callbackWhenSettled(this.#takeRest(rest), callback)
  }

  /** @internal Called by Node. */
  override _final(callback: Callback): void {
    callbackWhenSettled(
      this.#target.end().then((result) => {
        this.#result = result
      }),
      callback,
    )
  }

  /** @internal Called by Node. */
  override _destroy(given: Error | null, callback: Callback): void {
    if (this.writableFinished) {
      this.#trace.end({ UploadId: this.UploadId, result: this.#result })
      callback(given)
      return
    }
    const reason = given ?? destroyedEarly()
    // If a stream is ended and then destroyed without an error, `pipeline` and `finished` report success. So it fails with
    // an error of ours, provided that a listener for errors exists.
    const looksFinished = this.writableEnded && !this.writableFinished && this.listenerCount('error') > 0
    const error = given ?? (looksFinished ? reason : null)
    void this.#target.abort(reason).then(({ cleanupError, UploadId, leftUploadId, result }) => {
      this.#result ??= result
      if (error !== null) attachFacts(error, { cleanupError, UploadId: leftUploadId, stats: this.#target.stats })
      else this.#cleanupError = cleanupError
      this.#trace.end({ UploadId, error: error ?? reason })
      process.nextTick(callback, error ?? this.#emittable(cleanupError))
    })
  }

  /** The error to emit after `destroy()` without one. Without a listener it would end the process, so it becomes a warning. */
  #emittable(cleanupError: Error | undefined): Error | null {
    if (cleanupError === undefined || this.listenerCount('error') > 0) return cleanupError ?? null
    process.emitWarning(cleanupError)
    return null
  }

  async #finished(): Promise<S3WritableResult> {
    try {
      await finished(this)
      // `finished` also resolves for a stream that was ended and then destroyed.
      if (this.#result === undefined || !this.writableFinished) throw destroyedEarly()
      return this.#result
    } catch (error) {
      if (error !== this.#cleanupError)
        attachFacts(error as Error, { cleanupError: this.#cleanupError, stats: this.#target.stats })
      throw error
    }
  }

  async #resume(): Promise<void> {
    this.#cancelSearch = new AbortController()
    const { signal } = this.#cancelSearch
    const find = () => findUploadToResume(this.#options, signal)
    const found = await this.#trace.inContext(find).catch((error: Error) => ({ error }))
    // The stream was destroyed meanwhile: that is the first failure. The upload to resume is left as it is.
    if (found === undefined || this.destroyed) return
    if ('error' in found) throw found.error
    if (found instanceof ObjectComparison) this.#target = found
    else this.#upload.resume(found)
  }

  /** Takes as many bytes as there is room for, and returns the rest. */
  #take(chunk: Buffer): Buffer {
    const taken = this.#target.write(chunk.length > BYTES_PER_TURN ? chunk.subarray(0, BYTES_PER_TURN) : chunk)
    this.#sinceTurn += taken
    return taken === chunk.length ? EMPTY_BUFFER : chunk.subarray(taken)
  }

  #takeText(text: string, encoding: BufferEncoding): Buffer {
    const taken = this.#target.writeText(text, encoding)
    if (taken === undefined) return this.#take(Buffer.from(text, encoding))
    this.#sinceTurn += taken
    return EMPTY_BUFFER
  }

  async #takeRest(chunk: Buffer): Promise<void> {
    let rest = chunk
    for (;;) {
      if (this.#sinceTurn >= BYTES_PER_TURN) {
        await turn()
        this.#sinceTurn = 0
      }
      if (rest.length === 0) return
      await this.#target.room()
      rest = this.#take(rest)
    }
  }
}

/**
 * Creates a `Writable` stream that becomes the object `Key` of `Bucket`.
 *
 * @example
 * await pipeline(source, s3Writable({ client: new S3Client(), Bucket: 'videos', Key: 'talk.webm' }))
 * @throws TypeError or RangeError, with Node's `code`, if an option is wrong.
 */
export function s3Writable(options: S3WritableOptions): S3Writable {
  return new S3Writable(options)
}

function destroyedEarly(): Error {
  return Object.assign(new Error('The upload was destroyed before it finished'), { code: 'ERR_STREAM_DESTROYED' })
}
