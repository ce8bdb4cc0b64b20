import { inspect } from 'node:util'
import { isError, nameOf, safeCause, withoutSecrets } from './redact.js'

/** What went wrong, for `switch`:
 * - `ERR_S3_REQUEST`: S3 refused a request, or it could not be sent; `name`, `$metadata` and `cause` tell more.
 * - `ERR_S3_STALLED`: a request stood still for `stallTimeout`, as often as the client tries.
 * - `ERR_S3_LENGTH`: the stream was longer or shorter than `ContentLength`, or longer than `maxSize`.
 * - `ERR_S3_TOO_MANY_PARTS`: the stream does not fit in the parts that the store takes.
 * - `ERR_S3_MEMORY`: there was no memory for the next part.
 * - `ERR_S3_RESUME`: the upload that was to be resumed is gone, or its parts are not what they must be.
 * - `ERR_S3_INTEGRITY`: what S3 answered does not prove that it stored these bytes.
 */
export type S3WritableErrorCode =
  | 'ERR_S3_REQUEST'
  | 'ERR_S3_STALLED'
  | 'ERR_S3_LENGTH'
  | 'ERR_S3_TOO_MANY_PARTS'
  | 'ERR_S3_MEMORY'
  | 'ERR_S3_RESUME'
  | 'ERR_S3_INTEGRITY'

/** Where an error belongs: the object, and as much of the upload as was known. */
export interface S3WritableErrorDetails {
  Bucket: string
  Key: string
  UploadId?: string | undefined
  PartNumber?: number | undefined
  operation?: string | undefined
  cause?: unknown
  /** How often the request was sent in all, where that is more than its cause knows. */
  attempts?: number | undefined
}

/**
 * Every failure that this module itself reports. Where S3 answered with an exception, `name` is that
 * exception's, so `err.name === 'NoSuchBucket'` works, and `$metadata` is the SDK's.
 */
export class S3WritableError extends Error {
  override name = 'S3WritableError'
  readonly code: S3WritableErrorCode
  readonly Bucket: string
  readonly Key: string
  /** The multipart upload, once S3 had given it a name. */
  declare readonly UploadId?: string
  declare readonly PartNumber?: number
  /** The S3 operation that failed, such as `UploadPart`. */
  declare readonly operation?: string
  /** Why the upload could not be removed afterwards: the parts named by its `UploadId` may still cost money. */
  declare cleanupError?: Error
  /**
   * Whether the object may be there all the same: S3 was asked to make it, and it could not be found out whether it did.
   * Then its upload is left as it is, since S3 may still be making the object of it.
   */
  declare objectMayExist?: boolean
  /** The SDK's: HTTP status, request id, attempts. */
  declare readonly $metadata?: unknown

  constructor(code: S3WritableErrorCode, message: string, details: S3WritableErrorDetails) {
    // One of ours is safe, and is what others may look for.
    const safe = details.cause instanceof S3WritableError ? details.cause : safeCause(details.cause)
    super(message, safe === undefined ? undefined : { cause: safe })
    // Until it is read, a stack holds what the functions on it do, among that a whole part; reading makes it a text.
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
      this.$metadata = attempts === undefined ? cause?.$metadata : { ...cause?.$metadata, attempts }
    }
    // Only where S3 answered; a socket's error, a plain Error, keeps our name.
    const answered = cause?.$metadata?.httpStatusCode !== undefined
    if (answered && cause.name !== undefined && cause.name !== 'Error') this.name = cause.name
  }
}

/** The parts of the SDK's exception that are read here; checked by shape, since the SDK may be there twice. */
export interface ServiceException {
  name?: string
  message?: string
  code?: string
  errors?: { message?: unknown }[]
  /** Whose fault S3's own answer says it is; absent where no answer came, or came whole. */
  $fault?: 'client' | 'server'
  $metadata?: {
    httpStatusCode?: number
    attempts?: number
    requestId?: string
  }
}

/** The status of S3's answer to a request that failed; undefined where no answer came, or not the whole of it. */
export function answeredStatus(error: unknown): number | undefined {
  const { $fault, $metadata } = ((error as Error | null)?.cause ?? {}) as ServiceException
  return $fault === undefined ? undefined : $metadata?.httpStatusCode
}

/** Request Timeout and Too Many Requests, which ask for another try. */
const LATER = [408, 429]
const NOT_IMPLEMENTED = 501

/** Whether S3 answered that it will not; a server's error, and no answer, leave open what it did. */
export function isRefused(error: unknown): boolean {
  // One of our own making, which no repetition mends.
  if (Object(error).cause === undefined) return true
  const status = answeredStatus(error) ?? 500
  return status === NOT_IMPLEMENTED || (status < 500 && !LATER.includes(status))
}

/** One line on why a request failed: `AccessDenied: Access Denied. (HTTP 403, request 18…, 3 attempts)`. */
export function describeCause(cause: unknown): string {
  if (typeof cause === 'object' && cause !== null && !isError(cause)) return nameOf(cause)
  if (!isError(cause)) return inspect(safeCause(cause))
  const { $metadata: meta = {}, errors, code } = cause as ServiceException
  // A connection tried over IPv4 and IPv6 fails with an AggregateError, whose own message is empty.
  const joined = Array.isArray(errors) ? errors.map((error) => String(error?.message ?? error)).join('; ') : ''
  const message = cause.message || joined || code || 'no message'
  const facts = [
    meta.httpStatusCode === undefined ? '' : `HTTP ${meta.httpStatusCode}`,
    meta.requestId === undefined ? '' : `request ${meta.requestId}`,
    (meta.attempts ?? 1) > 1 ? `${meta.attempts} attempts` : '',
  ].filter((fact) => fact !== '')
  return `${cause.name}: ${withoutSecrets(message)}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`
}

/** Adds a sentence to what an error says, in its stack too, which is what most programs print. */
export function addToMessage<E extends Error>(error: E, sentence: string): E {
  const { message, stack = '' } = error
  const more = `${message}. ${sentence}`
  return Object.assign(error, { message: more, stack: stack.replace(message, () => more) })
}

type ArgumentErrorCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE'

/** An option that is wrong: Node's own code, what was expected, and what came; `kindOf` it where that may be a secret. */
export function invalidOption(
  code: ArgumentErrorCode,
  name: string,
  expected: string,
  received: unknown,
  came = describe(received),
): Error {
  const message = `The "${name}" option must be ${expected}. Received ${came}`
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}

function describe(value: unknown): string {
  const kind = kindOf(value)
  return kind.startsWith('type ') ? `${kind} (${inspect(value, { maxStringLength: 25 })})` : kind
}

/** In Node's words, without the value. An object is only ever named: what came instead of a client may hold a secret. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'object') return nameOf(value)
  return `type ${typeof value}`
}
