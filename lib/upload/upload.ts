import PQueue from 'p-queue'
import { combineAll, type SizeAndCrc } from '../checksums/crc32.js'
import { ObjectDigest } from '../checksums/object-digest.js'
import type { S3WritableError } from '../errors/s3-writable-error.js'
import { lengthProblem } from '../options/length.js'
import type { CheckedOptions } from '../options/types.js'
import { EMPTY_BUFFER, type Part, PartCutter } from '../parts/cutter.js'
import type { CutError, SizeOfPart } from '../parts/sizes.js'
import { Requests } from '../requests/requests.js'
import { type CleanupResult, cleanUp } from './cleanup.js'
import { completeUpload, putObject } from './complete.js'
import { Progress } from './progress.js'
import type { S3WritableResult } from './result.js'
import { StoredParts, type StoredUpload } from './stored-parts.js'
import type { UploadListener, WriteTarget } from './target.js'

type State =
  | { at: 'idle' }
  | { at: 'creating'; created: Promise<string> }
  | { at: 'open'; UploadId: string }
  | { at: 'completing'; UploadId: string | undefined; answered: Promise<S3WritableResult> }
  | { at: 'done'; UploadId: string | undefined; result: S3WritableResult }
  | { at: 'aborting'; UploadId: string | undefined; reason: Error }

const CUT_CODES = ['ERR_S3_TOO_MANY_PARTS', 'ERR_S3_MEMORY']
/** Sent if an upload exists but the stream is empty, because S3 completes no upload without parts. */
const EMPTY_PART: Part = { PartNumber: 1, body: EMPTY_BUFFER, crc: 0, release: () => {} }

/** The life of one upload: idle → creating → open → completing → done, or from any state → aborting. */
export class Upload implements WriteTarget {
  #state: State = { at: 'idle' }
  readonly #options: CheckedOptions
  readonly #listener: UploadListener
  readonly #requests: Requests
  #cutter: PartCutter
  readonly #queue: PQueue
  readonly #digest: ObjectDigest
  readonly #progress: Progress
  /** Cancels the requests of the parts. */
  readonly #cancelParts = new AbortController()
  /** Cancels Create, Complete and PutObject. Their answers are needed even if the upload has failed, so this comes later. */
  readonly #cancelAnswers = new AbortController()
  readonly #parts: StoredParts
  /** The write that is waiting for a free buffer. */
  #waiting: { resolve: () => void; reject: (reason: Error) => void } | undefined

  constructor(options: CheckedOptions, listener: UploadListener) {
    const { concurrency, ContentLength, s3 } = options
    this.#options = options
    this.#listener = listener
    this.#requests = new Requests(options, this.#isAborted)
    this.#cutter = this.#newCutter(options.sizeOfPart)
    this.#queue = new PQueue({ concurrency })
    this.#digest = new ObjectDigest(s3)
    this.#progress = new Progress(ContentLength, listener.onProgress)
    this.#parts = new StoredParts(this.#requests, this.#progress, this.#cancelParts.signal)
  }

  get UploadId(): string | undefined {
    return 'UploadId' in this.#state ? this.#state.UploadId : undefined
  }

  get bytesUploaded(): number {
    return this.#progress.loaded
  }

  /** Continues an upload that an earlier stream began. To be called before the first `write`. */
  resume(stored: StoredUpload): void {
    const { UploadId, createdAt, declared, sizeOfPart, partsBeforePoint } = stored
    this.#requests.resume(declared, createdAt)
    this.#parts.resume(stored)
    this.#cutter = this.#newCutter(sizeOfPart, partsBeforePoint + 1)
    this.#open(UploadId)
  }

