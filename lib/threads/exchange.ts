import { Readable } from 'node:stream'
import { isUint8Array } from 'node:util/types'
import { describeType } from '../errors/invalid-option.js'
import { SHARED_BODY, type SharedBody } from '../requests/shared-body.js'
import { type FromThread, type MessageBody, type RequestHead, type ToThread, toError } from './messages.js'

/** The SDK's `HttpRequest`. */
export type Request = RequestHead & { body?: unknown }

/**
 * The SDK's `HttpResponse`.
 * @inline
 */
export interface Response {
  /** The HTTP status. */
  statusCode: number
  /** The text after the status, if the server sent one. */
  reason?: string | undefined
  /** The headers, with names in lower case. */
  headers: Record<string, string>
  /** The body, to be read by the SDK. */
  body: Readable
}

/**
 * An `AbortSignal`, or the SDK's own signal of old, which has no events.
 * @inline
 */
export interface Signal {
  readonly aborted: boolean
  readonly reason?: unknown
  onabort: unknown
  addEventListener?(type: 'abort', listener: () => void): void
  removeEventListener?(type: 'abort', listener: () => void): void
}

/**
 * The SDK's options of one request.
 * @inline
 */
export interface HandleOptions {
  /** Cancels the request. */
  abortSignal?: Signal | undefined
  /** How long the request and the head of its answer may take, in ms; instead of the handler's own `requestTimeout`. */
  requestTimeout?: number | undefined
}

/** A message to the thread, without the request's `id`. */
type Order<M = Exclude<ToThread, { do: 'configure' | 'forget' }>> = M extends unknown ? Omit<M, 'id'> : never

/** Posts a message about this request. Whatever is in `transfer` is moved and not copied. */
export type PostOrder = (order: Order, transfer?: ArrayBuffer[]) => void

/** One request in the caller's thread: hands the body over, and passes on what the thread says of it. */
export class Exchange {
  /** Settles with the head of the answer. */
  readonly response: Promise<{ response: Response }>
  /** The bytes that are to be sent, as far as they are known. */
  readonly bytes: number
  readonly #post: PostOrder
  readonly #onEnd: () => void
  readonly #abortSignal: Signal | undefined
  readonly #shared: SharedBody | undefined
  /** The body, if it is a stream. */
  #chunks: AsyncIterator<unknown> | undefined
  #answer: Answer | undefined
  #hasEnded = false
  #resolve!: (value: { response: Response }) => void
  #reject!: (error: unknown) => void

  constructor(request: Request, { abortSignal, requestTimeout }: HandleOptions, post: PostOrder, onEnd: () => void) {
    this.#post = post
    this.#onEnd = onEnd
    this.#abortSignal = abortSignal
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { body } = request
    this.#shared = isShared(body) ? body : undefined
    this.bytes = byteLength(body, request.headers)
    this.#listen()
    const [messageBody, transfer] = this.#bodyFrom(body)
    this.#post({ do: 'begin', head: headOf(request), body: messageBody, requestTimeout }, transfer)
  }

  receive(message: FromThread): void {
    switch (message.is) {
      case 'connected':
        this.#shared?.connected()
        break
      case 'gave':
        this.#shared?.gave(message.bytes)
        break
      case 'handed over':
        this.#shared?.handedOver()
        break
      case 'asking':
        this.#shared?.asksFor(message.bytes)
        break
      case 'pulling':
        void this.#passChunkOn()
        break
      case 'answered':
        this.#answered(message)
        break
      case 'chunk':
        this.#answer?.push(message.chunk)
        break
      case 'ended':
        this.#end()
        this.#answer?.complete(message.trailers)
        break
      case 'failed':
        this.fail(toError(message.error))
    }
  }

  /** Ends the request with an error. */
  fail(error: Error): void {
    if (this.#hasEnded) return
    this.#end()
    const reason = this.#abortSignal?.aborted === true ? abortError(this.#abortSignal) : error
    this.#reject(reason)
    this.#answer?.destroy(reason)
  }

  #listen(): void {
    const signal = this.#abortSignal
    if (signal?.addEventListener !== undefined) signal.addEventListener('abort', this.#cancel)
    else if (signal) signal.onabort = this.#cancel
  }

  readonly #cancel = (): void => {
    if (!this.#hasEnded) this.#post({ do: 'cancel' })
  }

  #answered({ statusCode, reason, headers, isAll }: Extract<FromThread, { is: 'answered' }>): void {
    this.#answer = new Answer(() => this.#post({ do: 'read' }), this.#cancel)
    if (isAll) {
      this.#end()
      this.#answer.complete({})
    }
    this.#resolve({ response: { statusCode, reason, headers, body: this.#answer } })
  }

