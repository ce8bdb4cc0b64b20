import { type EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { answersOk } from './cluster.js'

/** How long after a health check the next one is sent, in ms. */
const CHECK_INTERVAL = 250
/** Headers that are about one connection and not about the request. */
const OF_CONNECTION = ['connection', 'keep-alive']

/** A request that is passed on to a node, with the URL that it has there. */
export interface PassedRequest {
  method: string
  url: URL
}

/** Emits each request when it is passed on, and the status of each answer. */
export type Traffic = EventEmitter<{ request: [PassedRequest]; answer: [PassedRequest, number] }>

export interface Balancer {
  endpoint: string
  /** Resolves when every node takes requests. */
  untilAllUp: () => Promise<void>
  stop: () => void
}

interface BalancedNode {
  endpoint: string
  isUp: boolean
}

/**
 * Passes each request to the next node in turn, as nginx or HAProxy would:
 * - A node takes requests while its health check answers within a second.
 * - A node that refuses the connection is skipped, because it has none of the request's bytes.
 * - A connection to a node that breaks later breaks that of the client: the request is not sent again.
 * - Without a node, the answer is a page with the status 503.
 */
export async function startBalancer(endpoints: string[], traffic: Traffic): Promise<Balancer> {
  const nodes = endpoints.map((endpoint): BalancedNode => ({ endpoint, isUp: true }))
  const end = new AbortController()
  let turn = 0
  const nextNode = (): BalancedNode | undefined => {
    turn++
    const inTurn = nodes.map((_, index) => nodes[(turn + index) % nodes.length] as BalancedNode)
    return inTurn.find(({ isUp }) => isUp)
  }
  const server = createServer((request, response) => pass(request, response, nextNode, traffic))
  // A client may keep its connection while it uploads for minutes.
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  for (const node of nodes) void checkHealth(node, end.signal)
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    untilAllUp: async () => {
      while (!nodes.every(({ isUp }) => isUp)) await sleep(CHECK_INTERVAL, undefined, { signal: end.signal })
    },
    stop: () => {
      end.abort()
      server.close()
      server.closeAllConnections()
    },
  }
}

async function checkHealth(node: BalancedNode, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    node.isUp = await answersOk(`${node.endpoint}/minio/health/live`)
    await sleep(CHECK_INTERVAL, undefined, { signal: end }).catch(() => {})
  }
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  nextNode: () => BalancedNode | undefined,
  traffic: Traffic,
): void {
  const node = nextNode()
  if (node === undefined) {
    response.writeHead(503, { 'content-type': 'text/html', connection: 'close' })
    response.end('<html><title>503 No node is up</title></html>')
    return
  }
  const { method = 'GET', url: path = '/' } = request
  const url = new URL(path, node.endpoint)
  const { hostname, port } = url
  // Without an agent, each request has a new connection to its node: none is reused that the node has just closed.
  const headers = endToEnd(request.rawHeaders)
  const outgoing = sendRequest({ hostname, port, method, path, headers, agent: false })
  let isConnected = false
  outgoing.on('socket', (socket) =>
    socket.once('connect', () => {
      isConnected = true
      request.pipe(outgoing)
      traffic.emit('request', { method, url })
    }),
  )
  outgoing.on('response', (answer) => {
    const status = answer.statusCode as number
    traffic.emit('answer', { method, url }, status)
    response.writeHead(status, endToEnd(answer.rawHeaders))
    pipeline(answer, response, (error) => error && request.socket.destroy())
  })
  outgoing.on('error', () => {
    if (isConnected || request.socket.destroyed) {
      request.socket.destroy()
      return
    }
    // The next health check may find it up again.
    node.isUp = false
    pass(request, response, nextNode, traffic)
  })
  response.on('close', () => outgoing.destroy())
}

/** The headers without those of the connection, as a list of names and values in turn. */
function endToEnd(rawHeaders: string[]): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)] as string
    return !OF_CONNECTION.includes(name.toLowerCase())
  })
}
