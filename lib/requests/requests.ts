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
import { crc32Base64, type SizeAndCrc } from '../checksums/crc32.js'
import type { S3WritableError, S3WritableErrorCode } from '../errors/s3-writable-error.js'
import {
  type DeclaredChecksums,
  declaredChecksums,
  type Operation,
  type Params,
  paramsFor,
} from '../options/parameters.js'
import type { CheckedOptions } from '../options/types.js'
import type { Attempt } from './answer.js'
import { bodyChecksum } from './body-checksum.js'
import type { BodyHooks } from './middleware.js'
import { type Request, type RequestContext, Sender } from './send.js'
import { SliceSize } from './sliced-body.js'
import type { StallWatch } from './stall-watch.js'

/** A body to send, and who hears how it goes. */
export interface BodyToSend {
  body: Buffer
  crc: number
  signal: AbortSignal
  onTaken: (taken: number) => void
}

/** How a request that makes the object is sent, beside what it says. */
export type ObjectRequestOptions = Pick<Request, 'attempts' | 'shouldSendAgain' | 'signal'>

/** S3's operations on one object, one method for each. */
export class Requests {
  readonly #options: CheckedOptions
  readonly #isOver: () => boolean
  readonly #sender: Sender
  readonly #pace = new SliceSize()
  #declared: Promise<DeclaredChecksums> | undefined
  /** The object's URL, once bytes of it have been sent: the client's own, never built here. */
  url = ''
  /** When Create was sent, by S3's clock, in ms: no object of this upload is older. Undefined where it is not known. */
  createdAt: number | undefined
  /** Whether another stream began the upload. */
  isResumed = false

  /** `isOver` is the end of all that makes something; removing and looking go on. */
  constructor(options: CheckedOptions, isOver: () => boolean) {
    this.#options = options
    this.#isOver = isOver
    this.#sender = new Sender(options)
  }

  /** The checksums of this upload, asked of the client once. */
  declared(): Promise<DeclaredChecksums> {
    this.#declared ??= declaredChecksums(this.#options)
    return this.#declared
  }

  /** For an upload that is there already: what its Create declared, and when that was. */
  resume(declared: DeclaredChecksums, begun: number | undefined): void {
    this.#declared = Promise.resolve(declared)
    this.createdAt = begun
    this.isResumed = true
  }

