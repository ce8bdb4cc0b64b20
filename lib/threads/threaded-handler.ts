import { SHARED_MEMORY } from '../requests/shared-body.js'
import { abortError, type HandleOptions, type Request, type Response } from './exchange.js'
import { checkChange, checkOptions, MAX_SOCKETS, PRIORITY, type ThreadedHandlerOptions } from './options.js'
import { SharedMemory } from './shared-memory.js'
import { programBeside, Thread, type ThreadOptions } from './thread.js'

/**
 * A request handler for the clients of the AWS SDK whose connections live in worker threads: TLS, HTTP and the sockets cost
 * the thread of the caller nothing. It sends the requests of any command of any client. A stream of this module whose
 * client has it fills its parts in memory that the threads share.
 *
 * ```js
 * const client = new S3Client({ requestHandler: new ThreadedHandler() })
 * ```
 *
 * https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/CLIENTS.md#request-handler-requesthandler
 */
export class ThreadedHandler {
  /** As of the SDK's own request handlers. */
  readonly metadata = {
    /** The protocol of the connections. */
    handlerProtocol: 'http/1.1',
  }
  /** @internal The memory in which a stream of this module fills its parts. */
  readonly [SHARED_MEMORY] = new SharedMemory((bytes) => {
    for (const thread of this.#threads) thread?.forget(bytes)
  })
  readonly #options: ThreadedHandlerOptions
  readonly #file: URL | undefined
  readonly #threads: (Thread | undefined)[]

  /** @throws TypeError or RangeError, with Node's `code`, if an option is wrong. */
  constructor(options: ThreadedHandlerOptions = {}) {
    checkOptions(options)
    this.#options = { ...options }
    this.#file = options.worker ?? programBeside(import.meta.url)
    this.#threads = Array.from({ length: options.threads ?? 1 })
  }

  /**
   * Sends a request. To be called by the SDK.
   * @throws AbortError if `abortSignal` is or becomes aborted; the errors of the SDK's own request handler.
   */
  async handle(
    request: object,
    options: HandleOptions = {},
  ): Promise<{
    /** The head of the answer, and its body as a stream. */
    response: Response
  }> {
    const { abortSignal } = options
    if (abortSignal?.aborted === true) throw abortError(abortSignal)
    return await this.#leastLoaded().send(request as Request, options)
  }

  /** Ends all threads, their connections and their requests. A later request starts a thread again. */
  destroy(): void {
    for (const thread of this.#threads) thread?.destroy()
    this[SHARED_MEMORY].clear()
  }

  /**
   * To be called by the SDK, which passes its default settings on. A setting that no option has is ignored.
   * @throws TypeError or RangeError, with Node's `code`, if the value is wrong or the setting cannot be changed.
   */
  updateHttpClientConfig(key: string | symbol, value: unknown): void {
    if (key === LOGGER) {
      this.#options.logger ??= value as ThreadedHandlerOptions['logger']
      return
    }
    const name = key === DEFAULT_SOCKET_TIMEOUT ? 'defaultSocketTimeout' : String(key)
    if (key !== DEFAULT_SOCKET_TIMEOUT && !checkChange(name, value)) return
    Object.assign(this.#options, { [name]: value })
    if (name !== 'logger') for (const thread of this.#threads) thread?.configure(name, value)
  }

  /** The settings, as of the SDK's own request handlers. */
  httpHandlerConfigs(): ThreadedHandlerOptions {
    const { httpAgent, httpsAgent } = this.#options
    return {
      ...this.#options,
      httpAgent: { maxSockets: MAX_SOCKETS, ...httpAgent },
      httpsAgent: { maxSockets: MAX_SOCKETS, ...httpsAgent },
    }
  }

  /** The thread with the fewest bytes to send, and of several such threads the one with the fewest requests. */
  #leastLoaded(): Thread {
    const loads = this.#threads.map((thread) => thread?.load ?? [0, 0])
    const [least] = [...loads.keys()].sort((a, b) => compare(loads[a] as Load, loads[b] as Load))
    const index = least as number
    this.#threads[index] ??= this.#start(index)
    return this.#threads[index]
  }

  #start(index: number): Thread {
    const thread = new Thread(this.#file, this.#optionsOf(index), {
      onEnd: () => {
        if (this.#threads[index] === thread) this.#threads[index] = undefined
      },
      onWarning: (text) => (this.#options.logger ?? console).warn?.(text),
    })
    return thread
  }

  /** The options of one thread: its share of the connections, and what can be handed to it. */
  #optionsOf(index: number): ThreadOptions {
    const { threads = 1, priority = PRIORITY, worker: _, logger: __, httpAgent, httpsAgent, ...others } = this.#options
    const share = ({ maxSockets = MAX_SOCKETS } = {}): number =>
      Math.floor(maxSockets / threads) + (index < maxSockets % threads ? 1 : 0)
    return {
      ...others,
      priority,
      httpAgent: { ...httpAgent, maxSockets: share(httpAgent) },
      httpsAgent: { ...httpsAgent, maxSockets: share(httpsAgent) },
    } as ThreadOptions
  }
}

/** The SDK's names for its client's settings, which do not replace those of the handler. */
const LOGGER = Symbol.for('logger')
const DEFAULT_SOCKET_TIMEOUT = Symbol.for('@smithy/defaultSocketTimeout')

type Load = [bytes: number, requests: number]

function compare([bytes, requests]: Load, [otherBytes, otherRequests]: Load): number {
  return bytes - otherBytes || requests - otherRequests
}
