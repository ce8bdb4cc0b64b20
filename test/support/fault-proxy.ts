import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { endpoint } from './store.js'

/** One request as the proxy saw it. */
export interface Seen {
  operation: string
  PartNumber: number | undefined
  /** 1 for the first time that this operation, part and key were asked for. */
  attempt: number
  headers: http.IncomingHttpHeaders
  url: string
  /** Bytes of body that arrived. */
  length: number
  /** Which connection it came on. */
  connection: number
}

/** What to do with a request instead of passing it on untouched. */
export type Fault =
  /** Answer in S3's place. The request is read to its end, and not passed on. */
  | { do: 'answer'; status: number; body?: string }
  /** Wait, then pass the request on. */
  | { do: 'hold'; until: Promise<unknown> }
  /** Break the connection once so many bytes of the body have come. */
  | { do: 'reset'; after: number }
  /** Pass the request on, and break the connection instead of answering. */
  | { do: 'drop answer' }
  /** Pass the request on, and change a header of the answer, or leave it out. */
  | { do: 'set header'; header: string; value?: string }
  /** Pass the request on, and change the answer's body. */
  | { do: 'rewrite'; body: (body: string) => string }

export interface ProxyOptions {
  /** Speak https to the client. What is behind stays as it is. */
  tls?: boolean
  /** Bytes of body a second that are let through, over all connections. */
  bytesPerSecond?: number
  fault?: (seen: Seen) => Fault | undefined
  /** Hears the XML that a request brings; bodies of objects and parts are not kept. */
  onXml?: (seen: Seen, xml: string) => unknown
}

export interface FaultProxy {
  url: string
  /** In the order in which they came. */
  seen: Seen[]
  /** How many connections were opened. */
  connections: () => number
  of: (operation: string) => Seen[]
  /** Resolves when such a request has come, at once where it has already. */
  came: (operation: string) => Promise<void>
}

/** A real proxy in front of the S3 under test, `Host` unchanged because it is signed. Ends with the test. */
export async function faultProxy(t: Test, options: ProxyOptions = {}): Promise<FaultProxy> {
  const seen: Seen[] = []
  const sockets = new Map<Socket, number>()
  const pace = options.bytesPerSecond === undefined ? undefined : pacer(options.bytesPerSecond)
  const upstream = endpoint.protocol === 'https:' ? https : http
  const agent = new upstream.Agent({ keepAlive: true })
  const arrivals = new EventEmitter()
  let opened = 0

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const was = note(request, sockets.get(request.socket) ?? 0, seen)
    arrivals.emit(was.operation)
    const fault = options.fault?.(was)
    if (fault?.do === 'hold') await fault.until
    const passedOn = fault?.do === 'answer' ? undefined : pass(request, response)
    const xml: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) {
      was.length += chunk.length
      if (request.method === 'POST') xml.push(chunk)
      await pace?.(chunk.length)
      if (fault?.do === 'reset' && was.length >= fault.after) {
        request.socket?.destroy()
        return
      }
      if (passedOn?.write(chunk) === false) await once(passedOn, 'drain')
    }
    options.onXml?.(was, Buffer.concat(xml).toString())
    if (fault?.do === 'answer') {
      response.writeHead(fault.status, { 'content-type': 'application/xml' }).end(fault.body)
      return
    }
    passedOn?.end()
    const [answer] = (await once(passedOn as http.ClientRequest, 'response')) as [IncomingMessage]
    await reply(answer, request, response, fault)
  }

  const pass = (request: IncomingMessage, response: ServerResponse): http.ClientRequest => {
    const { expect: _, ...headers } = request.headers
    const { hostname, port } = endpoint
    const passedOn = upstream.request({ hostname, port, agent, method: request.method, path: request.url, headers })
    // Either side that breaks breaks the other, as without a proxy.
    passedOn.on('error', () => request.socket?.destroy())
    response.on('close', () => response.writableFinished || passedOn.destroy())
    return passedOn
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // A client that goes away ends its request, and nothing else.
    handle(request, response).catch(() => request.socket?.destroy())
  }
  const server = options.tls ? https.createServer(certificate(), listener) : http.createServer(listener)
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.set(socket, ++opened)
    socket.on('error', () => {})
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
    agent.destroy()
  })
  const { port } = server.address() as { port: number }
  const of = (operation: string): Seen[] => seen.filter((request) => request.operation === operation)
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    connections: () => opened,
    of,
    came: async (operation) => {
      if (of(operation).length === 0) await once(arrivals, operation)
    },
  }
}

async function reply(
  answer: IncomingMessage,
  request: IncomingMessage,
  response: ServerResponse,
  fault?: Fault,
): Promise<void> {
  if (fault?.do === 'drop answer') {
    answer.resume()
    await once(answer, 'end')
    request.socket?.destroy()
    return
  }
  // Whether the connection behind the proxy stays open is not the client's affair.
  const { connection: _, 'keep-alive': __, ...headers } = answer.headers
  if (fault?.do === 'set header') delete headers[fault.header]
  if (fault?.do === 'set header' && fault.value !== undefined) headers[fault.header] = fault.value
  if (fault?.do === 'rewrite') {
    const body = fault.body(Buffer.concat(await answer.toArray()).toString())
    delete headers['transfer-encoding']
    response
      .writeHead(answer.statusCode ?? 500, {
        ...headers,
        'content-length': Buffer.byteLength(body),
      })
      .end(body)
    return
  }
  response.writeHead(answer.statusCode ?? 500, headers)
  answer.pipe(response)
}

function note(request: IncomingMessage, connection: number, seen: Seen[]): Seen {
  const { pathname, searchParams } = new URL(request.url ?? '/', endpoint)
  const operation = operationOf(request.method ?? '', pathname, searchParams)
  const PartNumber = searchParams.has('partNumber') ? Number(searchParams.get('partNumber')) : undefined
  const before = seen.filter((one) => one.operation === operation && one.url === request.url)
  const was = {
    operation,
    PartNumber,
    attempt: before.length + 1,
    headers: request.headers,
    url: request.url ?? '',
    length: 0,
    connection,
  }
  seen.push(was)
  return was
}

function operationOf(method: string, pathname: string, query: URLSearchParams): string {
  const onKey = pathname.split('/').filter(Boolean).length > 1
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads'
  if (query.has('uploadId')) {
    const names: Record<string, string> = {
      PUT: 'UploadPart',
      POST: 'CompleteMultipartUpload',
      DELETE: 'AbortMultipartUpload',
      GET: 'ListParts',
    }
    return names[method] ?? method
  }
  const names: Record<string, string> = {
    PUT: 'PutObject',
    HEAD: 'HeadObject',
    GET: 'GetObject',
    DELETE: 'DeleteObject',
  }
  return onKey ? (names[method] ?? method) : `${method} bucket`
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