  #end(): void {
    this.#hasEnded = true
    this.#abortSignal?.removeEventListener?.('abort', this.#cancel)
    // Takes the iterator's listeners off the caller's stream, so that it can be read on.
    void this.#chunks?.return?.().catch(() => {})
    this.#onEnd()
  }

  #bodyFrom(body: unknown): [MessageBody, ArrayBuffer[]] {
    if (this.#shared !== undefined) {
      const { rateLimit, state } = this.#shared.sliceSize
      const bytes = this.#shared.begin({ grant: () => this.#post({ do: 'grant' }), cancel: this.#cancel })
      return [{ shared: { bytes, sliceState: state, maxSlice: rateLimit?.maxSlice } }, []]
    }
    if (body instanceof Readable) {
      // The caller's stream stays open if the request ends before it, as with the SDK's own handler.
      this.#chunks = body.iterator({ destroyOnReturn: false })
      return [{ chunks: true }, []]
    }
    if (typeof body === 'string' || body === undefined || body === null) return [{ all: body ?? undefined }, []]
    const all = new Uint8Array(ArrayBuffer.isView(body) ? viewOf(body) : Buffer.from(body as ArrayBuffer))
    return [{ all }, [all.buffer]]
  }

  async #passChunkOn(): Promise<void> {
    try {
      const { value, done } = await (this.#chunks as AsyncIterator<unknown>).next()
      if (!this.#hasEnded) this.#post({ do: 'chunk', chunk: done ? undefined : toChunk(value) })
    } catch (error) {
      this.#cancel()
      this.fail(error as Error)
    }
  }
}

/** The body of an answer. Its chunks are asked for one at a time. */
class Answer extends Readable {
  readonly #readOn: () => void
  readonly #cancel: () => void
  #isComplete = false
  /** As of `http.IncomingMessage`. */
  trailers: Record<string, string | undefined> = {}

  constructor(readOn: () => void, cancel: () => void) {
    super({ highWaterMark: 0 })
    this.#readOn = readOn
    this.#cancel = cancel
  }

  override _read(): void {
    if (!this.#isComplete) this.#readOn()
  }

  /** As with `http.IncomingMessage`, an error that has no listener is not emitted. Who reads later still gets it. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#cancel()
    process.nextTick(() => callback(this.listenerCount('error') === 0 ? null : error))
  }

  complete(trailers: Record<string, string | undefined>): void {
    this.#isComplete = true
    this.trailers = trailers
    this.push(null)
  }
}

function isShared(body: unknown): body is SharedBody {
  return typeof body === 'object' && body !== null && SHARED_BODY in body
}

function viewOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Bytes become a copy: a message would otherwise carry the whole memory that they are a part of. */
function toChunk(value: unknown): Uint8Array | string {
  if (typeof value === 'string') return value
  if (isUint8Array(value)) return new Uint8Array(value)
  const message = `Each chunk of a request's body must be a string or a Uint8Array. Received ${describeType(value)}`
  throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
}

function byteLength(body: unknown, headers: Record<string, string>): number {
  const length = ArrayBuffer.isView(body) ? body.byteLength : Number(headers['content-length'])
  return Number.isFinite(length) ? length : 0
}

function headOf(request: Request): RequestHead {
  const { method, protocol, hostname, port, path, query, fragment, username, password, headers } = request
  return { method, protocol, hostname, port, path, query, fragment, username, password, headers: { ...headers } }
}

/** The SDK's own: `name` is AbortError, and the cause is the reason of the signal, if that is an error. */
export function abortError({ reason }: Signal): Error {
  const error =
    reason instanceof Error
      ? new Error('Request aborted', { cause: reason })
      : new Error(reason ? String(reason) : 'Request aborted')
  error.name = 'AbortError'
  return error
}