  write(chunk: Uint8Array): number {
    this.#throwIfAborting()
    this.#checkLength(this.#parts.beforePoint.size + this.#cutter.size + chunk.length, false)
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

  writeText(text: string, encoding: BufferEncoding): number | undefined {
    this.#throwIfAborting()
    const { ContentLength, maxSize } = this.#options
    // `write` compares the bytes with these limits, and hashes them.
    if (ContentLength !== undefined || maxSize !== undefined || this.#digest.needsBytes) return undefined
    return this.#cutter.takeText(text, encoding)
  }

  async room(): Promise<void> {
    this.#throwIfAborting()
    if (this.#cutter.hasRoom) return
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  async end(): Promise<S3WritableResult> {
    const { crc, size } = this.#cutter
    const streamed = { crc, size }
    const full = combineAll([this.#parts.beforePoint, streamed])
    this.#checkLength(full.size, true)
    const problem = this.#digest.problem(full.crc)
    if (problem !== undefined) throw this.#requests.error('ERR_S3_INTEGRITY', problem, { UploadId: this.UploadId })
    const last = this.#cutter.end()
    const result = await (this.#state.at === 'idle' ? this.#put(last) : this.#complete(last, streamed, full))
    if (this.#progress.skipped !== undefined) result.skipped = this.#progress.skipped
    this.#state = { at: 'done', UploadId: result.UploadId, result }
    this.#cutter.drop()
    return result
  }

  async abort(reason: Error): Promise<CleanupResult> {
    const before = this.#state
    if (before.at === 'done') return {}
    const { UploadId } = this
    this.#state = { at: 'aborting', UploadId, reason }
    const { code, operation } = reason as S3WritableError
    // S3 may also store a part whose request failed without an answer.
    const partsInFlight = this.#queue.pending > 0 || operation === 'UploadPart'
    const cleanedUp = cleanUp(this.#requests, {
      UploadId,
      partsInFlight,
      reason,
      created: before.at === 'creating' ? before.created : undefined,
      answered: before.at === 'completing' ? before.answered : undefined,
      partsEnded: this.#cancelRequests(before.at, reason),
      cancelAnswers: () => this.#cancelAnswers.abort(reason),
      // An upload that could not be resumed this way may be resumed another way.
      leaveParts: this.#options.leavePartsOnError || code === 'ERR_S3_RESUME',
    }).finally(() => this.#cutter.drop())
    this.#waiting?.reject(reason)
    return await cleanedUp
  }

  /**
   * Resolves when the requests of the parts have ended. The signals get a reason, because the DOMException that they would
   * make themselves keeps its stack frames alive, and with them a part.
   */
  #cancelRequests(at: State['at'], reason: Error): Promise<void> {
    this.#queue.clear()
    this.#cancelParts.abort(reason)
    // S3 stores no object of a PutObject whose body has not arrived completely.
    if (at === 'completing' && this.#progress.sent < this.#cutter.size) this.#cancelAnswers.abort(reason)
    return this.#queue.onIdle()
  }

  #newCutter(sizeOfPart: SizeOfPart, PartNumber = 1): PartCutter {
    const { concurrency, ContentLength: firstBytes } = this.#options
    return new PartCutter(sizeOfPart, concurrency + 1, (part) => this.#send(part), { firstBytes, PartNumber })
  }

  #send(part: Part): void {
    if (this.#state.at === 'idle') this.#create()
    void this.#queue.add(() => this.#store(part))
  }

  #create(): void {
    const created = this.#requests.create(this.#cancelAnswers.signal)
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
      await this.#parts.store(await this.#whenCreated(), part)
      part.release()
      this.#waiting?.resolve()
    } catch (error) {
      part.release()
      this.#listener.onFailure(error as Error)
    }
  }

  /** The UploadId, once S3 has returned it. */
  async #whenCreated(): Promise<string> {
    const state = this.#state
    if (state.at === 'creating') return await state.created
    this.#throwIfAborting()
    return this.UploadId as string
  }

  async #put(last: Part | undefined): Promise<S3WritableResult> {
    const { body, crc } = last ?? { body: EMPTY_BUFFER, crc: 0 }
    await this.#beforeComplete(body.length, 1)
    const counted = this.#parts.withProgress(body, crc, this.#cancelAnswers.signal)
    const result = await this.#completing(undefined, putObject(this.#requests, counted, this.#isAborted))
    this.#parts.countAcknowledged(counted)
    return result
  }

  async #complete(last: Part | undefined, streamed: SizeAndCrc, full: SizeAndCrc): Promise<S3WritableResult> {
    if (last !== undefined || full.size === 0) this.#send(last ?? EMPTY_PART)
    await this.#queue.onIdle()
    const UploadId = await this.#whenCreated()
    const { list: parts, beforePoint } = this.#parts
    await this.#beforeComplete(full.size, parts.length)
    const { leavePartsOnError: leaveParts } = this.#options
    const upload = {
      UploadId,
      parts,
      full,
      streamed,
      partsBeforePoint: beforePoint.parts,
      leaveParts,
      isAborted: this.#isAborted,
    }
    return await this.#completing(UploadId, completeUpload(this.#requests, upload, this.#cancelAnswers.signal))
  }

  async #beforeComplete(size: number, parts: number): Promise<void> {
    await this.#options.beforeComplete?.({ size, parts, UploadId: this.UploadId })
    this.#throwIfAborting()
  }

  #completing(UploadId: string | undefined, answered: Promise<S3WritableResult>): Promise<S3WritableResult> {
    this.#state = { at: 'completing', UploadId, answered }
    return answered
  }

  readonly #isAborted = (): boolean => this.#state.at === 'aborting'

  #throwIfAborting(): void {
    if (this.#state.at === 'aborting') throw this.#state.reason
  }

  #checkLength(size: number, hasEnded: boolean): void {
    const problem = lengthProblem(this.#options, size, hasEnded)
    if (problem !== undefined) throw this.#requests.error('ERR_S3_LENGTH', problem, { UploadId: this.UploadId })
  }
}
