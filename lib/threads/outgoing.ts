import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { NodeHttpHandler } from '@smithy/node-http-handler'
import type { Rate, Waiter } from '../requests/rate-limit.js'
import { SlicedBody, SliceSize } from '../requests/sliced-body.js'
import { type FromThread, type MessageBody, type SharedBytes, type ToThread, toPlainError } from './messages.js'

type Begin = Extract<ToThread, { do: 'begin' }>
/** A message from the thread, without the request's `id`. */
type News<M = FromThread> = M extends unknown ? Omit<M, 'id'> : never
type HandledRequest = Parameters<NodeHttpHandler['handle']>[0]
type HandleOptions = Parameters<NodeHttpHandler['handle']>[1]

/** Posts a message about this request. Whatever is in `transfer` is moved and not copied. */
type Post = (news: News, transfer?: ArrayBuffer[]) => void

/** One request in the thread that has the connection. */
export class Outgoing {
  readonly #post: Post
  readonly #canceller = new AbortController()
  readonly #rate: RemoteRate
  /** The body, if it is in shared memory. */
  #shared: SlicedBody | undefined
  /** The body, if it comes in chunks. */
  #chunks: Readable | undefined
  #answer: AsyncIterator<Buffer> | undefined
  #response: IncomingMessage | undefined
  readonly #onEnd: () => void
  #hasEnded = false

  constructor(handler: NodeHttpHandler, begin: Begin, post: Post, onEnd: () => void) {
    this.#post = post
    this.#onEnd = onEnd
    this.#rate = new RemoteRate((bytes) => post({ is: 'asking', bytes }))
    void this.#send(handler, begin)
  }

  receive(message: Exclude<ToThread, { do: 'begin' | 'configure' | 'forget' }>): void {
    if (message.do === 'cancel') this.#canceller.abort()
    else if (message.do === 'chunk') this.#chunks?.push(message.chunk ?? null)
    else if (message.do === 'grant') this.#rate.grant()
    else void this.#readOn()
  }

  async #send(handler: NodeHttpHandler, { head, body, requestTimeout }: Begin): Promise<void> {
    try {
      const request = { ...head, body: this.#bodyFrom(body) } as HandledRequest
      const abortSignal = this.#canceller.signal
      const { response } = await handler.handle(request, { abortSignal, requestTimeout } as HandleOptions)
      const { statusCode, reason, headers } = response
      this.#response = response.body as IncomingMessage
      const isAll = headers['content-length'] === '0'
      if (isAll) {
        this.#response.resume()
        this.#end()
      } else {
        this.#answer = this.#response[Symbol.asyncIterator]()
        abortSignal.addEventListener('abort', () => this.#fail(new Error('the request was cancelled')))
      }
      this.#post({ is: 'answered', statusCode, reason, headers, isAll })
    } catch (error) {
      this.#fail(error)
    }
  }

  async #readOn(): Promise<void> {
    try {
      const { value, done } = await (this.#answer as AsyncIterator<Buffer>).next()
      if (done) {
        this.#end()
        this.#post({ is: 'ended', trailers: (this.#response as IncomingMessage).trailers })
      } else {
        // A copy, because a message would otherwise carry the whole memory that the chunk is a part of.
        const chunk = new Uint8Array(value as Buffer)
        this.#post({ is: 'chunk', chunk }, [chunk.buffer])
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return
    this.#end()
    this.#post({ is: 'failed', error: toPlainError(error) })
  }

  /** From here on, the shared memory is not read: the caller's thread may fill it anew once it hears of the end. */
  #end(): void {
    this.#hasEnded = true
    this.#shared?.release()
    // A connection waits for the rest of its request's body, even after the answer, and could not be used again.
    if (this.#chunks?.readableEnded === false) this.#canceller.abort()
    this.#chunks?.destroy()
    this.#onEnd()
  }

  #bodyFrom(body: MessageBody): unknown {
    if ('all' in body) return body.all
    if ('shared' in body) {
      this.#shared = new ThreadBody(body.shared, this.#rate, this.#post)
      return this.#shared
    }
    this.#chunks = new Readable({ highWaterMark: 0, read: () => this.#post({ is: 'pulling' }) })
    return this.#chunks
  }
}

/** A body in shared memory, which reports to the caller's thread how far it is. */
class ThreadBody extends SlicedBody {
  readonly #onSocket: () => void

  constructor({ bytes, sliceState, maxSlice }: SharedBytes, rate: RemoteRate, post: Post) {
    const limit = maxSlice === undefined ? undefined : Object.assign(rate, { maxSlice })
    super(
      bytes,
      new SliceSize(limit, sliceState),
      (_, bytes) => post({ is: 'gave', bytes }),
      () => post({ is: 'handed over' }),
    )
    this.#onSocket = () => post({ is: 'connected' })
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    destination.once('socket', this.#onSocket)
    return super.pipe(destination, options)
  }
}

/** Stands for the rate limit of the upload, which is in the caller's thread. One body asks for one slice at a time. */
export class RemoteRate implements Rate {
  maxSlice = 0
  readonly #ask: (bytes: number) => void
  #waiter: Waiter | undefined

  constructor(ask: (bytes: number) => void) {
    this.#ask = ask
  }

  get hasWaiters(): boolean {
    return this.#waiter !== undefined
  }

  isWaiting(waiter: Waiter | undefined): boolean {
    return waiter !== undefined && waiter === this.#waiter
  }

  join(waiter: Waiter): void {
    this.#waiter = waiter
    this.#ask(waiter.bytes)
  }

  leave(waiter: Waiter | undefined): void {
    if (waiter === this.#waiter) this.#waiter = undefined
  }

  grant(): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.onGranted()
  }
}
