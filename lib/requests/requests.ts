import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  type ListPartsCommandOutput,
  PutObjectCommand,
  type PutObjectCommandOutput,
  UploadPartCommand,
  type UploadPartCommandOutput,
} from '@aws-sdk/client-s3'
import type { SizeAndCrc } from '../checksums/crc32.js'
import type { S3WritableError, S3WritableErrorCode } from '../errors/s3-writable-error.js'
import { type DeclaredChecksums, declaredChecksums, fullObjectChecksum, isAlgorithm } from '../options/checksums.js'
import { type Operation, paramsFor } from '../options/parameters.js'
import type { CheckedOptions, Params } from '../options/types.js'
import type { Attempt } from './answer.js'
import type { BodyToSend } from './body.js'
import { bodyChecksum } from './body-checksum.js'
import { checkClientChecksum } from './client-checksum.js'
import { earliestStart } from './clock.js'
import type { BodyHooks } from './middleware.js'
import { RateLimit } from './rate-limit.js'
import { type Request, type RequestContext, Sender } from './send.js'
import { sharedMemoryOf } from './shared-body.js'
import { SliceSize, STATE_LENGTH } from './sliced-body.js'
import type { StallWatch } from './stall-watch.js'

/** How Complete is sent. */
export type CompleteRequestOptions = Pick<Request, 'attempts' | 'shouldSendAgain' | 'signal'>

/** S3's operations on one object, one method for each. */
export class Requests {
  readonly #options: CheckedOptions
  readonly #isAborted: () => boolean
  readonly #sender: Sender
  /** Shared by all bodies. */
  readonly sliceSize: SliceSize
  #declaredChecksums: Promise<DeclaredChecksums> | undefined
  /** The object's URL, as the client builds it for a request with a body. Empty until one was sent. */
  url = ''
  /**
   * The earliest time at which Create can have been sent, by S3's clock, in ms since 1970: no object of this upload is
   * older. Undefined if it is not known.
   */
  createdAt: number | undefined
  /** How long S3 took to answer Create, in ms; undefined if that is not known. */
  roundTrip: number | undefined
  /** Whether an earlier stream created the upload. */
  isResumed = false
  /** Whether Complete must list the checksums of the parts: S3 has named the upload's algorithm in an answer. */
  listsChecksums = false

  /** Once `isAborted` returns true, only requests that read or remove are still sent. */
  constructor(options: CheckedOptions, isAborted: () => boolean) {
    this.#options = options
    this.#isAborted = isAborted
    this.#sender = new Sender(options)
    const { client, maxRate } = options
    const rateLimit = maxRate === undefined ? undefined : new RateLimit(maxRate)
    const state = sharedMemoryOf(client) && new Int32Array(new SharedArrayBuffer(STATE_LENGTH * 4))
    this.sliceSize = new SliceSize(rateLimit, state)
  }

  /** The checksums that this upload declares. Read from the options and the client's configuration once. */
  declared(): Promise<DeclaredChecksums> {
    this.#declaredChecksums ??= declaredChecksums(this.#options)
    return this.#declaredChecksums
  }

  /** Continues an upload that exists already. `declared` are the checksums that its Create declared. */
  resume(declared: DeclaredChecksums, createdAt: number | undefined): void {
    this.#declaredChecksums = Promise.resolve(declared)
    this.createdAt = createdAt
    this.isResumed = true
    this.listsChecksums = declared.ChecksumAlgorithm !== undefined
  }

  async create(signal: AbortSignal): Promise<string> {
    const createCommand = async (): Promise<object> => {
      // The SDK's default for PutObject. For Create it has none, and S3's own default is another type.
      const ContentType = 'application/octet-stream'
      const declared = await this.declared()
      await checkClientChecksum(this.#options, declared.ChecksumAlgorithm)
      return new CreateMultipartUploadCommand(this.#params('CreateMultipartUpload', { ContentType, ...declared }))
    }
    const attempts: Attempt[] = []
    const answer: CreateMultipartUploadCommandOutput = await this.#sendUnlessAborted({
      operation: 'CreateMultipartUpload',
      context: {},
      createCommand,
      signal,
      attempts,
    })
    this.createdAt = earliestStart(attempts)
    this.listsChecksums = isAlgorithm(answer.ChecksumAlgorithm)
    const { sent } = attempts.at(-1) ?? {}
    if (sent !== undefined) this.roundTrip = Date.now() - sent
    if (answer.UploadId) return answer.UploadId
    throw this.error('ERR_S3_INTEGRITY', 'the answer to CreateMultipartUpload has no UploadId')
  }

