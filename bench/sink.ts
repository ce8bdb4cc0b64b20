/**
 * The part of S3 that uploads need, in a process of its own. It discards every body as it comes off the socket, so that
 * only the sender is measured. It parses HTTP itself, because node:http would be slower than a fast sender. Prints its port,
 * and ends when its standard input ends. Usage: sink [CERTIFICATE KEY]
 */
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import tls from 'node:tls'
import type { Counted } from './measure.js'

const [cert, key] = process.argv.slice(2)
const END = Buffer.from('\r\n\r\n')
let connections = 0
/** The number of parts whose request has begun to arrive and has no answer yet. */
let inFlight = 0
/** That number before each answer to a part. It only falls by an answer, so the most of these is the most there were. */
let samples: number[] = []

function serve(socket: Socket): void {
  connections++
  let head: Buffer = Buffer.alloc(0)
  let left = 0
  let answer = ''
  let part = false
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('close', () => {
    if (part) inFlight--
  })
  socket.on('data', (data: Buffer) => {
    let rest: Buffer = data
    while (rest.length > 0) {
      if (answer === '') {
        head = head.length === 0 ? rest : Buffer.concat([head, rest])
        const end = head.indexOf(END)
        if (end === -1) return
        const text = head.toString('latin1', 0, end)
        rest = head.subarray(end + END.length)
        head = Buffer.alloc(0)
        left = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0)
        const line = text.slice(0, text.indexOf('\r\n'))
        part = /^PUT \S*[?&]partNumber=/.test(line)
        if (part) inFlight++
        answer = answerTo(line)
        if (/^expect: *100-continue/im.test(text)) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      }
      const taken = Math.min(left, rest.length)
      left -= taken
      rest = rest.subarray(taken)
      if (left > 0) return
      if (part) samples.push(inFlight--)
      part = false
      socket.write(answer)
      answer = ''
    }
  })
}

function answerTo(line: string): string {
  const [method, target = ''] = line.split(' ')
  const { pathname, searchParams } = new URL(target, 'http://sink')
  if (pathname === '/counts') return response(200, JSON.stringify(counts()))
  if (method === 'POST' && searchParams.has('uploads')) {
    return response(200, xml('InitiateMultipartUpload', '<UploadId>bench</UploadId>'))
  }
  // The minio client looks for an upload to resume.
  if (method === 'GET' && searchParams.has('uploads'))
    return response(200, xml('ListMultipartUploads', '<IsTruncated>false</IsTruncated>'))
  if (method === 'POST')
    return response(
      200,
      xml(
        'CompleteMultipartUpload',
        '<Location>http://sink/bench/object</Location><Bucket>bench</Bucket><Key>object</Key><ETag>&quot;dropped&quot;</ETag>',
      ),
    )
  return response(method === 'DELETE' ? 204 : 200, '')
}

/** What was counted since the last call, without the connection of this call. */
function counts(): Counted {
  const settled = samples.slice(Math.floor(samples.length / 2))
  const counted = {
    connections: connections - 1,
    parts: Math.max(0, ...samples),
    settledParts: Math.max(0, ...settled),
  }
  connections = 0
  samples = []
  return counted
}

function xml(operation: string, inside: string): string {
  return `<?xml version="1.0"?><${operation}Result>${inside}</${operation}Result>`
}

/** The ETag is obviously no MD5, so that no client verifies it. */
function response(status: number, body: string): string {
  const length = Buffer.byteLength(body)
  return `HTTP/1.1 ${status} OK\r\nETag: "dropped"\r\nContent-Type: application/xml\r\nContent-Length: ${length}\r\n\r\n${body}`
}

const server =
  cert === undefined || key === undefined
    ? createServer(serve)
    : tls.createServer({ cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['http/1.1'] }, serve)
server.listen(0, process.env.SINK_HOST ?? '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.stdin.on('close', () => process.exit()).resume()
