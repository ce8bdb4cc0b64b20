import { Readable, Transform, type TransformCallback } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

/** The same moment by this machine's clock and by that of whoever answered, whose header `Date` has whole seconds; in ms. */
export interface Clock {
  here: number
  s3: number
}

/** One attempt at a request, and how far its answer came. */
export interface Attempt {
  /** When it was sent, by this machine's clock, in ms. */
  sent: number
  /** When the head of its answer came, by this machine's clock and by that of whoever answered, in ms. */
  clock?: Clock
  /** The HTTP status of its answer. */
  status?: number
  /** Whether the answer came to its end. */
  ended: boolean
  /** S3's own error code, from the body of the answer. */
  Code?: string
  /** Whether the server cannot have got the whole request: there was no connection, or its body had not all been sent. */
  wasNotSent?: boolean
}

/** The SDK's answer, by shape: its class may be there in two versions. */
export interface HttpAnswer {
  statusCode: number
  headers: Record<string, string>
  body?: unknown
}

/** How the answer to a request is read. */
export interface ReadOptions {
  /** The most bytes that the answer may have. */
  maxBytes: number
  /** Hears that some bytes of the answer have come. */
  onBytes: () => void
  /** Whether the request is Complete: once its answer has begun, it must not be sent again. */
  createsObject: boolean
}

/** Complete's answer is short; only white space makes it long. */
const KEPT = 64 * 1024
const SPACE = /\s+/g
/** Of a page that is compressed, say. */
const UNREADABLE = /[\p{Cc}\ufffd]+/gu
const NOT_S3 = 'NotAnS3Answer'
const HTML = /^\s*<(?:!doctype\s+)?html\b/i

/**
 * Codes that do not tell whether the request was carried out. An upload is gone after an Abort, and also after a Complete
 * whose repetition this is. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const UNDECIDED_CODES = ['InternalError', 'NoSuchUpload']
const UNDECIDED_STATUSES = [500, 502, 504]

/**
 * Whether this attempt made no object for sure: it was not sent, or S3 answered, in its own words, that it will not. SlowDown
 * and ServiceUnavailable are such words; a status without a code of S3's comes from something in between.
 */
export function wasNotCarriedOut({ wasNotSent: unsent, status = 0, Code }: Attempt): boolean {
  if (unsent) return true
  return Code !== undefined && !UNDECIDED_CODES.includes(Code) && !UNDECIDED_STATUSES.includes(status)
}

/** Whether S3 began to answer that it makes the object, and the end of that never came. */
export function hasBegunAnswer({ status = 0, ended }: Attempt): boolean {
  return status >= 200 && status < 300 && !ended
}

/**
 * Notes how far the answer comes, and bounds its body. The body of an error is read here, since only S3's own words are an
 * answer of S3.
 *
 * @throws Error where the answer is not S3's, or is longer than it may be.
 */
export async function readAnswer(answer: HttpAnswer, attempt: Attempt, reading: ReadOptions): Promise<void> {
  const { statusCode, headers, body } = answer
  attempt.status = statusCode
  const s3 = Date.parse(String(headers.date))
  if (!Number.isNaN(s3)) attempt.clock = { here: Date.now(), s3 }
  reading.onBytes()
  // Most answers have no body, and that need not be waited for.
  if (!isStream(body) || headers['content-length'] === '0') {
    attempt.ended = true
    return
  }
  const counted = new AnswerCounter(answer, attempt, reading)
  // What goes wrong with it, its reader hears.
  pipeline(body, counted).catch(() => {})
  answer.body = counted
  if (statusCode < 300) return
  const bytes = await buffer(counted)
  if (bytes.length > 0 && attempt.Code === undefined) throw notS3(answer, bytes.toString())
  answer.body = Readable.from([bytes])
}

/** A stream of Node's or of the web. */
function isStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function codeIn(xml: string): string | undefined {
  return /<(?:\w+:)?Error\b[^>]*>.*?<(?:\w+:)?Code\b[^>]*>\s*(?:<!\[CDATA\[)?\s*([\w.-]+)/s.exec(xml)?.[1]
}

/** Such as a balancer's page. Keeps the status and `Retry-After`, by which the client decides whether and when to try again. */
function notS3({ statusCode, headers }: HttpAnswer, text: string): Error {
  const server = headers.server ?? 'a server that does not name itself'
  const title = /<title>(.*?)<\/title>/is.exec(text)?.[1] ?? text
  const about = title.replace(SPACE, ' ').replace(UNREADABLE, '?').trim().slice(0, 80)
  const error = new Error(`HTTP ${statusCode} from ${server}, not an S3 answer: "${about}"`)
  Object.assign(error, { name: NOT_S3, $metadata: { httpStatusCode: statusCode } })
  const after = headers['retry-after']
  if (after === undefined) return error
  return Object.defineProperty(error, '$response', { value: { statusCode, headers: { 'retry-after': after } } })
}

/** Whether it is the error of an answer with a 4xx that S3 did not give. */
export function isForeignPage(error: unknown): boolean {
  const { name, $metadata } = Object(Object(error).cause) as { name?: string; $metadata?: { httpStatusCode?: number } }
  return name === NOT_S3 && Number($metadata?.httpStatusCode) < 500
}

/** Lets the bytes of an answer through, up to a limit, and notes its end. */
class AnswerCounter extends Transform {
  readonly #answer: HttpAnswer
  readonly #attempt: Attempt
  readonly #reading: ReadOptions
  #count = 0
  /** As much of it as an error or a page may have. */
  #text = ''

  constructor(answer: HttpAnswer, attempt: Attempt, reading: ReadOptions) {
    super()
    this.#answer = answer
    this.#attempt = attempt
    this.#reading = reading
  }

  override _transform(chunk: Buffer, _: BufferEncoding, callback: TransformCallback): void {
    const { maxBytes: most, onBytes } = this.#reading
    onBytes()
    this.#count += chunk.length
    if (this.#count > most) {
      callback(Object.assign(new Error(`the answer is longer than ${most} bytes`), { name: 'AnswerTooLong' }))
      return
    }
    if (this.#text.length < KEPT) this.#text = (this.#text + chunk.toString('latin1')).replace(SPACE, ' ')
    callback(null, chunk)
  }

  override _flush(callback: TransformCallback): void {
    this.#attempt.ended = true
    // Such as a login page, which an XML parser would only find fault with.
    if (this.#answer.statusCode < 300 && HTML.test(this.#text)) {
      callback(notS3(this.#answer, this.#text))
      return
    }
    const Code = codeIn(this.#text)
    if (Code !== undefined) this.#attempt.Code = Code
    callback()
  }

  /** The client sends again what failed by a broken connection; this must not be. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const cut = error !== null && this.#reading.createsObject && hasBegunAnswer(this.#attempt)
    callback(cut ? new Error(`S3 began to answer, and the rest never came: ${error.message}`) : error)
  }
}