  uploadPart(UploadId: string, PartNumber: number, toSend: BodyToSend): Promise<UploadPartCommandOutput> {
    const context = { UploadId, PartNumber }
    const createCommand = async (onHashing: () => void): Promise<object> => {
      toSend.checksum ??= await bodyChecksum(await this.declared(), toSend, onHashing)
      const params = { ...context, ...toSend.checksum, Body: toSend.body }
      return new UploadPartCommand(this.#params('UploadPart', params))
    }
    return this.#sendUnlessAborted({
      operation: 'UploadPart',
      context,
      createCommand,
      body: this.#bodyHooks(toSend),
      signal: toSend.signal,
    })
  }

  put(toSend: BodyToSend, attempts: Attempt[]): Promise<PutObjectCommandOutput> {
    const createCommand = async (onHashing: () => void): Promise<object> => {
      const checksum = await bodyChecksum(await this.declared(), toSend, onHashing, this.#options.s3)
      const params = { ...checksum, Body: toSend.body }
      return new PutObjectCommand(this.#params('PutObject', params))
    }
    const { signal } = toSend
    const body = this.#bodyHooks(toSend)
    return this.#sendUnlessAborted({ operation: 'PutObject', context: {}, createCommand, body, signal, attempts })
  }

  complete(
    UploadId: string,
    Parts: CompletedPart[],
    full: SizeAndCrc,
    options: CompleteRequestOptions,
  ): Promise<CompleteMultipartUploadCommandOutput> {
    const createCommand = async (): Promise<object> => {
      const params = { ...fullObjectChecksum(await this.declared(), full), UploadId, MultipartUpload: { Parts } }
      return new CompleteMultipartUploadCommand(this.#params('CompleteMultipartUpload', params))
    }
    const operation = 'CompleteMultipartUpload'
    const context = { UploadId }
    return this.#sendUnlessAborted({ operation, context, createCommand, completesUpload: true, ...options })
  }

  async abort(UploadId: string, signal: AbortSignal, attempts: Attempt[]): Promise<void> {
    const createCommand = async (): Promise<object> =>
      new AbortMultipartUploadCommand(this.#params('AbortMultipartUpload', { UploadId }))
    await this.#sender.send({
      operation: 'AbortMultipartUpload',
      context: { UploadId },
      createCommand,
      signal,
      attempts,
    })
  }

  /** One page of an upload's parts. `markers` name the place where it begins; by default at the first part. */
  listParts(UploadId: string, signal: AbortSignal, markers: Params = {}): Promise<ListPartsCommandOutput> {
    const createCommand = async (): Promise<object> =>
      new ListPartsCommand(this.#params('ListParts', { UploadId, ...markers }))
    return this.#sender.send({ operation: 'ListParts', context: { UploadId }, createCommand, signal })
  }

  /** One page of the unfinished uploads whose keys begin with `Prefix`. `markers` name the place where it begins. */
  listUploads(Prefix: string, signal: AbortSignal, markers: Params = {}): Promise<ListMultipartUploadsCommandOutput> {
    // Encoded, because XML cannot represent every character that a key may have.
    const params = { EncodingType: 'url', ...(Prefix === '' ? {} : { Prefix }), ...markers }
    const createCommand = async (): Promise<object> =>
      new ListMultipartUploadsCommand(this.#params('ListMultipartUploads', params))
    return this.#sender.send({ operation: 'ListMultipartUploads', context: {}, createCommand, signal })
  }

  /** HeadObject. `params` are added to it, such as a `PartNumber` to ask for one part. */
  head(signal: AbortSignal, params: Params = {}, attempts: Attempt[] = []): Promise<HeadObjectCommandOutput> {
    const all = { ChecksumMode: 'ENABLED', ...params }
    const createCommand = async (): Promise<object> => new HeadObjectCommand(this.#params('HeadObject', all))
    return this.#sender.send({ operation: 'HeadObject', context: {}, createCommand, signal, attempts })
  }

  /** The caller's S3 parameters. */
  get s3(): Params {
    return this.#options.s3
  }

  /** The number of attempts that were sent. */
  get sentAttempts(): number {
    return this.#sender.sentAttempts
  }

  /** The server of the last request: its protocol, such as `https:`, and its name. Empty before the first one. */
  get server(): Sender['server'] {
    return this.#sender.server
  }

  /** Whether nothing is known about the attempts, because the client ignores the middleware of commands. */
  get hasUnknownAttempts(): boolean {
    return this.#sender.hasUnknownAttempts
  }

  /** The bucket and the key of the object. */
  get target(): { Bucket: string; Key: string } {
    return this.#sender.target
  }

  /** An error about this object. */
  error(code: S3WritableErrorCode, why: string, context: RequestContext = {}): S3WritableError {
    return this.#sender.error(code, why, context)
  }

  /**
   * Typed as `never` to fit every command: the caller may pass parameters that the installed SDK's types do not know.
   */
  #params(operation: Operation, added: Params): never {
    return { ...added, ...paramsFor(operation, this.#options.s3) } as never
  }

  #bodyHooks({ onSent, onHandedOver, onSlowDown }: BodyToSend): (watch: StallWatch) => Promise<BodyHooks> {
    return async (watch) => {
      const { ChecksumAlgorithm } = await this.declared()
      return {
        sliceSize: this.sliceSize,
        onSent: (sent, bytes) => {
          watch.noteActivity()
          onSent(sent, bytes)
        },
        onHandedOver,
        onSlowDown,
        onSlicedBody: (body) => watch.watchBody(body),
        onHashing: () => watch.noteHashing(),
        onUrl: (url) => {
          this.url = url
        },
        unsignedPayload: this.#options.unsignedPayload,
        hasChecksum: ChecksumAlgorithm !== undefined,
      }
    }
  }

  #sendUnlessAborted<Output>(request: Request): Promise<Output> {
    return this.#sender.send({ ...request, isAborted: this.#isAborted })
  }
}
