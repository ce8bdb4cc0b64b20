import { AsyncResource } from 'node:async_hooks'
import { combineAll, type SizeAndCrc } from '../checksums/crc32.js'
import { ObjectDigest } from '../checksums/object-digest.js'
import type { S3WritableError } from '../errors/s3-writable-error.js'
import type { S3WritableStats } from '../errors/stats.js'
import { lengthProblem } from '../options/length.js'
import type { CheckedOptions } from '../options/types.js'
import { EMPTY_PART, type Part, PartCutter } from '../parts/cutter.js'
import { BufferPool } from '../parts/pool.js'
import { isCutError, type SizeOfPart } from '../parts/sizes.js'
import { Requests } from '../requests/requests.js'
import { sharedMemoryOf } from '../requests/shared-body.js'
import { type CleanupResult, cleanUp } from './cleanup.js'
import { completeUpload, putObject } from './complete.js'
import { PartSender } from './part-sender.js'
import { Progress } from './progress.js'
import type { PublishedObject, S3WritableResult } from './result.js'
import type { StoredUpload } from './stored-parts.js'
import type { UploadListener, WriteTarget } from './target.js'

type State =
  | { at: 'idle' }
  | { at: 'creating'; created: Promise<string> }
  | { at: 'open'; UploadId: string }
  | { at: 'completing'; UploadId: string | undefined; answered: Promise<S3WritableResult> }
  | { at: 'done'; UploadId: string | undefined; result: S3WritableResult }
  | { at: 'aborting'; UploadId: string | undefined; reason: Error }

/** The life of one upload: idle → creating → open → completing → done, or from any state → aborting. */
export class Upload implements WriteTarget {
  #state: State = { at: 'idle' }
  readonly #options: CheckedOptions
  readonly #listener: UploadListener
  readonly #requests: Requests
  #cutter: PartCutter
  readonly #digest: ObjectDigest
  readonly #progress: Progress
  readonly #startedAt = performance.now()
  /** Cancels Create, Complete and PutObject. Their answers are needed even if the upload has failed, so this comes later. */
  readonly #cancelAnswers = new AbortController()
  /** Undefined until there is a multipart upload. */
  #sender: PartSender | undefined
  /** The write that is waiting for a free buffer. */
  #waiting: { resolve: () => void; reject: (reason: Error) => void } | undefined

  constructor(options: CheckedOptions, listener: UploadListener) {
    const { ContentLength, s3, resume, beforeComplete } = options
    this.#options = { ...options, beforeComplete: beforeComplete && AsyncResource.bind(beforeComplete) }
    this.#listener = listener
    this.#requests = new Requests(options, this.#isAborted)
    this.#cutter = this.#newCutter(options.sizeOfPart)
    const skipsBytes = typeof resume === 'object' && (resume.offset ?? 0) > 0
    this.#digest = new ObjectDigest(s3, !skipsBytes)
    this.#progress = new Progress(ContentLength, listener.onProgress)
  }

  get UploadId(): string | undefined {
    return 'UploadId' in this.#state ? this.#state.UploadId : undefined
  }

  get bytesUploaded(): number {
    return this.#progress.loaded
  }

  get stats(): S3WritableStats {
    const { most = 1, limitingSockets } = this.#sender ?? {}
    return {
      ms: performance.now() - this.#startedAt,
      requests: this.#requests.sentAttempts,
      resentBytes: this.#progress.resent,
      concurrency: most,
      ...(limitingSockets === undefined ? {} : { maxSockets: limitingSockets }),
    }
  }

  /** Continues an upload that an earlier stream began. To be called before the first `write`. */
  resume(stored: StoredUpload): void {
    const { UploadId, createdAt, declared, sizeOfPart, partsBeforePoint } = stored
    this.#requests.resume(declared, createdAt)
    this.#sender = this.#newSender()
    this.#sender.parts.resume(stored)
    this.#cutter = this.#newCutter(sizeOfPart, partsBeforePoint + 1)
    this.#open(UploadId)
  }

