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
import { describeCause, S3WritableError, type S3WritableErrorCode } from './errors.js'
import type { Whole } from './integrity.js'
import type { CheckedOptions } from './options.js'
import { type Declared, declaredChecksums, type Operation, type Params, paramsFor } from './parameters.js'
import { type BodyHandling, sendBody } from './send-body.js'

/** Where a request belongs, for the error it may end in. */
interface Place {
  UploadId?: string | undefined
  PartNumber?: number
  operation?: string
  cause?: unknown
}

/** A body to send, and who hears how it goes. */
export interface SentBody {
  body: Buffer
  crc: number
  signal: AbortSignal
  onTaken: (taken: number) => void
}

/** S3's operations on one object. Everything goes through the caller's client, and fails with an error of ours. */
export class Requests {
  readonly #options: CheckedOptions
  #declared: Promise<Declared> | undefined
  /** The object's URL, once bytes of it have been sent: the client's own, never built here. */
  url = ''

  constructor(options: CheckedOptions) {
    this.#options = options
  }

  /** The checksums of this upload, asked of the client once. */
  declared(): Promise<Declared> {
    this.#declared ??= declaredChecksums(this.#options)
    return this.#declared
  }

  async create(): Promise<string> {
    const answer: CreateMultipartUploadCommandOutput = await this.#send({}, 'CreateMultipartUpload', async () => {
      // The SDK says so of a PutObject's body; Create has none, and S3 would name another type by itself.
      const ContentType = 'application/octet-stream'
      return new CreateMultipartUploadCommand(this.#params('create', { ContentType, ...(await this.declared()) }))
    })
    if (answer.UploadId) return answer.UploadId
    throw this.error('ERR_S3_INTEGRITY', 'CreateMultipartUpload answered without an UploadId')
  }

  uploadPart(UploadId: string, PartNumber: number, sent: SentBody): Promise<UploadPartCommandOutput> {
    const place = { UploadId, PartNumber }
    return this.#send(
      place,
      'UploadPart',
      async () => {
        const params = {
          ...place,
          ...(await this.#bodyChecksum(sent.crc)),
          Body: sent.body,
        }
        return sendBody(new UploadPartCommand(this.#params('part', params)), this.#handling(sent))
      },
      sent.signal,
    )
  }

  put(sent: SentBody): Promise<PutObjectCommandOutput> {
    return this.#send(
      {},
      'PutObject',
      async () => {
        const params = {
          ...(await this.#bodyChecksum(sent.crc)),
          Body: sent.body,
        }
        return sendBody(new PutObjectCommand(this.#params('put', params)), this.#handling(sent))
      },
      sent.signal,
    )
  }

  complete(
    UploadId: string,
    Parts: CompletedPart[],
    { crc, size }: Whole,
  ): Promise<CompleteMultipartUploadCommandOutput> {
    return this.#send({ UploadId }, 'CompleteMultipartUpload', async () => {
      const { ChecksumAlgorithm, ChecksumType } = await this.declared()
      const whole = ChecksumType === 'FULL_OBJECT' && ChecksumAlgorithm === 'CRC32'
      return new CompleteMultipartUploadCommand(
        this.#params('complete', {
          ...(ChecksumType === undefined ? {} : { ChecksumType }),
          ...(whole ? { ChecksumCRC32: crc32Base64(crc), MpuObjectSize: size } : {}),
          UploadId,
          MultipartUpload: { Parts },
        }),
      )
    })
  }

  async abort(UploadId: string, signal: AbortSignal): Promise<void> {
    const command = new AbortMultipartUploadCommand(this.#params('abort', { UploadId }))
    await this.#send({ UploadId }, 'AbortMultipartUpload', async () => command, signal)
  }

  listParts(UploadId: string, signal: AbortSignal): Promise<ListPartsCommandOutput> {
    const command = new ListPartsCommand(this.#params('list', { UploadId }))
    return this.#send({ UploadId }, 'ListParts', async () => command, signal)
  }

  head(): Promise<HeadObjectCommandOutput> {
    const command = new HeadObjectCommand(this.#params('head', { ChecksumMode: 'ENABLED' }))
    return this.#send({}, 'HeadObject', async () => command)
  }

  get names(): { Bucket: string; Key: string } {
    const { Bucket, Key } = this.#options
    return { Bucket, Key }
  }

  /** An error of ours about this object. */
  error(code: S3WritableErrorCode, why: string, place: Place = {}): S3WritableError {
    const { Bucket, Key } = this.#options
    return new S3WritableError(code, `s3://${Bucket}/${Key}: ${why}`, {
      ...this.names,
      ...place,
    })
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

  #handling({ onTaken }: SentBody): BodyHandling {
    const onUrl = (url: string): void => {
      this.url = url
    }
    return { onTaken, onUrl, unsignedPayload: this.#options.unsignedPayload }
  }

  async #send<Output>(
    place: Place,
    operation: string,
    command: () => Promise<object>,
    signal?: AbortSignal,
  ): Promise<Output> {
    try {
      return await this.#options.client.send(await command(), signal === undefined ? {} : { abortSignal: signal })
    } catch (cause) {
      const what = place.PartNumber === undefined ? operation : `${operation} ${place.PartNumber}`
      throw this.error('ERR_S3_REQUEST', `${what} failed. ${describeCause(cause)}`, { ...place, operation, cause })
    }
  }
}
