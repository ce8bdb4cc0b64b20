/**
 * Just enough of S3 to upload to, in a process of its own: it takes every body and drops it, so that what is measured is
 * the sender. Prints its port, and ends with its standard input. Usage: sink [CERTIFICATE KEY]
 */
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'

const [cert, key] = process.argv.slice(2)

function answer(request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? '/', 'http://sink').searchParams
  // Not an MD5, so that nobody takes it for one.
  response.setHeader('ETag', '"dropped"')
  if (request.method !== 'POST') response.end()
  else if (query.has('uploads')) response.end(xml('InitiateMultipartUpload', '<UploadId>bench</UploadId>'))
  else response.end(xml('CompleteMultipartUpload', '<ETag>"dropped"</ETag>'))
}

function xml(operation: string, inside: string): string {
  return `<?xml version="1.0"?><${operation}Result>${inside}</${operation}Result>`
}

const listener = (request: IncomingMessage, response: ServerResponse): void => {
  request.on('data', () => {}).on('end', () => answer(request, response))
}
const server =
  cert === undefined || key === undefined
    ? http.createServer(listener)
    : https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, listener)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.stdin.on('close', () => process.exit()).resume()
