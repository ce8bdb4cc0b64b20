import { EventEmitter, once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { answerInsteadOfS3, type Fault, sendAnswer } from './faults.js'
import { certificate, listen } from './listen.js'
import { type RecordedRequest, recordRequest } from './recorded-request.js'
import { endpoint } from './store.js'

export interface ProxyOptions {
  /**
   * Serve the client over https. The protocol between the proxy and S3 does not change.
   * @default whether `TEST_TLS` is set
   */
  tls?: boolean
  /** The highest rate at which request bodies are passed on, over all connections together. */
  bytesPerSecond?: number
  /** Break each connection 1 ms after its answer, as load balancers with a short idle timeout do. */
  dropIdle?: boolean
  /** Chooses the fault of a request, when its headers have arrived. */
  fault?: (seen: RecordedRequest) => Fault | undefined
  /** Called with every request, once it is read to its end, and its XML. Bodies of objects and parts are not kept. */
  onXml?: (seen: RecordedRequest, xml: string) => unknown
}

export interface FaultProxy {
  url: string
  /** All requests, in the order in which they arrived. */
  seen: RecordedRequest[]
  /** How many connections were opened. */
  connections: () => number
  /** The requests of one operation, such as `UploadPart`. */
  of: (operation: string) => RecordedRequest[]
  /** The part numbers of all UploadPart requests, in ascending order; a part that was sent twice is listed twice. */
  parts: () => number[]
  /** The AbortMultipartUpload and ListParts requests in their order; an operation that was retried is listed once. */
  cleanUpOperations: () => string[]
  /** Resolves once a request with these fields has been recorded; at once if there already is one. */
  waitFor: (expected: Partial<RecordedRequest>) => Promise<void>
}

/**
 * Starts an HTTP proxy in front of the S3 under test, and closes it when the test ends. The proxy does not change the
 * `Host` header, because the signature covers it.
 */
export async function faultProxy(t: Pick<Test, 'teardown'>, options: ProxyOptions = {}): Promise<FaultProxy> {
  const { tls = process.env.TEST_TLS !== undefined } = options
  const seen: RecordedRequest[] = []
  const sockets = new Map<Socket, number>()
  const sharedLimiter = options.bytesPerSecond === undefined ? undefined : rateLimiter(options.bytesPerSecond)
  const upstream = endpoint.protocol === 'https:' ? https : http
  const agent = new upstream.Agent({ keepAlive: true })
  const changes = new EventEmitter().setMaxListeners(0)
  let opened = 0

  const handle = async (request: IncomingMessage, response: ServerResponse, socket: Socket): Promise<void> => {
    const recorded = recordRequest(request, sockets.get(socket) ?? 0, seen)
    response.on('close', () => {
      recorded.endedAt = performance.now()
      recorded.answered = response.writableFinished
      if (options.dropIdle === true) setTimeout(() => socket.destroy(), 1)
    })
    const fault = options.fault?.(recorded)
    changes.emit('change')
    if (fault?.do === 'ignore') return
    if (fault?.do === 'hold') await fault.until
    if (fault?.do === 'answer' && fault.early) answerInsteadOfS3(response, fault)
    const isPassedOn = fault?.do !== 'answer' && fault?.do !== 'swallow'
    const passedOn = isPassedOn ? passOn(request, response, socket, fault?.do !== 'pass on late') : undefined
    // Listen from here on, because S3 may answer before it has received the whole body.
    const answered = passedOn && (once(passedOn, 'response') as Promise<[IncomingMessage]>)
    let isAnswered = false
    answered?.then(
      () => {
        isAnswered = true
      },
      () => {},
    )
    const limiter = fault?.do === 'throttle' ? rateLimiter(fault.bytesPerSecond) : sharedLimiter
    const kept: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) {
      recorded.length += chunk.length
      if (request.method === 'POST' || fault?.do === 'pass on late') kept.push(chunk)
      await limiter?.(chunk.length)
      if (fault?.do === 'reset' && recorded.length >= fault.after) break
      if (fault?.do !== 'pass on late' && passedOn?.write(chunk) === false && !isAnswered) {
        await Promise.race([once(passedOn, 'drain'), answered])
      }
    }
    if (fault?.do === 'reset') {
      await fault.until
      socket.destroy()
      return
    }
    recorded.complete = true
    changes.emit('change')
    options.onXml?.(recorded, Buffer.concat(kept).toString())
    if (fault?.do === 'swallow') return
    if (fault?.do === 'answer') {
      if (!fault.early) answerInsteadOfS3(response, fault)
      return
    }
    if (fault?.do === 'pass on late') {
      if (fault.broken) socket.destroy()
      await fault.until
      passedOn?.write(Buffer.concat(kept))
    }
    passedOn?.end()
    const [answer] = await (answered as Promise<[IncomingMessage]>)
    await sendAnswer(answer, response, socket, fault)
  }

  const passOn = (
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    breakTogether: boolean,
  ): http.ClientRequest => {
    const { expect: _, ...headers } = request.headers
    const { hostname, port } = endpoint
    const passedOn = upstream.request({ hostname, port, agent, method: request.method, path: request.url, headers })
    passedOn.on('error', () => socket.destroy())
    // If one connection breaks, break the other, so that both ends see what they would see without a proxy.
    if (breakTogether) response.on('close', () => response.writableFinished || passedOn.destroy())
    return passedOn
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // Read the socket now: a request that was aborted no longer has one.
    const { socket } = request
    // A client that disconnects ends only its own request.
    handle(request, response, socket).catch(() => socket.destroy())
  }
  const server = tls ? https.createServer(certificate(), listener) : http.createServer(listener)
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.set(socket, ++opened)
    socket.on('error', () => {})
  })
  const port = await listen(t, server)
  t.teardown(() => agent.destroy())
  const of = (operation: string): RecordedRequest[] => seen.filter((request) => request.operation === operation)
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    connections: () => opened,
    of,
    parts: () =>
      of('UploadPart')
        .map(({ PartNumber }) => PartNumber as number)
        .sort((a, b) => a - b),
    cleanUpOperations: () =>
      seen
        .map(({ operation }) => operation)
        .filter((operation) => operation === 'AbortMultipartUpload' || operation === 'ListParts')
        .filter((operation, at, all) => operation !== all[at - 1]),
    waitFor: async (expected) => {
      const fields = Object.entries(expected) as [keyof RecordedRequest, unknown][]
      while (!seen.some((request) => fields.every(([name, value]) => request[name] === value))) {
        await once(changes, 'change')
      }
    },
  }
}

/** Returns a function that waits until the given number of bytes may pass. All its callers share the rate. */
function rateLimiter(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let due = performance.now()
  return async (bytes) => {
    due = Math.max(due, performance.now() - 50) + (bytes / bytesPerSecond) * 1000
    const wait = due - performance.now()
    if (wait > 1) await sleep(wait)
  }
}
