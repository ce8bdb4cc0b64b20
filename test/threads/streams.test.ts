import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { failureOf } from '../support/assertions.js'
import { bytes, KiB, MiB, sha256 } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { defaultHandlers, outcome, testServer } from '../support/http-handlers.js'

/** Answers with the hash of the body. */
const hash = await testServer(t, async (request, response) => {
  try {
    response.end(sha256(await buffer(request)))
  } catch {
    // The request broke off.
  }
})
const chunk = Buffer.alloc(64 * KiB, 'c')

const handlers = defaultHandlers(t)
for (const [kind, handler] of handlers) {
  const isOurs = kind !== 'NodeHttpHandler'

  t.test(`a source that is slower than the server is sent in full (${kind})`, async (t) => {
    async function* source(): AsyncGenerator<Buffer | string> {
      for (const text of ['one', 'two', 'three']) {
        yield text
        await sleep(30)
        yield Buffer.from(text)
      }
    }
    const request = hash.request({ method: 'PUT', body: Readable.from(source()) })
    const expected = sha256(Buffer.from('oneonetwotwothreethree'))
    t.match(await outcome(handler, request), { statusCode: 200, sha256: sha256(Buffer.from(expected)) })
  })

  t.test(`a source is read no further than the server takes its bytes (${kind})`, async (t) => {
    const go = deferred()
    const server = await testServer(t, async (request, response) => {
      await go.promise
      response.end(String((await buffer(request)).length))
    })
    const size = 64 * MiB
    let given = 0
    const body = new Readable({
      read() {
        given += chunk.length
        this.push(given > size ? null : chunk)
      },
    })
    const answer = handler.handle(server.request({ method: 'PUT', body }))
    for (let before = -1; before !== given; await sleep(300)) before = given
    t.ok(given > 0 && given < 32 * MiB, `${given} bytes were read from the source`)
    go.resolve()
    const { response } = await answer
    t.equal((await buffer(response.body)).toString(), String(size))
  })

  t.test(`a source stays open, and can be read on, if the server answers before it ends (${kind})`, async (t) => {
    const server = await testServer(t, (_, response) => response.writeHead(403, { connection: 'close' }).end('early'))
    const body = new Readable({ read() {} })
    body.push('first')
    const { response } = await handler.handle(server.request({ method: 'PUT', body }))
    t.equal(response.statusCode, 403)
    t.equal((await buffer(response.body)).toString(), 'early')
    t.equal(body.destroyed, false)
    t.equal(body.errored, null)
    body.destroy()
  })

  t.test(`an early answer to an endless source does not keep its connection for ever (${kind})`, async (t) => {
    let requests = 0
    const server = await testServer(t, (request, response) => {
      requests++
      request.resume()
      response.end('early')
    })
    for (let n = 0; n < 60; n++) {
      const body = new Readable({ read() {} })
      body.push('first')
      const { response } = await handler.handle(server.request({ method: 'PUT', body }))
      t.equal((await buffer(response.body)).toString(), 'early')
      // The SDK's own handler sends the rest of the source.
      if (isOurs) body.destroy()
      else body.push(null)
    }
    t.equal(requests, 60)
  })

  t.test(`a source has no listeners of the handler once the request has ended (${kind})`, async (t) => {
    const body = new Readable({ read() {} })
    const listeners = (): number => body.eventNames().reduce((sum, name) => sum + body.listenerCount(name), 0)
    const before = listeners()
    const server = await testServer(t, (request, response) => {
      request.once('data', () => response.socket?.destroy())
    })
    body.push(chunk)
    const answer = failureOf(handler.handle(server.request({ method: 'PUT', body })))
    t.match(await answer, { code: 'ECONNRESET' })
    body.push(chunk)
    await sleep(50)
    t.equal(listeners(), before)
    t.equal(body.destroyed, false)
  })

  t.test(`a large body goes through unchanged in both directions (${kind})`, async (t) => {
    const data = bytes(20 * MiB + 1)
    const server = await testServer(t, (request, response) => void request.pipe(response))
    for (const body of [data, Readable.from([data.subarray(0, 7 * MiB), data.subarray(7 * MiB)])]) {
      const result = await outcome(handler, server.request({ method: 'PUT', body }))
      t.match(result, { length: data.length, sha256: sha256(data) })
    }
  })
}

// With the SDK's own handler an error of the source is not handled, and ends the process.
for (const [kind, handler] of handlers.filter(([kind]) => kind !== 'NodeHttpHandler')) {
  t.test(`a chunk that is neither bytes nor a string fails the request (${kind})`, async (t) => {
    for (const wrong of [5, 0, false, new Uint16Array([1, 2]), { no: 'bytes' }]) {
      const body = Readable.from([Buffer.from('first'), wrong])
      const error = await failureOf(handler.handle(hash.request({ method: 'PUT', body })))
      t.match(error, { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message: /a string or a Uint8Array/ })
    }
  })

  t.test(`an error of the source fails the request with that error (${kind})`, async (t) => {
    const broken = deferred()
    const server = await testServer(t, (request) => {
      request.on('close', broken.resolve).on('error', () => {})
      request.resume()
    })
    async function* source(): AsyncGenerator<Buffer> {
      yield chunk
      throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    }
    const error = await failureOf(handler.handle(server.request({ method: 'PUT', body: Readable.from(source()) })))
    t.match(error, { message: 'the disk is full', code: 'ENOSPC' })
    await broken.promise
  })

  t.test(`a source that is destroyed fails the request (${kind})`, async (t) => {
    const server = await testServer(t, (request) => request.resume())
    const body = new Readable({ read() {} })
    const answer = failureOf(handler.handle(server.request({ method: 'PUT', body })))
    body.push(chunk)
    await once(server.server, 'request')
    body.destroy()
    t.match(await answer, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  })

  t.test(`a source that has failed already fails the request (${kind})`, async (t) => {
    const body = new Readable({ read() {} }).on('error', () => {})
    body.destroy(new Error('failed before'))
    const error = await failureOf(handler.handle(hash.request({ method: 'PUT', body })))
    t.equal(error.message, 'failed before')
  })
}
