import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListPartsCommand,
  type ListPartsCommandOutput,
  PutObjectCommand,
  type PutObjectCommandOutput,
  UploadPartCommand,
  type UploadPartCommandOutput,
} from '@aws-sdk/client-s3'
import { crc32Base64 } from './checksum.js'
import { describeCause, S3WritableError, type S3WritableErrorCode, type ServiceException } from './errors.js'
import { type BodyHandling, instrument } from './instrument.js'
import type { Whole } from './integrity.js'
import type { CheckedOptions, S3ClientLike } from './options.js'
import { type Declared, declaredChecksums, type Operation, type Params, paramsFor } from './parameters.js'
import { Pace } from './part-body.js'
import { type Movement, StallWatch } from './stall-watch.js'

/** Where a request belongs, for the error it may end in. */
interface Place {
  UploadId?: string | undefined
  PartNumber?: number
  operation?: string
  cause?: unknown
  attempts?: number | undefined
}

/** One request, as often as it has to be sent. */
interface Request {
  operation: string
  place: Place
  command: () => Promise<object>
  sent?: SentBody
  /** Cancels the attempt that is under way. */
  signal: AbortSignal
  /** Once this is so, no attempt begins any more: what was destroyed must not be made after all. */
  isOver?: () => boolean
}

/** A body to send, and who hears how it goes. */
export interface SentBody {
  body: Buffer
  crc: number
  signal: AbortSignal
  onTaken: (taken: number) => void
}

/** What only looks or removes has 30 s in all: so long one attempt of it may stand still, in milliseconds. */
const LOOK_STALL = 8_000

/** S3's operations on one object. Everything goes through the caller's client, and fails with an error of ours. */
export class Requests {
  readonly #options: CheckedOptions
  readonly #isOver: () => boolean
  readonly #movement: Movement = { last: 0 }
  readonly #pace = new Pace()
  #declared: Promise<Declared> | undefined
  /** The object's URL, once bytes of it have been sent: the client's own, never built here. */
  url = ''

  /** `isOver` is the end of all that makes something; removing and looking go on. */
  constructor(options: CheckedOptions, isOver: () => boolean) {
    this.#options = options
    this.#isOver = isOver
  }

  /** The checksums of this upload, asked of the client once. */
  declared(): Promise<Declared> {
    this.#declared ??= declaredChecksums(this.#options)
    return this.#declared
  }

  /** For an upload that is there already: what its Create declared. */
  resume(declared: Declared): void {
    this.#declared = Promise.resolve(declared)
  }

