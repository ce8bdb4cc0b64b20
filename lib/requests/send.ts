import { AsyncResource } from 'node:async_hooks'
import { inspect } from 'node:util'
import { RequestTrace } from '../diagnostics/request-trace.js'
import { describeCause, type ServiceException } from '../errors/causes.js'
import { redactValues, safeCause } from '../errors/redact.js'
import { S3WritableError, type S3WritableErrorCode } from '../errors/s3-writable-error.js'
import type { S3ClientLike } from '../options/types.js'
import { MiB } from '../parts/sizes.js'
import type { Attempt, ReadOptions } from './answer.js'
import { type AttemptHooks, addMiddleware, type BodyHooks } from './middleware.js'
import { type LastActivity, StallWatch } from './stall-watch.js'

/** What a request is about, for its error. */
export interface RequestContext {
  UploadId?: string | undefined
  PartNumber?: number
  operation?: string
  cause?: unknown
  attempts?: number | undefined
}

/** One request, which may take several attempts. */
export interface Request {
  operation: string
  context: RequestContext
  /**
   * Creates the SDK's command. Calls `onHashing` again and again while a body is hashed; if that throws, hashing ends.
   */
  createCommand: (onHashing: () => void) => Promise<object>
  /** How the body is sent; undefined for a request without a body. */
  body?: (watch: StallWatch) => Promise<BodyHooks>
  /** Cancels the attempt that is in flight. */
  signal: AbortSignal
  /**
   * Whether the upload was aborted: then no further attempt begins, because an aborted upload must not make an object.
   * Undefined for a request that only reads or removes, which is sent also after an abort and has a short stall
   * timeout.
   */
  isAborted?: () => boolean
  /** Every attempt is added to this list. */
  attempts?: Attempt[]
  /**
   * Whether the request is Complete, which has a long stall timeout and is not sent again once its answer has begun.
   */
  completesUpload?: boolean
  /**
   * Called after an attempt that stalled: whether to send the request again.
   * @default always
   */
  shouldSendAgain?: () => Promise<boolean>
}

/** The object that the requests are about, and the client that sends them. */
export interface Destination {
  client: S3ClientLike
  Bucket: string
  Key: string
  /** The caller's stall timeout, in ms; undefined for the defaults. */
  stallTimeout?: number | undefined
}

/** How long an attempt may go without progress, in ms: Create, UploadPart and PutObject. */
const STALL_TIMEOUT = 120_000
/** The same for Complete, to which S3 may take minutes to answer. */
const COMPLETE_STALL_TIMEOUT = 300_000
/** The same for requests that only read or remove, because all requests of a clean-up share a budget of 30 s. */
const CLEANUP_STALL_TIMEOUT = 5_000

/** The most bytes of an answer: S3's are short, but a broken gateway may send an endless one. */
const MAX_ANSWER = 4 * MiB
/** The same for a page of a listing. */
const MAX_LISTING = 32 * MiB

/** Sends requests about one object through the caller's client. Every failure is an `S3WritableError`. */
export class Sender {
  readonly #destination: Destination
  readonly #lastActivity: LastActivity = { at: 0 }
  /**
   * True until an attempt is recorded. Stays true with a client that ignores the middleware of a command, such as a
   * mock.
   */
  hasUnknownAttempts = true
  /** The number of attempts that were sent. A client that ignores the middleware of a command counts as sending one. */
  sentAttempts = 0
  /**
   * The server of the last request: its protocol, such as `https:`, and its name, by the `Server` header of its answer.
   * Empty before the first one.
   */
  readonly server = { protocol: '', name: '' }
  /**
   * The context in which the stream was made. All its requests are sent in it, whoever drives the source.
   * https://nodejs.org/api/async_context.html
   */
  readonly #context = new AsyncResource('S3Writable')
  /** Secret values of the headers that were sent, which are removed from every error. */
  readonly #secrets = new Set<string>()

  constructor(destination: Destination) {
    this.#destination = destination
  }

  /** The bucket and the key of the object. */
  get target(): { Bucket: string; Key: string } {
    const { Bucket, Key } = this.#destination
    return { Bucket, Key }
  }

  /** An error about this object. */
  error(code: S3WritableErrorCode, why: string, context: RequestContext = {}): S3WritableError {
    const { Bucket, Key } = this.#destination
    return new S3WritableError(code, `s3://${Bucket}/${Key}: ${why}`, { Bucket, Key, ...context })
  }

  /**
   * Sends one request. The client retries attempts that fail; attempts that stall are sent again here, as often as the
   * client's `maxAttempts` allows.
   */
  async send<Output>(request: Request): Promise<Output> {
    const { operation, context } = request
    const trace = new RequestTrace({ operation, ...this.target, ...context })
    const output = await this.#send<Output | null | undefined>(request, trace, 0)
    if (typeof output === 'object' && output !== null) return output
    const why = `the client returned ${inspect(output)} for ${operation}, instead of an object. A mock client needs an answer for every command`
    throw this.error('ERR_S3_REQUEST', why, { ...context, operation })
  }

