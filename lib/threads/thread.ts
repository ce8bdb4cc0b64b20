import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { NodeHttpHandlerOptions } from '@smithy/node-http-handler'
import { Exchange, type HandleOptions, type Request, type Response } from './exchange.js'
import type { FromThread, ToThread } from './messages.js'

/** How long a thread is kept without a request, in ms. It keeps its connections that long, if the server does. */
const IDLE_LIMIT = 60_000

/** The options of the SDK's own request handler, and the priority of the thread. */
export type ThreadOptions = NodeHttpHandlerOptions & { priority?: number }

/** What a thread reports to the request handler. */
export interface ThreadListener {
  /** Called when the thread ends: it takes no more requests. May be called more than once. */
  onEnd: () => void
  onWarning: (text: string) => void
}

/** One worker thread, with the requests that it is sending. */
export class Thread {
  readonly #worker: Worker
  readonly #listener: ThreadListener
  readonly #exchanges = new Map<number, Exchange>()
  #lastId = 0
  #idleTimer: NodeJS.Timeout | undefined
  /** Why the thread has ended, if an exception ended it. */
  #cause: unknown
  #isDestroyed = false

  readonly #idleLimit: number

  /** `file` is the program of the thread. `idleLimit` is in ms. */
  constructor(file: URL | undefined, options: ThreadOptions, listener: ThreadListener, idleLimit = IDLE_LIMIT) {
    this.#idleLimit = idleLimit
    this.#listener = listener
    this.#worker = startWorker(file, options)
    this.#worker
      .on('message', (message: FromThread) => this.#receive(message))
      .on('error', (error) => {
        this.#cause = error
      })
      .on('exit', (exitCode) => this.#onExit(exitCode))
      .unref()
  }

  /** The bytes of the bodies that are being sent, and the number of requests: what a new request would wait for. */
  get load(): [bytes: number, requests: number] {
    let bytes = 0
    for (const exchange of this.#exchanges.values()) bytes += exchange.bytes
    return [bytes, this.#exchanges.size]
  }

  send(request: Request, options: HandleOptions): Promise<{ response: Response }> {
    const id = ++this.#lastId
    const post = (order: object, transfer: ArrayBuffer[] = []): void =>
      this.#worker.postMessage({ ...order, id } as ToThread, transfer)
    const exchange = new Exchange(request, options, post, () => this.#ended(id))
    // The process must not end while a request is being sent.
    if (this.#exchanges.size === 0) this.#worker.ref()
    clearTimeout(this.#idleTimer)
    this.#exchanges.set(id, exchange)
    return exchange.response
  }

  configure(key: string, value: unknown): void {
    this.#worker.postMessage({ do: 'configure', key, value } satisfies ToThread)
  }

  /** To be called when so many bytes of shared memory will not be used again. */
  forget(bytes: number): void {
    this.#worker.postMessage({ do: 'forget', bytes } satisfies ToThread)
  }

  /** Ends the thread, and its requests with an error. */
  destroy(): void {
    this.#isDestroyed = true
    this.#listener.onEnd()
    void this.#worker.terminate()
  }

  #receive(message: FromThread): void {
    if (message.is === 'warning') this.#listener.onWarning(message.text)
    else this.#exchanges.get(message.id)?.receive(message)
  }

  #ended(id: number): void {
    this.#exchanges.delete(id)
    if (this.#exchanges.size > 0) return
    this.#worker.unref()
    // An idle thread holds on to the shared memory that it has seen.
    this.#idleTimer = setTimeout(() => this.destroy(), this.#idleLimit).unref()
  }

  #onExit(exitCode: number): void {
    this.#listener.onEnd()
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(this.#error(exitCode))
    clearTimeout(this.#idleTimer)
  }

  #error(exitCode: number): Error {
    if (this.#isDestroyed) return new Error('the request handler was destroyed')
    const { message } = Object(this.#cause) as { message?: string }
    const error = new Error(
      `the thread that sent the request ended: ${message ?? `exit code ${exitCode}`}`,
      this.#cause === undefined ? {} : { cause: this.#cause },
    )
    // The SDK sends the request again then, as after a broken connection.
    return Object.assign(error, { name: 'ThreadEnded', $retryable: { throttling: false } })
  }
}

/**
 * The program beside a module of this folder. A CommonJS bundle may have no `import.meta.url`. For the TypeScript source,
 * which only tests run, it is the compiled program: a thread of the source would load the compiler.
 */
export function programBeside(url: string | undefined): URL | undefined {
  if (url === undefined) return undefined
  return new URL(url.endsWith('.ts') ? '../../dist/threads/worker.js' : 'worker.js', url)
}

function startWorker(file: URL | undefined, options: ThreadOptions): Worker {
  if (file === undefined || !existsSync(file)) {
    throw new Error(
      `the program of the thread${file === undefined ? '' : `, ${fileURLToPath(file)},`} does not exist. A bundle needs a copy of it, bundled too from s3-writable/threads/worker, and its URL as the option \`worker\` of ThreadedHandler`,
    )
  }
  const execArgv = networkArguments(process.execArgv)
  return new Worker(file, { workerData: options, execArgv, name: 's3-writable' })
}

/**
 * Of the arguments of Node, those that are about connections: the thread must connect as the process would. Others, such as
 * `--import` or `--input-type`, are not meant for it.
 */
export function networkArguments(execArgv: readonly string[]): string[] {
  const isNetwork = (word = ''): boolean =>
    /^--(no-)?(dns-|tls-m|network-family-|insecure-http-parser|max-http-header-size)/.test(word)
  return execArgv.filter((word, at) => {
    const before = execArgv[at - 1]
    // `--dns-result-order ipv4first` may be two words.
    return isNetwork(word) || (!word.startsWith('-') && isNetwork(before) && before?.includes('=') === false)
  })
}