  write(chunk: Uint8Array): number {
    this.#throwIfAborting()
    this.#checkLength(this.#beforePoint.size + this.#cutter.size + chunk.length, false)
    let taken: number
    try {
      taken = this.#cutter.take(chunk)
    } catch (cause) {
      if (!isCutError(cause)) throw cause
      throw this.#requests.error(cause.code, cause.message, { cause, UploadId: this.UploadId })
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
    const full = combineAll([this.#beforePoint, streamed])
    this.#checkLength(full.size, true)
    const problem = this.#digest.problem(full.crc)
    if (problem !== undefined) throw this.#requests.error('ERR_S3_INTEGRITY', problem, { UploadId: this.UploadId })
    const last = this.#cutter.end()
    const isSmall = this.#state.at === 'idle'
    const result = await (isSmall ? this.#put(last).finally(last?.release) : this.#complete(last, streamed, full))
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
    const cleanedUp = cleanUp(this.#requests, {
      UploadId,
      reason,
      created: before.at === 'creating' ? before.created : undefined,
      answered: before.at === 'completing' ? before.answered : undefined,
      partsEnded: this.#cancelRequests(before.at, reason),
      cancelAnswers: () => this.#cancelAnswers.abort(reason),
      // An upload that could not be resumed this way may be resumed another way.
      leaveParts: this.#options.leavePartsOnError || (reason as S3WritableError).code === 'ERR_S3_RESUME',
      storedParts: () => this.#sender?.parts.list.flat() ?? [],
    }).finally(() => this.#cutter.drop())
    this.#waiting?.reject(reason)
    return await cleanedUp
  }

  /** Resolves when the requests of the parts have ended, with whether S3 may store one of them later. */
  async #cancelRequests(at: State['at'], reason: Error): Promise<boolean> {
    const ended = this.#sender?.cancel(reason)
    // S3 stores no object of a PutObject whose body has not arrived completely.
    if (at === 'completing' && this.#progress.sent < this.#cutter.size) this.#cancelAnswers.abort(reason)
    return (await ended) === true
  }

  /** What an earlier stream has stored and this one does not receive. */
  get #beforePoint(): SizeAndCrc {
    return this.#sender?.parts.beforePoint ?? { size: 0, crc: 0 }
  }

  #newCutter(sizeOfPart: SizeOfPart, PartNumber = 1): PartCutter {
    const { client, concurrency, ContentLength: firstBytes } = this.#options
    // One buffer is filled while the others are sent.
    const buffers = (): number => (this.#sender?.allowed ?? concurrency.min) + 1
    const pool = new BufferPool(buffers(), sharedMemoryOf(client))
    return new PartCutter(sizeOfPart, buffers, (part) => this.#send(part), { firstBytes, PartNumber, pool })
  }

  #newSender(): PartSender {
    return new PartSender(this.#requests, this.#options, this.#progress, {
      onRoom: () => this.#waiting?.resolve(),
      onFailure: this.#listener.onFailure,
    })
  }

  #send(part: Part): void {
    this.#sender ??= this.#create()
    this.#sender.add(part)
  }

  #create(): PartSender {
    const created = this.#requests.create(this.#cancelAnswers.signal)
    this.#state = { at: 'creating', created }
    created.then(
      (UploadId) => {
        if (this.#state.at === 'creating') this.#open(UploadId)
      },
      (error) => this.#listener.onFailure(error),
    )
    return this.#newSender()
  }

  #open(UploadId: string): void {
    this.#state = { at: 'open', UploadId }
    this.#sender?.begin(UploadId)
    this.#listener.onUpload({ UploadId })
  }

  async #put(last: Part | undefined): Promise<S3WritableResult> {
    const { body, crc } = last ?? EMPTY_PART
    await this.#beforeComplete(body.length, 1)
    const counted = this.#progress.bodyToSend(body, crc, this.#cancelAnswers.signal)
    const result = await this.#completing(undefined, putObject(this.#requests, counted, this.#isAborted))
    this.#progress.acknowledged(counted)
    return result
  }

  async #complete(last: Part | undefined, streamed: SizeAndCrc, full: SizeAndCrc): Promise<S3WritableResult> {
    if (last !== undefined || full.size === 0) this.#send(last ?? EMPTY_PART)
    if (this.#state.at === 'creating') await this.#state.created
    const sender = this.#sender as PartSender
    await sender.onIdle()
    this.#throwIfAborting()
    sender.end()
    const UploadId = this.UploadId as string
    const { list: parts, beforePoint } = sender.parts
    await this.#beforeComplete(full.size, parts.length)
    const sizes = { full, streamed, partsBeforePoint: beforePoint.parts }
    const { leavePartsOnError: leaveParts } = this.#options
    const upload = { UploadId, parts, ...sizes, leaveParts, isAborted: this.#isAborted }
    return await this.#completing(UploadId, completeUpload(this.#requests, upload, this.#cancelAnswers.signal))
  }

  async #beforeComplete(size: number, parts: number): Promise<void> {
    await this.#options.beforeComplete?.({ size, parts, UploadId: this.UploadId })
    this.#throwIfAborting()
  }

  #completing(UploadId: string | undefined, published: Promise<PublishedObject>): Promise<S3WritableResult> {
    const answered = published.then((object) => Object.assign(object, { stats: this.stats }))
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
