import PQueue from 'p-queue'
import { allOf, type Whole } from '../checksums/etag.js'
import { WholeDigest } from '../checksums/object-digest.js'
import type { S3WritableError } from '../errors/s3-writable-error.js'
import { wrongLength } from '../options/length.js'
import type { CheckedOptions } from '../options/types.js'
import { NOTHING, type Part, PartCutter } from '../parts/cutter.js'
import type { CutError, PartSizes } from '../parts/sizes.js'
import { Requests } from '../requests/requests.js'
import type { Earlier } from '../resume/stored-upload.js'
import { type Aborted, cleanUp } from './cleanup.js'
import { completeUpload, putObject, type S3WritableResult } from './complete.js'
import { Progress, type S3WritableProgress, type S3WritableUpload } from './progress.js'
import { Parts } from './stored-parts.js'

type State =
  | { at: 'idle' }
  | { at: 'creating'; created: Promise<string> }
  | { at: 'open'; UploadId: string }
  | { at: 'completing'; UploadId: string | undefined; answered: Promise<S3WritableResult> }
  | { at: 'done'; UploadId: string | undefined; result: S3WritableResult }
  | { at: 'aborting'; UploadId: string | undefined; reason: Error }

const CUT_CODES = ['ERR_S3_TOO_MANY_PARTS', 'ERR_S3_MEMORY']
/** Of a stream without a byte, into an upload that is there already. */
const EMPTY: Part = { PartNumber: 1, body: NOTHING, crc: 0, release: () => {} }

/** What the upload tells whoever feeds it. */
export interface UploadListener {
  /** S3 has named the multipart upload. */
  onUpload: (upload: S3WritableUpload) => void
  onProgress: (progress: S3WritableProgress) => void
  /** A request failed. Told at once, whether or not anyone is waiting to write; may be told more than once. */
  onFailure: (error: Error) => void
}

/** One upload's life: idle → creating → open → completing → done, or from anywhere → aborting. */
export class Upload {
  #state: State = { at: 'idle' }
  readonly #options: CheckedOptions
  readonly #listener: UploadListener
  readonly #requests: Requests
  #cutter: PartCutter
  readonly #queue: PQueue
  readonly #digest: WholeDigest
  readonly #progress: Progress
  /** Cancels the parts, and keeps anything else from being sent. */
  readonly #cancel = new AbortController()
  /** Cancels Create, Complete and PutObject, whose answers are needed even when the upload has failed. */
  readonly #giveUp = new AbortController()
  readonly #parts: Parts
  /** The one write that waits for a buffer. */
  #waiting: { resolve: () => void; reject: (reason: Error) => void } | undefined

  constructor(options: CheckedOptions, listener: UploadListener) {
    const { concurrency, ContentLength, s3 } = options
    this.#options = options
    this.#listener = listener
    this.#requests = new Requests(options, this.#isOver)
    this.#cutter = this.#cut(options.sizes)
    this.#queue = new PQueue({ concurrency })
    this.#digest = new WholeDigest(s3)
    this.#progress = new Progress(ContentLength, listener.onProgress)
    this.#parts = new Parts(this.#requests, this.#progress, this.#cancel.signal)
  }

  get UploadId(): string | undefined {
    return 'UploadId' in this.#state ? this.#state.UploadId : undefined
  }

  /** Bytes that S3 has acknowledged. */
  get bytesUploaded(): number {
    return this.#progress.loaded
  }

  /** Goes on with what an earlier stream left. To be called before the first byte. */
  resume(earlier: Earlier): void {
    const { UploadId, begun, declared, sizes, before } = earlier
    this.#requests.resume(declared, begun)
    this.#parts.resume(earlier)
    this.#cutter = this.#cut(sizes, before + 1)
    this.#open(UploadId)
  }

  /** Takes what there is room for, and says how many bytes that was. Throws what makes the stream impossible. */
  write(chunk: Uint8Array): number {
    this.#throwIfAborting()
    this.#checkLength(this.#parts.before.size + this.#cutter.size + chunk.length, false)
    let taken: number
    try {
      taken = this.#cutter.take(chunk)
    } catch (cause) {
      const { code, message } = cause as CutError
      if (!CUT_CODES.includes(code)) throw cause
      throw this.#requests.error(code, message, { cause, UploadId: this.UploadId })
    }
    this.#digest.update(taken === chunk.length ? chunk : chunk.subarray(0, taken))
    return taken
  }