  /** `stalledAttempts` is the number of attempts that stalled before. */
  async #send<Output>(request: Request, trace: RequestTrace, stalledAttempts: number): Promise<Output> {
    const { operation, context, signal, isAborted, shouldSendAgain = async () => true } = request
    const stallTimeout = this.#stallTimeout(request)
    const watch = new StallWatch(stallTimeout, this.#lastActivity, signal)
    try {
      return await watch.waitFor(this.#sendOnce(request, trace, watch))
    } catch (thrown) {
      const cause = safeCause(thrown, this.#secrets)
      const name = context.PartNumber === undefined ? operation : `${operation} ${context.PartNumber}`
      if (!watch.stalled) {
        const clientAttempts = (cause as ServiceException | null)?.$metadata?.attempts ?? 1
        const attempts = stalledAttempts === 0 ? undefined : stalledAttempts + clientAttempts
        const why = `${name} failed. ${redactValues(describeCause(thrown), this.#secrets)}`
        throw this.error('ERR_S3_REQUEST', why, { ...context, operation, cause, attempts })
      }
      trace.stalled(stallTimeout)
      const attempts = stalledAttempts + 1
      const isLast =
        signal.aborted ||
        isAborted?.() ||
        attempts >= (await maxAttempts(this.#destination.client).catch(() => DEFAULT_MAX_ATTEMPTS))
      if (!isLast && (await shouldSendAgain())) return await this.#send(request, trace, attempts)
      const times = attempts === 1 ? '' : ` in each of ${attempts} attempts`
      const why = `${name} stalled${times}: no progress for ${stallTimeout} ms`
      throw this.error('ERR_S3_STALLED', why, { ...context, operation, cause, attempts })
    }
  }

  #stallTimeout({ isAborted, completesUpload }: Request): number {
    const { stallTimeout } = this.#destination
    if (isAborted === undefined) return Math.min(stallTimeout || CLEANUP_STALL_TIMEOUT, CLEANUP_STALL_TIMEOUT)
    return stallTimeout ?? (completesUpload ? COMPLETE_STALL_TIMEOUT : STALL_TIMEOUT)
  }

  /** Sends the request through the client once, which may be several attempts of the client's. */
  async #sendOnce<Output>(request: Request, trace: RequestTrace, watch: StallWatch): Promise<Output> {
    const { operation, createCommand, body, isAborted, attempts = [], completesUpload = false } = request
    const throwIfAborted = (): void => {
      if (isAborted?.()) throw new Error('the upload was aborted')
    }
    const onAttempt = (secrets: string[], protocol: string): Attempt => {
      throwIfAborted()
      watch.noteActivity()
      this.hasUnknownAttempts = false
      this.server.protocol = protocol
      for (const secret of secrets) this.#secrets.add(secret)
      const attempt: Attempt = { sent: Date.now(), answered: false }
      attempts.push(attempt)
      this.sentAttempts++
      return attempt
    }
    const maxBytes = operation.startsWith('List') ? MAX_LISTING : MAX_ANSWER
    const answer: ReadOptions = { maxBytes, completesUpload, onBytes: () => watch.noteActivity() }
    const hooks: AttemptHooks = {
      onAttempt,
      trace: (attempt, bytes, send) => trace.attempt(attempt, bytes, this.#secrets, send),
      answer,
      body: await body?.(watch),
    }
    const command = (await createCommand(() => watch.noteHashing())) as { input?: { Body?: unknown } }
    try {
      // Checked here too, because a mock client does not run the middleware that calls `onAttempt`.
      throwIfAborted()
      const { client } = this.#destination
      const output = await this.#context.runInAsyncScope(() =>
        client.send(addMiddleware(command, hooks), { abortSignal: watch.signal }),
      )
      if (this.hasUnknownAttempts) this.sentAttempts++
      this.server.name = attempts.at(-1)?.server ?? ''
      return output
    } finally {
      // The stack of the SDK's error keeps the command alive, as does an error on a connection that was used for it.
      // Without its body, it does not keep the part's memory alive. Of a mock client, a test may look at the body.
      if (!this.hasUnknownAttempts && command.input?.Body !== undefined) command.input.Body = undefined
    }
  }
}

/** The SDK's own default. */
const DEFAULT_MAX_ATTEMPTS = 3

/** The client's setting: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
async function maxAttempts({ config }: S3ClientLike): Promise<number> {
  const { maxAttempts: setting = DEFAULT_MAX_ATTEMPTS } = config as { maxAttempts?: number | (() => Promise<number>) }
  return typeof setting === 'function' ? await setting() : setting
}
