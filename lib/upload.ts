import PQueue from 'p-queue'
import { type Aborted, cleanUp } from './abort.js'
import { completeUpload, putObject, type S3WritableResult } from './commit.js'
import { type StoredPart, storedPart, type Whole } from './integrity.js'
import type { CheckedOptions } from './options.js'
import { type Part, PartCutter } from './part-cutter.js'
import { Progress, type S3WritableProgress } from './progress.js'
import { Requests, type SentBody } from './requests.js'
import { WholeDigest } from './whole-digest.js'

type State =
  | { at: 'idle' }
  | { at: 'creating'; created: Promise<string> }
  | { at: 'open'; UploadId: string }
  | {
      at: 'completing'
      UploadId: string | undefined
      answered: Promise<S3WritableResult>
    }
  | { at: 'done'; UploadId: string | undefined; result: S3WritableResult }
  | { at: 'aborting'; UploadId: string | undefined; reason: Error }

/** What the upload tells whoever feeds it. */
export interface UploadListener {
  onProgress: (progress: S3WritableProgress) => void
  /** A request failed. Told at once, whether or not anyone is waiting to write; may be told more than once. */
  onFailure: (error: Error) => void
}

const EMPTY = Buffer.alloc(0)

/** One upload's life: idle → creating → open → completing → done, or from anywhere → aborting. */
export class Upload {
  #state: State = { at: 'idle' }
  readonly #options: CheckedOptions
  readonly #listener: UploadListener
  readonly #requests: Requests
  readonly #cutter: PartCutter
  readonly #queue: PQueue
  readonly #digest: WholeDigest
  readonly #progress: Progress
  /** Cancels the parts and a PutObject. */
  readonly #cancel = new AbortController()
  /** Cancels Create and Complete, whose answers are needed even when the upload has failed. */
  readonly #giveUp = new AbortController()
  readonly #stored: StoredPart[] = []
  /** The one write that waits for a buffer. */
  #waiting: { resolve: () => void; reject: (reason: Error) => void } | undefined

  constructor(options: CheckedOptions, listener: UploadListener) {
    const { concurrency, ContentLength, sizes, s3 } = options
    this.#options = options
    this.#listener = listener
    this.#requests = new Requests(options)
    this.#cutter = new PartCutter(sizes, concurrency + 1, (part) => this.#send(part), ContentLength)
    this.#queue = new PQueue({ concurrency })
    this.#digest = new WholeDigest(s3)
    this.#progress = new Progress(ContentLength, listener.onProgress)
  }

  get UploadId(): string | undefined {
    return 'UploadId' in this.#state ? this.#state.UploadId : undefined
  }

  /** Bytes that S3 has acknowledged. */
  get bytesUploaded(): number {
    return this.#progress.loaded
  }

