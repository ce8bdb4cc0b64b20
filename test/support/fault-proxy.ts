import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { type RecordedRequest, recordRequest } from './recorded-request.js'
import { endpoint } from './store.js'

/** What to do with a request instead of passing it on untouched. */
export type Fault =
  /** Answer in S3's place, not passing the request on, once it has been read to its end; `early`: at once. */
  | { do: 'answer'; status: number; body?: string; headers?: Record<string, string>; early?: boolean }
  /** Wait before a byte of the body is read, then pass the request on. */
  | { do: 'hold'; until: Promise<unknown> }
  /**
   * Read the request to its end, wait, then pass it on, also where the client has gone away meanwhile; `broken`: break its
   * connection before the wait.
   */
  | { do: 'pass on late'; until: Promise<unknown>; broken?: boolean }
  /** Let so many bytes of its body through in a second. */
  | { do: 'throttle'; bytesPerSecond: number }
  /** Break the connection once so many bytes of the body have come, and `until` has. */
  | { do: 'reset'; after: number; until?: Promise<unknown> }
  /** Read the request to its end, and neither pass it on nor answer. */
  | { do: 'swallow' }
  /** Take the connection, and never read the body. */
  | { do: 'ignore' }
  /** Pass the request on, and break the connection instead of answering. */
  | { do: 'drop answer' }
  /** Pass the request on, and break the connection in the middle of the answer. */
  | { do: 'cut answer' }
  /** Pass the request on, and never answer. */
  | { do: 'swallow answer' }
  /** Pass the request on, and change a header of the answer, or leave it out. */
  | { do: 'set header'; header: string; value?: string }
  /** Pass the request on, and change the answer's body. */
  | { do: 'rewrite'; body: (body: string) => string }

export const denied = {
  do: 'answer',
  status: 403,
  body: '<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>',
} as const satisfies Fault

export interface ProxyOptions {
  /** Speak https to the client. What is behind stays as it is. */
  tls?: boolean
  /** Bytes of body a second that are let through, over all connections. */
  bytesPerSecond?: number
  /** Break each connection as soon as it has been idle for a moment, as some balancers do. */
  dropIdle?: boolean
  fault?: (seen: RecordedRequest) => Fault | undefined
  /** Hears the XML that a request brings; bodies of objects and parts are not kept. */
  onXml?: (seen: RecordedRequest, xml: string) => unknown
}

export interface FaultProxy {
  url: string
  /** In the order in which they came. */
  seen: RecordedRequest[]
  /** How many connections were opened. */
  connections: () => number
  of: (operation: string) => RecordedRequest[]
  /** The numbers of the parts that were sent, in ascending order; twice where it was sent twice. */
  parts: () => number[]
  /** Abort and ListParts in their order; one that the store failed and that was sent again is there once. */
  cleanUpOperations: () => string[]
  /** Resolves when a request has come that is so, at once where it has already. */
  waitFor: (so: Partial<RecordedRequest>) => Promise<void>
}

