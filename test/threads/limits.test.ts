import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { deferred } from '../support/deferred.js'
import { HANDLERS, type Handler, outcome, testEach, testServer } from '../support/http-handlers.js'

const silent = await testServer(t, (request, response) => {
  request.resume()
  if (request.url === '/starts') response.write('first')
})

testEach(
  t,
  'a request that takes longer than requestTimeout fails with a TimeoutError',
  { requestTimeout: 200, throwOnRequestTimeout: true },
  async (t, handler) => {
    const error = { name: 'TimeoutError', code: 'ETIMEDOUT', message: /\[ERROR\] .* exceeded the configured 200 ms/ }
    t.match(await outcome(handler, silent.request()), { error })
    const own = { ...error, message: /50 ms/ }
    t.match(await outcome(handler, silent.request(), { requestTimeout: 50 }), { error: own })
  },
)

const warnings: unknown[] = []
testEach(
  t,
  'without throwOnRequestTimeout there is a warning, and the request goes on',
  { requestTimeout: 50, logger: { warn: (text) => warnings.push(text) } },
  async (t, handler) => {
    warnings.length = 0
    const warned = deferred()
    const server = await testServer(t, async (_, response) => {
      await warned.promise
      response.end('ok')
    })
    const answer = outcome(handler, server.request())
    while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    warned.resolve()
    t.match(await answer, { statusCode: 200 })
    t.match(warnings, [/\[WARN\] a request has exceeded the configured 50 ms requestTimeout/])
  },
)

testEach(
  t,
  'a connection that stands still longer than socketTimeout fails',
  { socketTimeout: 200 },
  async (t, handler) => {
    const error = { name: 'TimeoutError', message: /timed out after 200 ms of inactivity/ }
    t.match(await outcome(handler, silent.request()), { error })
    t.match(await outcome(handler, silent.request({ path: '/starts' })), { statusCode: 200, error })
  },
)

/** The port of a server that accepts no connection. The system keeps two for it, and drops all others. */
async function fullServer(t: Test): Promise<number> {
  const program = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('fs').writeSync(1, String(server.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const child = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  for (let n = 0; n < 2; n++) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
  }
  return Number(port)
}

testEach(
  t,
  'a connection that is not made within connectionTimeout fails',
  { connectionTimeout: 200 },
  async (t, handler) => {
    const request = silent.request({ port: await fullServer(t) })
    t.match(await outcome(handler, request), { error: { name: 'TimeoutError', message: /200 ms/ } })
  },
)

testEach(t, 'many requests one after the other use one connection', undefined, async (t, handler) => {
  const server = await testServer(t, (request, response) => {
    request.resume()
    response.end('ok')
  })
  for (let n = 0; n < 10; n++) {
    t.match(await outcome(handler, server.request({ method: 'PUT', body: 'body' })), { statusCode: 200 })
  }
  t.equal(server.connections(), 1)
})

testEach(
  t,
  'without keepAlive each request has a connection of its own',
  { httpAgent: { keepAlive: false } },
  async (t, handler) => {
    const server = await testServer(t, (_, response) => response.end('ok'))
    for (let n = 0; n < 3; n++) await outcome(handler, server.request())
    t.equal(server.connections(), 3)
  },
)

const MANY = 20
/** Sends many requests at once, and resolves with the most that the server had at the same time. */
async function mostAtOnce(t: Test, handler: Handler, limit: number): Promise<number> {
  let now = 0
  let most = 0
  const reached = deferred()
  const server = await testServer(t, async (_, response) => {
    most = Math.max(most, ++now)
    if (now === limit) reached.resolve()
    // All connections that are allowed are open before the first one is free again.
    await reached.promise
    setTimeout(() => {
      now--
      response.end('ok')
    }, 5)
  })
  const answers = Array.from({ length: MANY }, () => outcome(handler, server.request()))
  for (const answer of await Promise.all(answers)) t.match(answer, { statusCode: 200 })
  t.equal(server.connections(), limit)
  return most
}

testEach(t, 'maxSockets limits the connections', { httpAgent: { maxSockets: 3 } }, async (t, handler) => {
  t.equal(await mostAtOnce(t, handler, 3), 3)
})

for (const maxSockets of [2, 5]) {
  t.test(`maxSockets ${maxSockets} is the total of two threads`, async (t) => {
    const handler = HANDLERS.ThreadedHandler?.({ threads: 2, httpAgent: { maxSockets } }) as Handler
    t.teardown(() => handler.destroy())
    t.equal(await mostAtOnce(t, handler, maxSockets), maxSockets)
  })
}

testEach(t, 'a body waits for 100-continue, and is not sent if the answer is final', undefined, async (t, handler) => {
  const server = await testServer(t, (_, response) => response.end())
  let received = 0
  server.server.on('checkContinue', (request, response) => {
    request.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    if (request.url === '/refused') response.writeHead(403, { connection: 'close' }).end('no')
    else {
      response.writeContinue()
      request.on('end', () => response.end('yes'))
    }
  })
  const headers = { expect: '100-continue', 'content-length': '4' }
  const request = { method: 'PUT', headers, body: Buffer.from('body') }
  t.match(await outcome(handler, server.request({ ...request, path: '/refused' })), { statusCode: 403, length: 2 })
  t.equal(received, 0)
  t.match(await outcome(handler, server.request(request)), { statusCode: 200, length: 3 })
  t.equal(received, 4)
})
