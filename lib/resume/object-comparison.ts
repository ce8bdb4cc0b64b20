import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { addToMessage, type ServiceException } from '../errors/causes.js'
import type { S3WritableError } from '../errors/s3-writable-error.js'
import type { S3WritableStats } from '../errors/stats.js'
import type { CheckedOptions } from '../options/types.js'
import { type Part, PartCutter } from '../parts/cutter.js'
import { type CutError, planPartSizes, type SizeOfPart } from '../parts/sizes.js'
import type { Requests } from '../requests/requests.js'
import type { CleanupResult } from '../upload/cleanup.js'
import { isObjectMadeOf } from '../upload/complete.js'
import { head } from '../upload/head.js'
import type { StoredPart } from '../upload/stored-parts.js'
import type { WriteTarget } from '../upload/target.js'

/**
 * Used instead of Upload when the upload to resume no longer exists but the object does: reads the stream to its end, and
 * compares it with the object. Stores nothing, and always ends with an error, which says whether they are equal.
 */
export class ObjectComparison implements WriteTarget {
  readonly UploadId = undefined
  readonly bytesUploaded = 0
  /** The error that the stream fails with. */
  readonly failure: S3WritableError
  readonly #requests: Requests
  readonly #cutter: PartCutter
  readonly #parts: StoredPart[] = []
  readonly #startedAt = performance.now()

  constructor(sizeOfPart: SizeOfPart, requests: Requests, failure: S3WritableError) {
    this.#requests = requests
    this.failure = failure
    this.#cutter = new PartCutter(
      sizeOfPart,
      () => 1,
      (part) => this.#add(part),
    )
  }

  get stats(): S3WritableStats {
    const ms = performance.now() - this.#startedAt
    return { ms, requests: this.#requests.sentAttempts, resentBytes: 0, concurrency: 0 }
  }

  write(chunk: Uint8Array): number {
    try {
      return this.#cutter.take(chunk)
    } catch (cause) {
      throw this.#requests.error((cause as CutError).code, (cause as CutError).message, { cause })
    }
  }

  writeText(): undefined {}

  async room(): Promise<void> {}

  async end(): Promise<never> {
    const { crc, size } = this.#cutter
    const last = this.#cutter.end()
    if (last !== undefined) this.#add(last)
    const outcome = (await isObjectMadeOf(this.#requests, this.#parts, { crc, size }))
      ? 'It holds exactly the bytes that were written: the upload was completed, and nothing is left to do'
      : `It is not proven to hold the ${size} bytes that were written`
    throw addToMessage(this.failure, outcome)
  }

  async abort(): Promise<CleanupResult> {
    this.#cutter.drop()
    return {}
  }

  #add({ PartNumber, body, crc, release }: Part): void {
    this.#parts.push({ listed: { PartNumber }, crc, size: body.length, md5: undefined })
    release()
  }
}

/**
 * What to do if the upload to resume does not exist: compare the stream with the object, if there is one. Throws `error`,
 * with a sentence on the object, if there is none or it cannot be the one of that upload.
 */
export async function compareWithObject(
  options: CheckedOptions,
  requests: Requests,
  error: S3WritableError,
  signal: AbortSignal,
): Promise<ObjectComparison> {
  const { resume, ContentLength, maxParts, equalParts } = options
  let object: HeadObjectCommandOutput
  let firstPart: HeadObjectCommandOutput | undefined
  try {
    object = await head(requests, signal)
    if (/-\d+"?$/.test(String(object.ETag)))
      firstPart = await requests.head(signal, { PartNumber: 1, ChecksumMode: undefined })
  } catch (cause) {
    const { $metadata } = cause as ServiceException
    const why = $metadata?.httpStatusCode === 404 ? 'There is no object of this key' : (cause as Error).message
    throw addToMessage(error, why)
  }
  const { ContentLength: size, LastModified } = object
  addToMessage(error, `An object of ${size} bytes exists, last modified ${LastModified?.toISOString()}`)
  if (ContentLength !== undefined && ContentLength !== size)
    throw addToMessage(error, `It is not the object of this upload, because ContentLength is ${ContentLength}`)
  if (typeof resume === 'object' && resume.offset !== undefined) throw error
  // The object was cut by the size of its first part, whatever `partSize` says now.
  const sizeOfPart =
    firstPart === undefined
      ? options.sizeOfPart
      : planPartSizes(firstPart.ContentLength as number, maxParts, equalParts)
  return new ObjectComparison(sizeOfPart, requests, error)
}