/** A real proxy in front of the S3 under test, `Host` unchanged because it is signed. Ends with the test. */
export async function faultProxy(t: Pick<Test, 'teardown'>, options: ProxyOptions = {}): Promise<FaultProxy> {
  const seen: RecordedRequest[] = []
  const sockets = new Map<Socket, number>()
  const pace = options.bytesPerSecond === undefined ? undefined : pacer(options.bytesPerSecond)
  const upstream = endpoint.protocol === 'https:' ? https : http
  const agent = new upstream.Agent({ keepAlive: true })
  const arrivals = new EventEmitter().setMaxListeners(0)
  let opened = 0

  const handle = async (request: IncomingMessage, response: ServerResponse, socket: Socket): Promise<void> => {
    const was = recordRequest(request, sockets.get(socket) ?? 0, seen)
    response.on('close', () => {
      was.endedAt = performance.now()
      was.answered = response.writableFinished
      if (options.dropIdle === true) setTimeout(() => socket.destroy(), 1)
    })
    const fault = options.fault?.(was)
    arrivals.emit('arrival')
    if (fault?.do === 'ignore') return
    if (fault?.do === 'hold') await fault.until
    if (fault?.do === 'answer' && fault.early) answerFor(response, fault)
    const passes = fault?.do !== 'answer' && fault?.do !== 'swallow'
    const passedOn = passes ? pass(request, response, socket, fault?.do !== 'pass on late') : undefined
    // From here on, since a server may answer before the last of the body is off this side's hands.
    const answered = passedOn && (once(passedOn, 'response') as Promise<[IncomingMessage]>)
    let early = false
    answered?.then(
      () => {
        early = true
      },
      () => {},
    )
    const slow = fault?.do === 'throttle' ? pacer(fault.bytesPerSecond) : pace
    const kept: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) {
      was.length += chunk.length
      if (request.method === 'POST' || fault?.do === 'pass on late') kept.push(chunk)
      await slow?.(chunk.length)
      if (fault?.do === 'reset' && was.length >= fault.after) break
      if (fault?.do !== 'pass on late' && passedOn?.write(chunk) === false && !early) {
        await Promise.race([once(passedOn, 'drain'), answered])
      }
    }
    if (fault?.do === 'reset') {
      await fault.until
      socket.destroy()
      return
    }
    was.complete = true
    arrivals.emit('arrival')
    options.onXml?.(was, Buffer.concat(kept).toString())
    if (fault?.do === 'swallow') return
    if (fault?.do === 'answer') {
      if (!fault.early) answerFor(response, fault)
      return
    }
    if (fault?.do === 'pass on late') {
      if (fault.broken) socket.destroy()
      await fault.until
      passedOn?.write(Buffer.concat(kept))
    }
    passedOn?.end()
    const [answer] = await (answered as Promise<[IncomingMessage]>)
    await reply(answer, response, socket, fault)
  }

  const pass = (
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    tied: boolean,
  ): http.ClientRequest => {
    const { expect: _, ...headers } = request.headers
    const { hostname, port } = endpoint
    const passedOn = upstream.request({ hostname, port, agent, method: request.method, path: request.url, headers })
    passedOn.on('error', () => socket.destroy())
    // Either side that breaks breaks the other, as without a proxy.
    if (tied) response.on('close', () => response.writableFinished || passedOn.destroy())
    return passedOn
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // Kept, because a request that was broken off has it no more.
    const { socket } = request
    // A client that goes away ends its request, and nothing else.
    handle(request, response, socket).catch(() => socket.destroy())
  }
  const server = options.tls ? https.createServer(certificate(), listener) : http.createServer(listener)
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.set(socket, ++opened)
    socket.on('error', () => {})
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Where another teardown throws, tap runs no more of them: the file must end and say so all the same.
  server.unref()
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
    agent.destroy()
  })
  const { port } = server.address() as { port: number }
  const of = (operation: string): RecordedRequest[] => seen.filter((request) => request.operation === operation)
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
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
    waitFor: async (so) => {
      const facts = Object.entries(so) as [keyof RecordedRequest, unknown][]
      while (!seen.some((request) => facts.every(([name, value]) => request[name] === value))) {
        await once(arrivals, 'arrival')
      }
    },
  }
}

function answerFor(response: ServerResponse, { status, body, headers }: Fault & { do: 'answer' }): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(body)
}

async function reply(
  answer: IncomingMessage,
  response: ServerResponse,
  socket: Socket,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.do === 'drop answer' || fault?.do === 'swallow answer' || fault?.do === 'cut answer') {
    answer.resume()
    await once(answer, 'end')
    if (fault.do === 'cut answer') await cut(answer, response)
    if (fault.do !== 'swallow answer') socket.destroy()
    return
  }
  // Whether the connection behind the proxy stays open is not the client's affair.
  const { connection: _, 'keep-alive': __, ...headers } = answer.headers
  if (fault?.do === 'set header') delete headers[fault.header]
  if (fault?.do === 'set header' && fault.value !== undefined) headers[fault.header] = fault.value
  if (fault?.do === 'rewrite') {
    const body = fault.body(Buffer.concat(await answer.toArray()).toString())
    delete headers['transfer-encoding']
    headers['content-length'] = String(Buffer.byteLength(body))
    response.writeHead(answer.statusCode ?? 500, headers).end(body)
    return
  }
  response.writeHead(answer.statusCode ?? 500, headers)
  answer.pipe(response)
}

/** The head, and a body that never gets to its end. */
async function cut(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/xml', 'content-length': 1000 })
  await new Promise((resolve) => response.write('<?xml version="1.0"?>', resolve))
}

/** Lets so many bytes a second through, whoever asks. */
function pacer(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let due = performance.now()
  return async (bytes) => {
    due = Math.max(due, performance.now() - 50) + (bytes / bytesPerSecond) * 1000
    const wait = due - performance.now()
    if (wait > 1) await sleep(wait)
  }
}

function certificate(): { cert: Buffer; key: Buffer } {
  const folder = process.env.TEST_CERTIFICATE ?? ''
  return {
    cert: readFileSync(join(folder, 'public.crt')),
    key: readFileSync(join(folder, 'private.key')),
  }
}
