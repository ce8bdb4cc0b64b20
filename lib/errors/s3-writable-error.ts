import type { S3ServiceException } from '@aws-sdk/client-s3'
import type { ServiceException } from './causes.js'
import { safeCause } from './redact.js'
import type { S3WritableStats } from './stats.js'

/**
 * What went wrong, as a literal for `switch`:
 * - `ERR_S3_REQUEST`: S3 refused a request, or the request could not be sent. See `name`, `$metadata` and `cause`.
 * - `ERR_S3_STALLED`: every attempt at a request made no progress for `stallTimeout`.
 * - `ERR_S3_LENGTH`: the stream was longer or shorter than `ContentLength`, or longer than `maxSize`.
 * - `ERR_S3_TOO_MANY_PARTS`: the stream does not fit into the number of parts that the store accepts.
 * - `ERR_S3_MEMORY`: there was not enough memory for the next part.
 * - `ERR_S3_RESUME`: the upload to resume does not exist, or its parts cannot be continued.
 * - `ERR_S3_INTEGRITY`: S3's answers contradict or do not prove the bytes that were written, or a checksum that the caller
 *   gave does not match them.
 */
export type S3WritableErrorCode =
  | 'ERR_S3_REQUEST'
  | 'ERR_S3_STALLED'
  | 'ERR_S3_LENGTH'
  | 'ERR_S3_TOO_MANY_PARTS'
  | 'ERR_S3_MEMORY'
  | 'ERR_S3_RESUME'
  | 'ERR_S3_INTEGRITY'

/** The object and, as far as it is known, the upload and the request that an error is about. */
export interface S3WritableErrorDetails {
  /** The bucket of the object. */
  Bucket: string
  /** The key of the object. */
  Key: string
  /** The multipart upload, once S3 has returned its id. */
  UploadId?: string | undefined
  /** The part whose request failed, from 1 to 10,000. */
  PartNumber?: number | undefined
  /** The S3 operation that failed, such as `UploadPart`. */
  operation?: string | undefined
  /** What the client threw. It is copied without secrets. */
  cause?: unknown
  /** The total number of attempts, if it is larger than the number in `cause.$metadata.attempts`. */
  attempts?: number | undefined
}

/**
 * Every failure that this module reports itself. Where S3 answered with an exception, `name` is the name of that exception,
 * so `err.name === 'NoSuchBucket'` works, and `$metadata` is the SDK's.
 *
 * @example
 * try {
 *   await pipeline(source, upload)
 * } catch (error) {
 *   if (error instanceof S3WritableError && error.code === 'ERR_S3_STALLED') console.error(error.operation, error.UploadId)
 * }
 */
export class S3WritableError extends Error {
  /** The name of S3's exception, such as `NoSuchBucket`, if S3 answered with one; otherwise `S3WritableError`. */
  override name = 'S3WritableError'
  /** What went wrong. */
  readonly code: S3WritableErrorCode
  /** The bucket of the object. */
  readonly Bucket: string
  /** The key of the object. */
  readonly Key: string
  /** The multipart upload, once S3 has returned its id. */
  declare readonly UploadId?: string
  /** The part whose request failed, from 1 to 10,000. */
  declare readonly PartNumber?: number
  /** The S3 operation that failed, such as `UploadPart`. */
  declare readonly operation?: string
  /** Why the upload could not be removed after the failure: the parts of `UploadId` may still be stored and cost money. */
  declare cleanupError?: Error
  /**
   * True if S3 was asked to make the object and it is not known whether S3 did. A multipart upload is then left as it is,
   * because S3 may still be making the object from its parts. Otherwise undefined.
   */
  declare objectMayExist?: boolean
  /** How the upload went until it failed. Set when the stream fails. */
  declare readonly stats?: S3WritableStats
  /** The SDK's metadata of the failed request: HTTP status, request id, number of attempts. */
  declare readonly $metadata?: S3ServiceException['$metadata']

  /** The fields are taken from `details`, and `name` and `$metadata` from its `cause`. */
  constructor(code: S3WritableErrorCode, message: string, details: S3WritableErrorDetails) {
    const safe = withoutSecrets(details.cause)
    super(message, safe === undefined ? undefined : { cause: safe })
    // V8 formats `stack` lazily and until then keeps the captured frames alive, and with them a whole part. Reading it
    // here frees them.
    void this.stack
    this.code = code
    this.Bucket = details.Bucket
    this.Key = details.Key
    if (details.UploadId !== undefined) this.UploadId = details.UploadId
    if (details.PartNumber !== undefined) this.PartNumber = details.PartNumber
    if (details.operation !== undefined) this.operation = details.operation
    const cause = safe as ServiceException | null | undefined
    const { attempts } = details
    if (cause?.$metadata !== undefined || attempts !== undefined) {
      this.$metadata = { ...cause?.$metadata, ...(attempts === undefined ? {} : { attempts }) }
    }
    // Only S3's exceptions lend their name; an error of the socket has the name Error.
    const answered = cause?.$metadata?.httpStatusCode !== undefined
    if (answered && cause.name !== undefined && cause.name !== 'Error') this.name = cause.name
  }
}

/** What was thrown, or a copy of it that holds no secrets. An `S3WritableError` holds none, and callers may look for it. */
export function withoutSecrets(thrown: unknown): unknown {
  return thrown instanceof S3WritableError ? thrown : safeCause(thrown)
}
