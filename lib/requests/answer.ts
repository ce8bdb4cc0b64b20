import { Readable, Transform, type TransformCallback } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { TracedAttempt } from '../diagnostics/request-trace.js'

/**
 * One moment by two clocks, in ms since 1970: the arrival of an answer by this machine's, and the answer's `Date`
 * header.
 */
export interface Clock {
  /** The time by this machine's clock. */
  here: number
  /** The time by the clock of the server that answered, in whole seconds. */
  s3: number
}

/** One attempt at a request, and how much of its answer arrived. */
export interface Attempt extends TracedAttempt {
  /** When the attempt was sent, by this machine's clock, in ms since 1970. */
  sent: number
  /** When the head of the answer arrived; undefined if none arrived, or its head has no `Date`. */
  clock?: Clock
  /** The server's name, by the `Server` header of the answer; undefined if there was none. */
  server?: string | undefined
  /** Whether the server cannot have the full request: there was no connection, or the body was not fully sent. */
  wasNotSent?: boolean
}

/** The SDK's `HttpResponse`, by shape, since two versions of the SDK may be installed. */
export interface HttpAnswer {
  statusCode: number
  headers: Record<string, string>
  body?: unknown
}

/** How the answer to a request is read. */
export interface ReadOptions {
  /** The most bytes that the answer may have. */
  maxBytes: number
  /** Called each time that bytes of the answer arrive. */
  onBytes: () => void
  /** Whether the request is Complete, which must not be sent again once its answer has begun. */
  completesUpload: boolean
}

/** How much of an answer is searched for an error code or a web page, in characters, with white space collapsed. */
const MAX_SEARCHED = 64 * 1024
const SPACE = /\s+/g
/** Control characters, and bytes that are not UTF-8: a page may be compressed, for example. */
const UNREADABLE = /[\p{Cc}\ufffd]+/gu
const NOT_S3 = 'NotAnS3Answer'
const HTML = /^\s*<(?:!doctype\s+)?html\b/i

/**
 * Codes that leave open whether the request was carried out. NoSuchUpload follows an Abort, but also a Complete that
 * succeeded and was sent again. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const UNDECIDED_CODES = ['InternalError', 'NoSuchUpload']
const UNDECIDED_STATUSES = [500, 502, 504]

/**
 * Whether this attempt certainly made no object: it was not sent, or S3 refused it with an error code of its own, such
 * as SlowDown or ServiceUnavailable. A status without such a code comes from a gateway, which does not know what S3
 * did.
 */
export function wasNotCarriedOut({ wasNotSent, status = 0, Code }: Attempt): boolean {
  if (wasNotSent) return true
  return Code !== undefined && !UNDECIDED_CODES.includes(Code) && !UNDECIDED_STATUSES.includes(status)
}

/** Whether S3 may have got this attempt and did not answer it: a page of a gateway, or no answer, leaves open what S3 did. */
export function isUnanswered({ wasNotSent, Code }: Attempt): boolean {
  return !wasNotSent && Code === undefined
}

/**
 * Whether the answer asks for a lower rate. https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
 */
export function isSlowDown({ status = 0, Code }: Attempt): boolean {
  return status === 503 || status === 429 || Code === 'SlowDown'
}

/** Whether S3 began to answer that it makes the object, and the answer broke off. */
export function hasBegunAnswer({ status = 0, answered }: Attempt): boolean {
  return status >= 200 && status < 300 && !answered
}

/**
 * Records in `attempt` how much of the answer arrives, and limits the size of its body. The body of an error is read
 * here, because only a body with an S3 error code shows that the answer comes from S3.
 *
 * @throws Error if the answer does not come from S3, or is longer than `maxBytes`.
 */