  async create(signal: AbortSignal): Promise<string> {
    const command = async (): Promise<object> => {
      // The SDK says so of a PutObject's body; Create has none, and S3 would name another type by itself.
      const ContentType = 'application/octet-stream'
      return new CreateMultipartUploadCommand(this.#params('create', { ContentType, ...(await this.declared()) }))
    }
    const answer: CreateMultipartUploadCommandOutput = await this.#make({
      operation: 'CreateMultipartUpload',
      place: {},
      command,
      signal,
    })
    if (answer.UploadId) return answer.UploadId
    throw this.error('ERR_S3_INTEGRITY', 'CreateMultipartUpload answered without an UploadId')
  }

  uploadPart(UploadId: string, PartNumber: number, sent: SentBody): Promise<UploadPartCommandOutput> {
    const place = { UploadId, PartNumber }
    const command = async (): Promise<object> => {
      const params = { ...place, ...(await this.#bodyChecksum(sent.crc)), Body: sent.body }
      return new UploadPartCommand(this.#params('part', params))
    }
    return this.#make({ operation: 'UploadPart', place, command, sent, signal: sent.signal })
  }

  put(sent: SentBody): Promise<PutObjectCommandOutput> {
    const command = async (): Promise<object> => {
      const params = { ...(await this.#bodyChecksum(sent.crc)), Body: sent.body }
      return new PutObjectCommand(this.#params('put', params))
    }
    return this.#make({ operation: 'PutObject', place: {}, command, sent, signal: sent.signal })
  }

  complete(
    UploadId: string,
    Parts: CompletedPart[],
    { crc, size }: Whole,
    signal: AbortSignal,
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
    return this.#make({ operation: 'CompleteMultipartUpload', place: { UploadId }, command, signal })
  }

  async abort(UploadId: string, signal: AbortSignal): Promise<void> {
    const command = async (): Promise<object> => new AbortMultipartUploadCommand(this.#params('abort', { UploadId }))
    await this.#send({ operation: 'AbortMultipartUpload', place: { UploadId }, command, signal })
  }

  /** One page: of the parts after `PartNumberMarker`, else of the first. */
  listParts(UploadId: string, signal: AbortSignal, PartNumberMarker?: string): Promise<ListPartsCommandOutput> {
    const params = { UploadId, ...(PartNumberMarker === undefined ? {} : { PartNumberMarker }) }
    const command = async (): Promise<object> => new ListPartsCommand(this.#params('list', params))
    return this.#send({ operation: 'ListParts', place: { UploadId }, command, signal })
  }

  /** Of the object, or of one part of it. */
  head(signal: AbortSignal, PartNumber?: number): Promise<HeadObjectCommandOutput> {
    const params = PartNumber === undefined ? { ChecksumMode: 'ENABLED' } : { PartNumber }
    const command = async (): Promise<object> => new HeadObjectCommand(this.#params('head', params))
    return this.#send({ operation: 'HeadObject', place: {}, command, signal })
  }

  get names(): { Bucket: string; Key: string } {
    const { Bucket, Key } = this.#options
    return { Bucket, Key }
  }

  /** An error of ours about this object. */
  error(code: S3WritableErrorCode, why: string, place: Place = {}): S3WritableError {
    const { Bucket, Key } = this.#options
    return new S3WritableError(code, `s3://${Bucket}/${Key}: ${why}`, { Bucket, Key, ...place })
  }

  /** `never`, because the caller's parameters are S3's own, of whatever version of the SDK is there. */
  #params(operation: Operation, added: Params): never {
    return { ...added, ...paramsFor(operation, this.#options.s3) } as never
  }

  /** CRC-32 is ours, computed as the bytes came; another algorithm is left to the SDK. */
  async #bodyChecksum(crc: number): Promise<Params> {
    const { ChecksumAlgorithm } = await this.declared()
    if (ChecksumAlgorithm === 'CRC32') return { ChecksumAlgorithm, ChecksumCRC32: crc32Base64(crc) }
    return ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm }
  }

  async #handling({ onTaken }: SentBody, watch: StallWatch): Promise<BodyHandling> {
    const { ChecksumAlgorithm } = await this.declared()
    return {
      pace: this.#pace,
      onTaken: (taken) => {
        watch.moved()
        onTaken(taken)
      },
      onSlices: (slices) => watch.sends(slices),
      onUrl: (url) => {
        this.url = url
      },
      unsignedPayload: this.#options.unsignedPayload,
      checksum: ChecksumAlgorithm !== undefined,
    }
  }

  #make<Output>(request: Request): Promise<Output> {
    return this.#send({ ...request, isOver: this.#isOver })
  }

  /** Sends one request; again where it stood still, as often as the client tries. `sent` counts those before. */
  async #send<Output>(request: Request, sent = 0): Promise<Output> {
    const { operation, place, signal, isOver } = request
    const { client } = this.#options
    const stallTimeout = this.#stallTimeout(isOver !== undefined)
    const watch = new StallWatch(stallTimeout, this.#movement, signal)
    try {
      return await watch.settled(this.#attempt(request, watch))
    } catch (cause) {
      const what = place.PartNumber === undefined ? operation : `${operation} ${place.PartNumber}`
      if (!watch.stalled) {
        const attempts = sent === 0 ? undefined : sent + ((cause as ServiceException | null)?.$metadata?.attempts ?? 1)
        const why = `${what} failed. ${describeCause(cause)}`
        throw this.error('ERR_S3_REQUEST', why, { ...place, operation, cause, attempts })
      }
      const attempts = sent + 1
      const over = signal.aborted || isOver?.()
      if (!over && attempts < (await maxAttempts(client))) return await this.#send(request, attempts)
      const why = `${what} was sent ${attempts} times and each time stood still for ${stallTimeout} ms`
      throw this.error('ERR_S3_STALLED', why, { ...place, operation, cause, attempts })
    }
  }

  #stallTimeout(makes: boolean): number {
    const { stallTimeout } = this.#options
    return makes ? stallTimeout : Math.min(stallTimeout || LOOK_STALL, LOOK_STALL)
  }

  async #attempt<Output>({ command, sent, isOver }: Request, watch: StallWatch): Promise<Output> {
    const onAttempt = (): void => {
      if (isOver?.()) throw new Error('the upload has been given up')
      watch.moved()
    }
    const body = sent === undefined ? undefined : await this.#handling(sent, watch)
    const made = await command()
    try {
      return await this.#options.client.send(instrument(made, onAttempt, body), { abortSignal: watch.signal })
    } finally {
      // With the body in it: the stack of the SDK's error leads here, and so does another error on the same connection.
      Object.assign(made, { input: {} })
    }
  }
}

/** The client's own setting, 3 by default: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
async function maxAttempts({ config }: S3ClientLike): Promise<number> {
  const { maxAttempts: setting = 3 } = config as { maxAttempts?: number | (() => Promise<number>) }
  return typeof setting === 'function' ? await setting() : setting
}
