import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { defaultHandlers, outcome, testServer } from '../support/http-handlers.js'

/** Answers with what it got, byte for byte: the start line, the headers and the hash of the body. */
const echo = await testServer(t, async (request, response) => {
  const body = await buffer(request)
  const { method, url, rawHeaders } = request
  const headers = rawHeaders.filter((text, at, all) => !/host/i.test((at % 2 ? all[at - 1] : text) as string))
  response.end(JSON.stringify({ method, url, headers, length: body.length, sha256: sha256(body) }))
})

/** The requests that are wrong. */
const FAILURES = new Set([
  'an object that is no body',
  'a number that is no body',
  'a header that is not allowed',
  'a path that is not allowed',
  'a method that is not allowed',
])

const memory = bytes(3 * MiB)
const REQUESTS: Record<string, () => object> = {
  'GET without a body': () => ({}),
  'DELETE without a body': () => ({ method: 'DELETE' }),
  HEAD: () => ({ method: 'HEAD' }),
  'a body of undefined': () => ({ method: 'PUT', body: undefined }),
  'a body of null': () => ({ method: 'PUT', body: null }),
  'an empty string': () => ({ method: 'PUT', body: '' }),
  'an empty Buffer': () => ({ method: 'PUT', body: Buffer.alloc(0) }),
  'an empty Buffer in a GET': () => ({ body: Buffer.alloc(0) }),
  'an empty Uint8Array': () => ({ method: 'PUT', body: new Uint8Array() }),
  'an empty Uint8Array with a length': () => ({
    method: 'PUT',
    body: new Uint8Array(),
    headers: { 'content-length': '0' },
  }),
  'a string': () => ({ method: 'POST', body: 'ä string, <xml/>' }),
  'a string with a length': () => ({ method: 'POST', body: 'ä', headers: { 'content-length': '2' } }),
  'a Buffer': () => ({ method: 'PUT', body: memory, headers: { 'content-length': String(memory.length) } }),
  'a Buffer of the pool': () => ({ method: 'PUT', body: Buffer.from('from the pool') }),
  'a Uint8Array that is a part of its memory': () => ({
    method: 'PUT',
    body: new Uint8Array(memory.buffer, memory.byteOffset + 11, 100_001),
  }),
  'a Uint16Array': () => ({ method: 'PUT', body: new Uint16Array([1, 2, 65_535]) }),
  'a DataView': () => ({ method: 'PUT', body: new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2) }),
  'an ArrayBuffer': () => ({ method: 'PUT', body: new Uint8Array([1, 2, 3]).buffer }),
  'memory that is shared': () => ({ method: 'PUT', body: new Uint8Array(new SharedArrayBuffer(5)).fill(7) }),
  'an object that is no body': () => ({ method: 'PUT', body: { no: 'body' } }),
  'a number that is no body': () => ({ method: 'PUT', body: 5 }),
  'a stream': () => ({ method: 'PUT', body: Readable.from([memory.subarray(0, 100_000), memory.subarray(100_000)]) }),
  'a stream with a length': () => ({
    method: 'PUT',
    body: Readable.from([memory.subarray(0, MiB), memory.subarray(MiB)]),
    headers: { 'content-length': String(memory.length) },
  }),
  'a stream of strings, with an empty one': () => ({ method: 'PUT', body: Readable.from(['a', '', 'ö', '']) }),
  'a stream of empty chunks': () => ({ method: 'PUT', body: Readable.from([Buffer.alloc(0), Buffer.from('x')]) }),
  'an empty stream': () => ({ method: 'PUT', body: Readable.from([]) }),
  'a query': () => ({ path: '/a%20b/c', query: { uploads: '', b: ['1', '2'], c: null, d: 'ä &=' } }),
  'a fragment': () => ({ path: '/a', fragment: 'f' }),
  'a user and a password': () => ({ username: 'u', password: 'p' }),
  'a user alone': () => ({ username: 'u' }),
  'an IPv6 address in brackets': () => ({ hostname: '[::ffff:127.0.0.1]' }),
  'headers in any case': () => ({ headers: { 'X-Amz-Meta-A': '1', 'x-amz-meta-b': 'b, c' } }),
  'a header that is not allowed': () => ({ headers: { 'x-a': 'line\nbreak' } }),
  'a path that is not allowed': () => ({ path: '/a b' }),
  'a method that is not allowed': () => ({ method: 'no method' }),
  '100-continue': () => ({ method: 'PUT', body: 'after', headers: { expect: '100-continue', 'content-length': '5' } }),
}

const handlers = defaultHandlers(t)

for (const [title, fields] of Object.entries(REQUESTS)) {
  t.test(`the server gets the same with every handler: ${title}`, async (t) => {
    const results: object[] = []
    for (const [, handler] of handlers) results.push(await outcome(handler, echo.request(fields())))
    const [expected, ...others] = results
    for (const actual of others) t.same(actual, expected)
    t.match(expected, FAILURES.has(title) ? { error: { name: String } } : { statusCode: 200 })
  })
}
