import type { RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bytes, MiB } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { defaultHandlers, describeError, outcome, testServer } from '../support/http-handlers.js'

const large = bytes(5 * MiB)

/** The answers, by the path that asks for them. */
const ANSWERS: Record<string, RequestListener> = {
  'an empty answer': (_, response) => response.end(),
  'an answer with a length': (_, response) =>
    response.writeHead(200, { 'content-length': large.length, 'content-type': 'x/y' }).end(large),
  'an answer in chunks': (_, response) => {
    for (let offset = 0; offset < large.length; offset += 123_456)
      response.write(large.subarray(offset, offset + 123_456))
    response.end()
  },
  'a status with a reason': (_, response) => response.writeHead(418, 'Short and stout').end('teapot'),
  'a status without a reason': (_, response) => response.writeHead(200, ' ').end(),
  '204': (_, response) => response.writeHead(204).end(),
  '304 with an ETag': (_, response) => response.writeHead(304, { etag: '"e"' }).end(),
  'an error with a body': (_, response) => response.writeHead(503, { 'retry-after': '1' }).end('<Error/>'),
  'a redirect': (_, response) => response.writeHead(307, { location: 'http://other/' }).end(),
  'several set-cookie headers': (_, response) =>
    response.writeHead(200, { 'set-cookie': ['a=1', 'b=2; path=/'], 'x-twice': ['1', '2'] }).end(),
  'headers beyond ASCII': (_, response) =>
    response.writeHead(200, { 'x-amz-meta-a': Buffer.from('ü').toString('latin1') }).end(),
  trailers: (request, response) => {
    if (request.method === 'HEAD') return response.end()
    response.writeHead(200, { trailer: 'x-checksum' })
    response.write('body')
    response.addTrailers({ 'x-checksum': 'abc' })
    return response.end()
  },
  'an informational answer before the real one': (_, response) => {
    response.writeProcessing()
    response.end('real')
  },
  'an answer that breaks off at once': (_, response) => {
    response.writeHead(200, { 'content-length': 10 }).flushHeaders()
    setImmediate(() => response.socket?.resetAndDestroy())
  },
  'an answer that breaks off in its body': async (_, response) => {
    response.writeHead(200, { 'content-length': 2 * large.length }).write(large)
    while (response.writableLength > 0) await sleep(1)
    response.socket?.destroy()
  },
  'an answer in chunks that breaks off': (_, response) => {
    response.write('first')
    setTimeout(() => response.socket?.end(), 20)
  },
  'a connection that is reset without an answer': (_, response) => response.socket?.resetAndDestroy(),
  'a connection that ends without an answer': (_, response) => response.socket?.end(),
  'no HTTP': (_, response) => response.socket?.end('This is not HTTP\r\n\r\n'),
  'more headers than allowed': (_, response) => response.writeHead(200, { 'x-long': 'x'.repeat(40_000) }).end(),
  'a length that is wrong': (_, response) => response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\n12'),
}

const handlers = defaultHandlers(t)
const server = await testServer(t, (request, response) => {
  const title = decodeURIComponent(request.url ?? '').slice(1)
  request.resume()
  void ANSWERS[title]?.(request, response)
})

for (const method of ['GET', 'HEAD', 'PUT']) {
  for (const title of Object.keys(ANSWERS)) {
    t.test(`the caller of every handler sees the same: ${title}, to ${method}`, async (t) => {
      const request = { method, path: `/${encodeURIComponent(title)}`, ...(method === 'PUT' && { body: 'x' }) }
      const results: object[] = []
      for (const [, handler] of handlers) results.push(await outcome(handler, server.request(request)))
      const [expected, ...others] = results
      for (const actual of others) t.same(actual, expected)
    })
  }
}

for (const [kind, handler] of handlers) {
  t.test(`an answer is read no faster than its caller reads it (${kind})`, async (t) => {
    let written = 0
    const chunk = Buffer.alloc(64 * 1024)
    const source = await testServer(t, async (_, response) => {
      for (;;) {
        written += chunk.length
        if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve))
      }
    })
    const { response } = await handler.handle(source.request())
    const { body } = response
    // The operating system's buffers fill, and then nothing moves.
    let before = -1
    while (before !== written) {
      before = written
      await sleep(300)
    }
    t.ok(written < 30 * MiB, `${written} bytes were written to a caller that reads nothing`)
    t.ok(body.readableLength <= 256 * 1024, `${body.readableLength} bytes wait for the caller`)
    let received = 0
    for await (const part of body) {
      received += part.length
      if (received > 2 * before) break
    }
    t.ok(written > before, 'the answer went on once it was read')
  })

  t.test(`an answer that the caller destroys closes the connection (${kind})`, async (t) => {
    const closed = deferred()
    const source = await testServer(t, (_, response) => {
      response.on('close', closed.resolve).write('first')
    })
    const { response } = await handler.handle(source.request())
    response.body.once('data', () => response.body.destroy())
    await closed.promise
    t.equal(response.body.destroyed, true)
  })

  t.test(`an answer that the caller destroys with an error emits that error (${kind})`, async (t) => {
    const source = await testServer(t, (_, response) => void response.write('first'))
    const { response } = await handler.handle(source.request())
    const failed = new Promise((resolve) => response.body.on('error', resolve))
    response.body.once('data', () => response.body.destroy(new Error('enough')))
    t.match(describeError(await failed), { message: 'enough' })
  })

  t.test(`an answer that breaks off before it is read fails with ECONNRESET (${kind})`, async (t) => {
    const broken = deferred()
    const source = await testServer(t, (request, response) => {
      response.writeHead(200, { 'content-length': 10 }).flushHeaders()
      request.socket.on('close', broken.resolve)
      setTimeout(() => request.socket.destroy(), 20)
    })
    const { response } = await handler.handle(source.request())
    const failed = new Promise((resolve) => response.body.on('error', resolve))
    await broken.promise
    await sleep(100)
    response.body.resume()
    t.match(await failed, { message: 'aborted', code: 'ECONNRESET' })
  })
}
