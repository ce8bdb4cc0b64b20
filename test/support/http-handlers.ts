import http, { type RequestListener } from 'node:http'
import https, { type ServerOptions } from 'node:https'
import type { Readable } from 'node:stream'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler'
import type { Test } from 'tap'
import { SHARED_MEMORY } from '../../lib/requests/shared-body.js'
import { abortError, Exchange, type HandleOptions, type Request } from '../../lib/threads/exchange.js'
import { ThreadedHandler, type ThreadedHandlerOptions } from '../../lib/threads/index.js'
import type { FromThread } from '../../lib/threads/messages.js'
import { serve } from '../../lib/threads/serve.js'
import { SharedMemory } from '../../lib/threads/shared-memory.js'
import { sha256 } from './bytes.js'
import { listen } from './listen.js'

/** What a request handler of the SDK resolves with. */
export interface HttpAnswer {
  statusCode: number
  reason?: string | undefined
  headers: Record<string, string>
  body: Readable & { trailers?: Record<string, string> }
}

/** A request handler of the SDK. */
export interface Handler {
  handle(request: object, options?: object): Promise<{ response: HttpAnswer }>
  updateHttpClientConfig(key: string | symbol, value: unknown): void
  httpHandlerConfigs(): object
  destroy(): void
}

type Options = ThreadedHandlerOptions & object

/**
 * The SDK's own handler is the reference: what its caller sees is what the caller of the others must see. `serve` is the
 * thread's side of a ThreadedHandler in the test's own thread, where coverage is measured.
 */
export const HANDLERS: Record<string, (options?: Options) => Handler> = {
  NodeHttpHandler: (options) => new NodeHttpHandler(options as object) as unknown as Handler,
  ThreadedHandler: (options) => new ThreadedHandler(options) as Handler,
  serve: (options = {}) => new LocalHandler(options),
}

/** A handler without a thread: both ends of its messages are in this thread. */
export class LocalHandler implements Handler {
  readonly [SHARED_MEMORY] = new SharedMemory(() => {})
  readonly #exchanges = new Map<number, Exchange>()
  readonly #port: MessagePort
  #lastId = 0

  constructor({ logger, ...options }: Options = {}) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    serve(port2, options as NodeHttpHandlerOptions)
    port1.on('message', (message: FromThread) => {
      if (message.is === 'warning') logger?.warn?.(message.text)
      else this.#exchanges.get(message.id)?.receive(message)
    })
  }

  async handle(request: object, options: HandleOptions = {}): Promise<{ response: HttpAnswer }> {
    const { abortSignal } = options
    if (abortSignal?.aborted) throw abortError(abortSignal)
    const id = ++this.#lastId
    const post = (order: object, transfer: ArrayBuffer[] = []): void => this.post({ ...order, id }, transfer)
    const exchange = new Exchange(request as Request, options, post, () => this.#exchanges.delete(id))
    this.#exchanges.set(id, exchange)
    return (await exchange.response) as { response: HttpAnswer }
  }

  /** Posts a message to the thread's side. */
  post(message: unknown, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer)
  }

  updateHttpClientConfig(key: string, value: unknown): void {
    this.post({ do: 'configure', key, value })
  }

  httpHandlerConfigs(): object {
    return {}
  }

  destroy(): void {
    this.#port.close()
  }
}

/** Runs a test with each handler, which is destroyed when the test ends. */
export function testEach(
  t: Test,
  title: string,
  options: Options | undefined,
  test: (t: Test, handler: Handler, kind: string) => Promise<unknown>,
): void {
  for (const [kind, create] of Object.entries(HANDLERS)) {
    void t.test(`${title} (${kind})`, async (t) => {
      const handler = create(options)
      t.teardown(() => handler.destroy())
      await test(t, handler, kind)
    })
  }
}

/** The handlers with the default options, in the order of `HANDLERS`. They are destroyed when the file ends. */
export function defaultHandlers(t: Pick<Test, 'teardown'>): [kind: string, handler: Handler][] {
  const handlers = Object.entries(HANDLERS).map(([kind, create]): [string, Handler] => [kind, create()])
  t.teardown(() => {
    for (const [, handler] of handlers) handler.destroy()
  })
  return handlers
}

export interface TestServer {
  port: number
  server: http.Server
  /** How many connections were opened. */
  connections: () => number
  /** A request to this server. */
  request: (fields?: object) => object
}

/** Starts a server, with TLS if `tls` is given, and closes it when the test ends. */
export async function testServer(
  t: Pick<Test, 'teardown'>,
  listener: RequestListener,
  tls?: ServerOptions,
): Promise<TestServer> {
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener)
  let connections = 0
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket) => {
    connections++
    socket.on('error', () => {})
  })
  const port = await listen(t, server)
  const protocol = tls === undefined ? 'http:' : 'https:'
  const request = (fields: object = {}): object => ({
    method: 'GET',
    protocol,
    hostname: '127.0.0.1',
    port,
    path: '/',
    headers: {},
    query: {},
    ...fields,
  })
  return { port, server, connections: () => connections, request }
}

/** What the caller of a handler sees of a request: the answer read to its end, or the error. */
export async function outcome(handler: Handler, request: object, options?: object): Promise<object> {
  try {
    const { response } = await handler.handle(request, options)
    const { date: _, ...headers } = response.headers
    const { statusCode, reason, body } = response
    try {
      const bytes = Buffer.concat(await body.toArray())
      const { trailers } = body
      return { statusCode, reason, headers, length: bytes.length, sha256: sha256(bytes), trailers: { ...trailers } }
    } catch (error) {
      return { statusCode, reason, headers, error: describeError(error) }
    }
  } catch (error) {
    return { error: describeError(error) }
  }
}

/** What a caller can see of an error, without its stack and properties that are objects. */
export function describeError(error: unknown): object {
  const { name, message, cause, errors, stack: _, ...others } = error as Error & { errors?: unknown[] }
  return {
    name,
    message,
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => typeof value !== 'object')),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
    ...(errors === undefined ? {} : { errors: errors.map(describeError) }),
  }
}