  async create(signal: AbortSignal): Promise<string> {
    const command = async (): Promise<object> => {
      // The SDK says so of a PutObject's body; Create has none, and S3 would name another type by itself.
      const ContentType = 'application/octet-stream'
      return new CreateMultipartUploadCommand(this.#params('create', { ContentType, ...(await this.declared()) }))
    }
    const attempts: Attempt[] = []
    const answer: CreateMultipartUploadCommandOutput = await this.#make({
      operation: 'CreateMultipartUpload',
      context: {},
      command,
      signal,
      attempts,
    })
    this.createdAt = whenSent(attempts)
    if (answer.UploadId) return answer.UploadId
    throw this.error('ERR_S3_INTEGRITY', 'CreateMultipartUpload answered without an UploadId')
  }

  uploadPart(UploadId: string, PartNumber: number, sent: BodyToSend): Promise<UploadPartCommandOutput> {
    const place = { UploadId, PartNumber }
    const command = async (onTurn: () => void): Promise<object> => {
      const params = { ...place, ...(await bodyChecksum(await this.declared(), sent, onTurn)), Body: sent.body }
      return new UploadPartCommand(this.#params('part', params))
    }
    return this.#make({ operation: 'UploadPart', context: place, command, body: this.#body(sent), signal: sent.signal })
  }

  put(sent: BodyToSend, attempts: Attempt[]): Promise<PutObjectCommandOutput> {
    const command = async (onTurn: () => void): Promise<object> => {
      const checksum = await bodyChecksum(await this.declared(), sent, onTurn, this.#options.s3)
      const params = { ...checksum, Body: sent.body }
      return new PutObjectCommand(this.#params('put', params))
    }
    const { signal } = sent
    return this.#make({ operation: 'PutObject', context: {}, command, body: this.#body(sent), signal, attempts })
  }

  complete(
    UploadId: string,
    Parts: CompletedPart[],
    { crc, size }: SizeAndCrc,
    committing: ObjectRequestOptions,
  ): Promise<CompleteMultipartUploadCommandOutput> {
    const command = async (): Promise<object> => {
      const { ChecksumAlgorithm, ChecksumType } = await this.declared()
      const whole = ChecksumType === 'FULL_OBJECT' && ChecksumAlgorithm === 'CRC32'
      return new CompleteMultipartUploadCommand(
        this.#params('complete', {
          ...(ChecksumType === undefined ? {} : { ChecksumType }),
          ...(whole && crc !== undefined ? { ChecksumCRC32: crc32Base64(crc), MpuObjectSize: size } : {}),
          UploadId,
          MultipartUpload: { Parts },
        }),
      )
    }
    const operation = 'CompleteMultipartUpload'
    return this.#make({ operation, context: { UploadId }, command, createsObject: true, ...committing })
  }

  async abort(UploadId: string, signal: AbortSignal): Promise<void> {
    const command = async (): Promise<object> => new AbortMultipartUploadCommand(this.#params('abort', { UploadId }))
    await this.#sender.send({ operation: 'AbortMultipartUpload', context: { UploadId }, command, signal })
  }

  /** One page of the parts of an upload: those after the marker, else the first. */
  listParts(UploadId: string, signal: AbortSignal, markers: Params = {}): Promise<ListPartsCommandOutput> {
    const command = async (): Promise<object> => new ListPartsCommand(this.#params('list', { UploadId, ...markers }))
    return this.#sender.send({ operation: 'ListParts', context: { UploadId }, command, signal })
  }

  /** One page of the unfinished uploads whose keys begin with `Prefix`: those after the markers, else the first. */
  listUploads(Prefix: string, signal: AbortSignal, markers: Params = {}): Promise<ListMultipartUploadsCommandOutput> {
    // XML cannot carry every character that a key may have.
    const params = { EncodingType: 'url', ...(Prefix === '' ? {} : { Prefix }), ...markers }
    const command = async (): Promise<object> => new ListMultipartUploadsCommand(this.#params('uploads', params))
    return this.#sender.send({ operation: 'ListMultipartUploads', context: {}, command, signal })
  }

  /** Of the object, or of one part of it. */
  head(signal: AbortSignal, more: Params = {}, attempts: Attempt[] = []): Promise<HeadObjectCommandOutput> {
    const params = { ChecksumMode: 'ENABLED', ...more }
    const command = async (): Promise<object> => new HeadObjectCommand(this.#params('head', params))
    return this.#sender.send({ operation: 'HeadObject', context: {}, command, signal, attempts })
  }

  /** The caller's parameters. */
  get s3(): Params {
    return this.#options.s3
  }

  /** Whether the client runs no middleware of a command, so that nothing is known of the attempts. */
  get hasUnknownAttempts(): boolean {
    return this.#sender.hasUnknownAttempts
  }

  get names(): { Bucket: string; Key: string } {
    return this.#sender.names
  }

  /** An error of ours about this object. */
  error(code: S3WritableErrorCode, why: string, place: RequestContext = {}): S3WritableError {
    return this.#sender.error(code, why, place)
  }

  /** `never`, because the caller's parameters are S3's own, of whatever version of the SDK is there. */
  #params(operation: Operation, added: Params): never {
    return { ...added, ...paramsFor(operation, this.#options.s3) } as never
  }

  #body({ onTaken }: BodyToSend): (watch: StallWatch) => Promise<BodyHooks> {
    return async (watch) => {
      const { ChecksumAlgorithm } = await this.declared()
      return {
        sliceSize: this.#pace,
        onTaken: (taken) => {
          watch.noteActivity()
          onTaken(taken)
        },
        onSlices: (slices) => watch.watchBody(slices),
        onTurn: () => watch.noteHashing(),
        onUrl: (url) => {
          this.url = url
        },
        unsignedPayload: this.#options.unsignedPayload,
        checksum: ChecksumAlgorithm !== undefined,
      }
    }
  }

  #make<Output>(request: Request): Promise<Output> {
    return this.#sender.send({ ...request, isAborted: this.#isOver })
  }
}

/** Dates have whole seconds, and those of a balancer or of another node may differ by some more. In ms. */
export const CLOCK_TOLERANCE = 15_000

/** When the last attempt was sent at the earliest, by the clock of whoever answered it. */
function whenSent(attempts: readonly Attempt[]): number | undefined {
  const [last] = attempts.slice(-1)
  return last?.clock && last.clock.s3 - (last.clock.here - last.sent) - CLOCK_TOLERANCE
}