export async function readAnswer(answer: HttpAnswer, attempt: Attempt, options: ReadOptions): Promise<void> {
  const { statusCode, headers, body } = answer
  attempt.status = statusCode
  attempt.server = headers.server
  const s3 = Date.parse(String(headers.date))
  if (!Number.isNaN(s3)) attempt.clock = { here: Date.now(), s3 }
  options.onBytes()
  // Most answers have no body, so there is nothing to wait for.
  if (!isStream(body) || headers['content-length'] === '0') {
    attempt.answered = true
    return
  }
  const checked = new CheckedBody(answer, attempt, options)
  // An error destroys the stream, and so reaches its reader.
  pipeline(body, checked).catch(() => {})
  answer.body = checked
  if (statusCode < 300) return
  const bytes = await buffer(checked)
  if (bytes.length > 0 && attempt.Code === undefined) throw notS3(answer, bytes.toString())
  answer.body = Readable.from([bytes])
}

/** Whether it is a Node stream or a web stream. */
function isStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function codeIn(xml: string): string | undefined {
  return /<(?:\w+:)?Error\b[^>]*>.*?<(?:\w+:)?Code\b[^>]*>\s*(?:<!\[CDATA\[)?\s*([\w.-]+)/s.exec(xml)?.[1]
}

/**
 * The error for an answer that does not come from S3, such as a load balancer's page. It keeps the status and
 * `Retry-After`, by which the client decides whether and when to try again.
 */
function notS3({ statusCode, headers }: HttpAnswer, text: string): Error {
  const server = headers.server ?? 'an unnamed server'
  const title = /<title>(.*?)<\/title>/is.exec(text)?.[1] ?? text
  const excerpt = title.replace(SPACE, ' ').replace(UNREADABLE, '?').trim().slice(0, 80)
  const error = new Error(`HTTP ${statusCode} from ${server}, not an S3 answer: "${excerpt}"`)
  Object.assign(error, { name: NOT_S3, $metadata: { httpStatusCode: statusCode } })
  const retryAfter = headers['retry-after']
  if (retryAfter === undefined) return error
  return Object.defineProperty(error, '$response', { value: { statusCode, headers: { 'retry-after': retryAfter } } })
}

/** Whether the cause of the error is an answer with a 4xx status that does not come from S3. */
export function isForeignPage(error: unknown): boolean {
  const { name, $metadata } = Object(Object(error).cause) as { name?: string; $metadata?: { httpStatusCode?: number } }
  return name === NOT_S3 && Number($metadata?.httpStatusCode) < 500
}

/**
 * Passes the body of an answer through, fails beyond `maxBytes`, and records the error code and the end of the body.
 */
class CheckedBody extends Transform {
  readonly #answer: HttpAnswer
  readonly #attempt: Attempt
  readonly #options: ReadOptions
  #length = 0
  /**
   * The beginning of the body. White space is collapsed, because S3 may send it for minutes before Complete's answer.
   */
  #text = ''

  constructor(answer: HttpAnswer, attempt: Attempt, options: ReadOptions) {
    super()
    this.#answer = answer
    this.#attempt = attempt
    this.#options = options
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    const { maxBytes, onBytes } = this.#options
    onBytes()
    this.#length += chunk.length
    if (this.#length > maxBytes) {
      callback(Object.assign(new Error(`the answer is longer than ${maxBytes} bytes`), { name: 'AnswerTooLong' }))
      return
    }
    if (this.#text.length < MAX_SEARCHED) this.#text = (this.#text + chunk.toString('latin1')).replace(SPACE, ' ')
    callback(null, chunk)
  }

  override _flush(callback: TransformCallback): void {
    this.#attempt.answered = true
    // A login page with status 200, for example, which the SDK would only report as invalid XML.
    if (this.#answer.statusCode < 300 && HTML.test(this.#text)) {
      callback(notS3(this.#answer, this.#text))
      return
    }
    const Code = codeIn(this.#text)
    if (Code !== undefined) this.#attempt.Code = Code
    callback()
  }

  /**
   * The client retries a request whose connection broke, and recognizes it by the error. Complete must not be sent
   * again once its answer has begun, so the error is replaced by one that the client does not retry.
   */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const mustNotRetry = error !== null && this.#options.completesUpload && hasBegunAnswer(this.#attempt)
    this.#attempt.onEnd?.(error)
    callback(mustNotRetry ? new Error(`S3 began to answer, but the answer broke off: ${error.message}`) : error)
  }
}