  /** Takes what there is room for, and says how many bytes that was. Throws what makes the stream impossible. */
  write(chunk: Uint8Array): number {
    this.#throwIfAborting()
    const { ContentLength = Number.POSITIVE_INFINITY } = this.#options
    const come = this.#cutter.size + chunk.length
    if (come > ContentLength) throw this.#wrongLength(`${come} or more`)
    let taken: number
    try {
      taken = this.#cutter.take(chunk)
    } catch (cause) {
      const why = `${(cause as Error).message}. Raise partSize, or give ContentLength or expectedSize`
      throw this.#requests.error('ERR_S3_TOO_MANY_PARTS', why, {
        cause,
        UploadId: this.UploadId,
      })
    }
    this.#digest.update(taken === chunk.length ? chunk : chunk.subarray(0, taken))
    return taken
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
    const { ContentLength = size } = this.#options
    if (ContentLength !== size) throw this.#wrongLength(`${size}`)
    const wrong = this.#digest.verify(crc)
    if (wrong !== undefined)
      throw this.#requests.error('ERR_S3_INTEGRITY', wrong, {
        UploadId: this.UploadId,
      })
    const last = this.#cutter.end()
    const result = await (this.#state.at === 'idle' ? this.#put(last) : this.#complete(last, { crc, size }))
    this.#state = { at: 'done', UploadId: result.UploadId, result }
    this.#cutter.drop()
    return result
  }

  /** Ends the upload so that nothing of it is left. To be called once. Never rejects, and takes 30 s at most. */
  async abort(reason: Error): Promise<Aborted> {
    const before = this.#state
    if (before.at === 'done') return {}
    const { UploadId } = this
    const ended = cleanUp(this.#requests, {
      UploadId,
      created: before.at === 'creating' ? before.created : undefined,
      answered: before.at === 'completing' ? before.answered : undefined,
      ended: this.#stop(),
      giveUp: () => this.#giveUp.abort(),
      leaveParts: this.#options.leavePartsOnError,
    }).finally(() => this.#cutter.drop())
    this.#state = { at: 'aborting', UploadId, reason }
    this.#waiting?.reject(reason)
    return await ended
  }

  #stop(): Promise<void> {
    this.#queue.clear()
    this.#cancel.abort()
    return this.#queue.onIdle()
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
        if (this.#state.at === 'creating') this.#state = { at: 'open', UploadId }
      },
      (error) => this.#listener.onFailure(error),
    )
  }

  async #store(part: Part): Promise<void> {
    try {
      const UploadId = await this.#opened()
      const { PartNumber, body } = part
      const sent = this.#sentBody(body, part.crc)
      const answer = await this.#requests.uploadPart(UploadId, PartNumber, sent)
      const stored = storedPart(part, answer, await this.#requests.declared(), this.#options.Bucket)
      if (typeof stored === 'string') {
        const place = { UploadId, PartNumber, operation: 'UploadPart' }
        throw this.#requests.error('ERR_S3_INTEGRITY', `part ${PartNumber} is not stored: ${stored}`, place)
      }
      this.#stored[PartNumber - 1] = stored
      this.#acknowledged(sent)
      part.release()
      this.#waiting?.resolve()
    } catch (error) {
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
    const { body, crc } = last ?? { body: EMPTY, crc: 0 }
    await this.#lastWord(body.length, 1)
    const sent = this.#sentBody(body, crc)
    const result = await this.#commit(undefined, putObject(this.#requests, sent))
    this.#acknowledged(sent)
    return result
  }

  async #complete(last: Part | undefined, whole: Whole): Promise<S3WritableResult> {
    if (last !== undefined) this.#send(last)
    await this.#queue.onIdle()
    const UploadId = await this.#opened()
    await this.#lastWord(whole.size, this.#stored.length)
    const answered = completeUpload(this.#requests, UploadId, this.#stored, whole, this.#giveUp.signal)
    return await this.#commit(UploadId, answered)
  }

  async #lastWord(size: number, parts: number): Promise<void> {
    await this.#options.beforeComplete?.({
      size,
      parts,
      UploadId: this.UploadId,
    })
    this.#throwIfAborting()
  }

  #commit(UploadId: string | undefined, answered: Promise<S3WritableResult>): Promise<S3WritableResult> {
    this.#state = { at: 'completing', UploadId, answered }
    return answered
  }

  #sentBody(body: Buffer, crc: number): SentBody {
    return {
      body,
      crc,
      signal: this.#cancel.signal,
      onTaken: this.#progress.part(),
    }
  }

  #acknowledged({ body, onTaken }: SentBody): void {
    onTaken(body.length)
    this.#progress.stored(body.length)
  }

  #throwIfAborting(): void {
    if (this.#state.at === 'aborting') throw this.#state.reason
  }

  #wrongLength(came: string): Error {
    const why = `ContentLength is ${this.#options.ContentLength}, but the stream has ${came} bytes. Nothing is published`
    return this.#requests.error('ERR_S3_LENGTH', why, {
      UploadId: this.UploadId,
    })
  }
}
