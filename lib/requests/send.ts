import { describeCause, type ServiceException } from '../errors/causes.js'
import { redactValues, safeCause } from '../errors/redact.js'
import { S3WritableError, type S3WritableErrorCode } from '../errors/s3-writable-error.js'
import type { S3ClientLike } from '../options/types.js'
import { MiB } from '../parts/sizes.js'
import type { Attempt, ReadOptions } from './answer.js'
import { addMiddleware, type BodyHooks } from './middleware.js'
import { type LastActivity, StallWatch } from './stall-watch.js'

/** Where a request belongs, for the error it may end in. */
export interface RequestContext {
  UploadId?: string | undefined
  PartNumber?: number
  operation?: string
  cause?: unknown
  attempts?: number | undefined
}

/** One request, as often as it has to be sent. */
export interface Request {
  operation: string
  context: RequestContext
  /** `onTurn` hears that the body is being hashed; what it throws ends that. */
  command: (onTurn: () => void) => Promise<object>
  /** How its body is sent, where it has one. */
  body?: (watch: StallWatch) => Promise<BodyHooks>
  /** Cancels the attempt that is under way. */
  signal: AbortSignal
  /** Once this is so, no attempt begins any more: what was destroyed must not be made after all. */
  isAborted?: () => boolean
  /** Collects the attempts. */
  attempts?: Attempt[]
  /** Whether its answer says if there is an object. */
  createsObject?: boolean
  /**
   * Asked after an attempt that stood still: whether to send the request again.
   * @default always
   */
  shouldSendAgain?: () => Promise<boolean>
}

/** Whom to send to, and about which object. */
export interface Destination {
  client: S3ClientLike
  Bucket: string
  Key: string
  /** In milliseconds; undefined for the defaults. */
  stallTimeout?: number | undefined
}

/** How long one attempt may stand still, in ms: of a request that makes something … */
const STALL = 120_000
/** … of Complete, for which S3 may take minutes … */
const COMPLETE_STALL = 300_000
/** … and of one that only looks or removes. Those have 30 s in all. */
const LOOK_STALL = 5_000

/** S3's answers to all requests here are short; only a page of a listing may be long, and a broken gateway's without end. */
const MOST = 4 * MiB
const MOST_OF_A_LISTING = 32 * MiB

/** Sends requests about one object. Everything goes through the caller's client, and fails with an error of ours. */
export class Sender {
  readonly #to: Destination
  readonly #movement: LastActivity = { at: 0 }
  /** Whether no attempt was noted of all that was sent. */
  hasUnknownAttempts = true
  /** Values of the headers that were sent, which no error may hold. */
  readonly #secrets = new Set<string>()

  constructor(to: Destination) {
    this.#to = to
  }

  get names(): { Bucket: string; Key: string } {
    const { Bucket, Key } = this.#to
    return { Bucket, Key }
  }

  /** An error of ours about this object. */
  error(code: S3WritableErrorCode, why: string, place: RequestContext = {}): S3WritableError {
    const { Bucket, Key } = this.#to
    return new S3WritableError(code, `s3://${Bucket}/${Key}: ${why}`, { Bucket, Key, ...place })
  }

  /** Sends one request; again where it stood still, as often as the client tries. */
  async send<Output>(request: Request): Promise<Output> {
    const { operation, context: place } = request
    const output = await this.#send<Output | null | undefined>(request, 0)
    if (typeof output === 'object' && output !== null) return output
    const why = `the client answered ${operation} with ${output}, and not with an object. A mock of a client needs an answer for each command`
    throw this.error('ERR_S3_REQUEST', why, { ...place, operation })
  }

  /** `sent` counts the attempts that stood still before. */
  async #send<Output>(request: Request, sent: number): Promise<Output> {
    const { operation, context: place, signal, isAborted: isOver, shouldSendAgain: again = async () => true } = request
    const stallTimeout = this.#stallTimeout(request)
    const watch = new StallWatch(stallTimeout, this.#movement, signal)
    try {
      return await watch.waitFor(this.#attempt(request, watch))
    } catch (thrown) {
      const cause = safeCause(thrown, this.#secrets)
      const what = place.PartNumber === undefined ? operation : `${operation} ${place.PartNumber}`
      if (!watch.stalled) {
        const attempts = sent === 0 ? undefined : sent + ((cause as ServiceException | null)?.$metadata?.attempts ?? 1)
        const why = `${what} failed. ${redactValues(describeCause(thrown), this.#secrets)}`
        throw this.error('ERR_S3_REQUEST', why, { ...place, operation, cause, attempts })
      }
      const attempts = sent + 1
      const isLast =
        signal.aborted || isOver?.() || attempts >= (await maxAttempts(this.#to.client).catch(() => MAX_ATTEMPTS))
      if (!isLast && (await again())) return await this.#send(request, attempts)
      const times = attempts === 1 ? 'once and' : `${attempts} times and each time`
      const why = `${what} was sent ${times} stood still for ${stallTimeout} ms`
      throw this.error('ERR_S3_STALLED', why, { ...place, operation, cause, attempts })
    }
  }

  #stallTimeout({ isAborted: isOver, createsObject: commits }: Request): number {
    const { stallTimeout } = this.#to
    if (isOver === undefined) return Math.min(stallTimeout || LOOK_STALL, LOOK_STALL)
    return stallTimeout ?? (commits ? COMPLETE_STALL : STALL)
  }

  async #attempt<Output>(request: Request, watch: StallWatch): Promise<Output> {
    const { operation, command, body, isAborted: isOver, attempts = [], createsObject: commits = false } = request
    const goOn = (): void => {
      if (isOver?.()) throw new Error('the upload has been given up')
    }
    const onAttempt = (secrets: string[]): Attempt => {
      goOn()
      watch.noteActivity()
      this.hasUnknownAttempts = false
      for (const secret of secrets) this.#secrets.add(secret)
      const attempt: Attempt = { sent: Date.now(), ended: false }
      attempts.push(attempt)
      return attempt
    }
    const most = operation.startsWith('List') ? MOST_OF_A_LISTING : MOST
    const answer: ReadOptions = { maxBytes: most, createsObject: commits, onBytes: () => watch.noteActivity() }
    const handling = { onAttempt, answer, body: await body?.(watch) }
    const made = (await command(() => watch.noteHashing())) as { input?: { Body?: unknown } }
    try {
      // Also for a client that does not run the middleware of a command.
      goOn()
      return await this.#to.client.send(addMiddleware(made, handling), { abortSignal: watch.signal })
    } finally {
      // The stack of the SDK's error leads here, and so does another error on the same connection: let go of the body.
      if (made.input !== undefined && 'Body' in made.input) made.input.Body = undefined
    }
  }
}

/** The SDK's own default. */
const MAX_ATTEMPTS = 3

/** The client's own setting: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
async function maxAttempts({ config }: S3ClientLike): Promise<number> {
  const { maxAttempts: setting = MAX_ATTEMPTS } = config as { maxAttempts?: number | (() => Promise<number>) }
  return typeof setting === 'function' ? await setting() : setting
}