  /** Takes text whole, and says how many bytes it became; undefined where it must be made a chunk for `write` first. */
  writeText(text: string, encoding: BufferEncoding): number | undefined {
    this.#throwIfAborting()
    const { ContentLength, maxSize = ContentLength } = this.#options
    if (maxSize !== undefined || this.#digest.reads) return undefined
    return this.#cutter.takeText(text, encoding)
  }

  /** Resolves when `write` can take a byte; rejects when it never will. */
  async room(): Promise<void> {
    this.#throwIfAborting()
    if (this.#cutter.hasRoom) return
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  /** Every byte has been written: makes the object. */
  async end(): Promise<S3WritableResult> {
    const { crc, size } = this.#cutter
    const came = { crc, size }
    const whole = allOf([this.#parts.before, came])
    this.#checkLength(whole.size, true)
    const wrong = this.#digest.verify(whole.crc)
    if (wrong !== undefined) throw this.#requests.error('ERR_S3_INTEGRITY', wrong, { UploadId: this.UploadId })
    const last = this.#cutter.end()
    const result = await (this.#state.at === 'idle' ? this.#put(last) : this.#complete(last, came, whole))
    if (this.#progress.skipped !== undefined) result.skipped = this.#progress.skipped
    this.#state = { at: 'done', UploadId: result.UploadId, result }
    this.#cutter.drop()
    return result
  }

  /** Ends the upload so that nothing of it is left. To be called once. Never rejects, and takes 30 s at most. */
  async abort(reason: Error): Promise<Aborted> {
    const before = this.#state
    if (before.at === 'done') return {}
    const { UploadId } = this
    this.#state = { at: 'aborting', UploadId, reason }
    // Also one that S3 did not answer may yet be stored.
    const late = this.#queue.pending > 0 || (reason as S3WritableError).operation === 'UploadPart'
    const ended = cleanUp(this.#requests, {
      UploadId,
      late,
      reason,
      created: before.at === 'creating' ? before.created : undefined,
      answered: before.at === 'completing' ? before.answered : undefined,
      ended: this.#stop(before.at, reason),
      giveUp: () => this.#giveUp.abort(reason),
      // What cannot be resumed so may be resumed otherwise.
      leaveParts: this.#options.leavePartsOnError || (reason as S3WritableError).code === 'ERR_S3_RESUME',
    }).finally(() => this.#cutter.drop())
    this.#waiting?.reject(reason)
    return await ended
  }

  /** With a reason of its own, since the one that a signal makes holds the functions that it was made in, and a part. */
  #stop(at: State['at'], reason: Error): Promise<void> {
    this.#queue.clear()
    this.#cancel.abort(reason)
    // S3 stores nothing of a PutObject that it did not get whole.
    if (at === 'completing' && this.#progress.sent < this.#cutter.size) this.#giveUp.abort(reason)
    return this.#queue.onIdle()
  }

  #cut(sizes: PartSizes, PartNumber = 1): PartCutter {
    const { concurrency, ContentLength } = this.#options
    return new PartCutter(sizes, concurrency + 1, (part) => this.#send(part), { firstBytes: ContentLength, PartNumber })
  }

  #send(part: Part): void {
    if (this.#state.at === 'idle') this.#create()
    void this.#queue.add(() => this.#store(part))
  }

  #create(): void {
    const created = this.#requests.create(this.#giveUp.signal)
    this.#state = { at: 'creating', created }
    created.then(
      (UploadId) => {
        if (this.#state.at === 'creating') this.#open(UploadId)
      },
      (error) => this.#listener.onFailure(error),
    )
  }

  #open(UploadId: string): void {
    this.#state = { at: 'open', UploadId }
    this.#listener.onUpload({ UploadId })
  }

  async #store(part: Part): Promise<void> {
    try {
      await this.#parts.store(await this.#opened(), part)
      part.release()
      this.#waiting?.resolve()
    } catch (error) {
      part.release()
      this.#listener.onFailure(error as Error)
    }
  }

  async #opened(): Promise<string> {
    const state = this.#state
    if (state.at === 'creating') return await state.created
    this.#throwIfAborting()
    return this.UploadId as string
  }

  async #put(last: Part | undefined): Promise<S3WritableResult> {
    const { body, crc } = last ?? { body: NOTHING, crc: 0 }
    await this.#lastWord(body.length, 1)
    const sent = this.#parts.sent(body, crc, this.#giveUp.signal)
    const result = await this.#commit(undefined, putObject(this.#requests, sent, this.#isOver))
    this.#parts.acknowledged(sent)
    return result
  }

  async #complete(last: Part | undefined, came: Whole, whole: Whole): Promise<S3WritableResult> {
    if (last !== undefined || whole.size === 0) this.#send(last ?? EMPTY)
    await this.#queue.onIdle()
    const UploadId = await this.#opened()
    const { stored: parts, before } = this.#parts
    await this.#lastWord(whole.size, parts.length)
    const { leavePartsOnError: leaveParts } = this.#options
    const full = { UploadId, parts, whole, came, before: before.parts, leaveParts, isOver: this.#isOver }
    return await this.#commit(UploadId, completeUpload(this.#requests, full, this.#giveUp.signal))
  }

  async #lastWord(size: number, parts: number): Promise<void> {
    await this.#options.beforeComplete?.({ size, parts, UploadId: this.UploadId })
    this.#throwIfAborting()
  }

  #commit(UploadId: string | undefined, answered: Promise<S3WritableResult>): Promise<S3WritableResult> {
    this.#state = { at: 'completing', UploadId, answered }
    return answered
  }

  readonly #isOver = (): boolean => this.#state.at === 'aborting'

  #throwIfAborting(): void {
    if (this.#state.at === 'aborting') throw this.#state.reason
  }

  #checkLength(size: number, isWhole: boolean): void {
    const wrong = wrongLength(this.#options, size, isWhole)
    if (wrong !== undefined) throw this.#requests.error('ERR_S3_LENGTH', wrong, { UploadId: this.UploadId })
  }
}
