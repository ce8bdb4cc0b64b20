import { Agent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { ThreadedHandler } from '../../lib/threads/index.js'
import { failureOf } from '../support/assertions.js'
import { HANDLERS, type Handler, LocalHandler, outcome, testServer } from '../support/http-handlers.js'

const SECRET = '-----BEGIN PRIVATE KEY-----'

/** Each wrong option, Node's code for it, and what the message says. */
const WRONG: [options: unknown, code: string, message: RegExp][] = [
  [null, 'ERR_INVALID_ARG_TYPE', /"options" option must be an object\. Received null/],
  [SECRET, 'ERR_INVALID_ARG_TYPE', /"options" option must be an object/],
  [
    { thread: 1 },
    'ERR_INVALID_ARG_VALUE',
    /"thread" option must be left out: the options are connectionTimeout, .*worker\. Received type number/,
  ],
  [{ key: SECRET }, 'ERR_INVALID_ARG_VALUE', /"key" option .* Received type string$/],
  [{ threads: 0 }, 'ERR_OUT_OF_RANGE', /"threads" option must be an integer from 1 to 64\. Received type number \(0\)/],
  [{ threads: 65 }, 'ERR_OUT_OF_RANGE', /65/],
  [{ threads: 1.5 }, 'ERR_OUT_OF_RANGE', /1\.5/],
  [{ threads: Number.NaN }, 'ERR_OUT_OF_RANGE', /NaN/],
  [{ threads: '2' }, 'ERR_INVALID_ARG_TYPE', /Received type string \('2'\)/],
  [{ threads: null }, 'ERR_INVALID_ARG_TYPE', /Received null/],
  [
    { priority: -1 },
    'ERR_OUT_OF_RANGE',
    /"priority" option must be an integer from 0 to 19\. Received type number \(-1\)/,
  ],
  [{ priority: 20 }, 'ERR_OUT_OF_RANGE', /20/],
  [{ priority: '10' }, 'ERR_INVALID_ARG_TYPE', /"priority" option must be an integer from 0 to 19/],
  ...['connectionTimeout', 'requestTimeout', 'socketTimeout', 'socketAcquisitionWarningTimeout'].flatMap(
    (name): [unknown, string, RegExp][] => [
      [{ [name]: -1 }, 'ERR_OUT_OF_RANGE', new RegExp(`"${name}" option must be an integer from 0 to 2147483647`)],
      [{ [name]: Number.POSITIVE_INFINITY }, 'ERR_OUT_OF_RANGE', /Infinity/],
      [{ [name]: '1' }, 'ERR_INVALID_ARG_TYPE', new RegExp(name)],
    ],
  ),
  [
    { worker: 'file:///worker.js' },
    'ERR_INVALID_ARG_TYPE',
    /"worker" option must be the URL of a file\. Received type string/,
  ],
  [{ worker: new URL('https://example.com/worker.js') }, 'ERR_INVALID_ARG_TYPE', /"worker"/],
  [{ throwOnRequestTimeout: 'yes' }, 'ERR_INVALID_ARG_TYPE', /"throwOnRequestTimeout" option must be a boolean/],
  [{ logger: null }, 'ERR_INVALID_ARG_TYPE', /"logger" option must be an object\. Received null/],
  [{ logger: console.warn }, 'ERR_INVALID_ARG_TYPE', /"logger"/],
  [{ httpsAgent: new Agent() }, 'ERR_INVALID_ARG_TYPE', /"httpsAgent" option must be an object of options.*Agent$/],
  [{ httpAgent: null }, 'ERR_INVALID_ARG_TYPE', /"httpAgent".*null/],
  [{ httpsAgent: SECRET }, 'ERR_INVALID_ARG_TYPE', /"httpsAgent".*Received type string$/],
  [
    { httpsAgent: { checkServerIdentity: () => {} } },
    'ERR_INVALID_ARG_VALUE',
    /"httpsAgent\.checkServerIdentity" option must be a value that can be cloned.*function checkServerIdentity/,
  ],
  [{ httpsAgent: { key: { pem: SECRET, get: () => {} } } }, 'ERR_INVALID_ARG_VALUE', /"httpsAgent\.key"/],
  [
    { threads: 3, httpAgent: { maxSockets: 2 } },
    'ERR_OUT_OF_RANGE',
    /"httpAgent\.maxSockets" option must be Infinity or an integer that is at least the number of threads, 3\. Received type number \(2\)/,
  ],
  [{ httpsAgent: { maxSockets: 1.5 } }, 'ERR_OUT_OF_RANGE', /"httpsAgent\.maxSockets"/],
  [{ httpsAgent: { maxSockets: Number.NaN } }, 'ERR_OUT_OF_RANGE', /NaN/],
  [{ httpsAgent: { maxSockets: '5' } }, 'ERR_INVALID_ARG_TYPE', /'5'/],
]

for (const [at, [options, code, message]] of WRONG.entries()) {
  t.test(`a wrong option throws at once, with Node's code: ${at + 1}, ${message.source.slice(0, 40)}`, async (t) => {
    const error = await failureOf((async () => new ThreadedHandler(options as object))())
    t.match(error, { code, message })
    t.notMatch(error.message, 'PRIVATE', 'no secret is shown')
    t.equal(error instanceof (code === 'ERR_OUT_OF_RANGE' ? RangeError : TypeError), true)
  })
}

t.test('options of undefined, zero and without a limit are right', async (t) => {
  const times = {
    connectionTimeout: 0,
    requestTimeout: 0,
    socketTimeout: 0,
    socketAcquisitionWarningTimeout: undefined,
  }
  const options = {
    ...times,
    threads: undefined,
    worker: undefined,
    logger: undefined,
    throwOnRequestTimeout: undefined,
  }
  const handler = new ThreadedHandler({
    ...options,
    httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
    httpsAgent: {},
  })
  t.match(handler.httpHandlerConfigs(), {
    httpAgent: { maxSockets: Number.POSITIVE_INFINITY },
    httpsAgent: { maxSockets: 50 },
  })
  t.match(handler.metadata, { handlerProtocol: 'http/1.1' })
})

const server = await testServer(t, (request, response) => {
  request.resume()
  if (request.url === '/slow') setTimeout(() => response.end('late'), 300)
  else response.end('ok')
})

t.test(
  'a client passes its logger on, before and after the first request, and to a handler that it shares',
  async (t) => {
    const warnings: string[] = []
    const logger = {
      ...console,
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (text: string) => warnings.push(text),
    }
    const requestHandler = new ThreadedHandler({ requestTimeout: 100 })
    t.teardown(() => requestHandler.destroy())
    const config = { region: 'us-east-1', requestHandler, logger }
    new S3Client(config)
    t.match(await outcome(requestHandler as Handler, server.request()), { statusCode: 200 })
    new S3Client({ ...config, logger: { ...logger, warn: () => {} } })
    t.match(await outcome(requestHandler as Handler, server.request({ path: '/slow' })), { statusCode: 200, length: 4 })
    t.match(warnings.join(), /has exceeded the configured 100 ms requestTimeout/)
  },
)

t.test("the SDK's default socket timeout is passed on to the threads", async (t) => {
  const silent = await testServer(t, (request) => request.resume())
  for (const start of [false, true]) {
    const handler = new ThreadedHandler()
    if (start) await outcome(handler as Handler, server.request())
    handler.updateHttpClientConfig(Symbol.for('@smithy/defaultSocketTimeout'), 200)
    t.match(await outcome(handler as Handler, silent.request()), {
      error: { name: 'TimeoutError', message: /200 ms of inactivity/ },
    })
    handler.destroy()
  }
})

for (const [kind, create] of Object.entries(HANDLERS)) {
  t.test(`a setting that changes holds for the next request (${kind})`, async (t) => {
    const handler = create()
    t.teardown(() => handler.destroy())
    t.match(await outcome(handler, server.request({ path: '/slow' })), { statusCode: 200 })
    handler.updateHttpClientConfig('requestTimeout', 50)
    handler.updateHttpClientConfig('throwOnRequestTimeout', true)
    t.match(await outcome(handler, server.request({ path: '/slow' })), {
      error: { name: 'TimeoutError', code: 'ETIMEDOUT' },
    })
    t.match(await outcome(handler, server.request({ path: '/slow' }), { requestTimeout: 0 }), { statusCode: 200 })
    if (kind !== 'serve') t.match(handler.httpHandlerConfigs(), {})
  })
}

t.test('a setting that is wrong, or cannot be changed, throws, and one that is unknown is ignored', async (t) => {
  const handler = new ThreadedHandler()
  t.throws(() => handler.updateHttpClientConfig('requestTimeout', -1), { code: 'ERR_OUT_OF_RANGE' })
  for (const name of ['threads', 'worker', 'httpAgent', 'httpsAgent']) {
    t.throws(() => handler.updateHttpClientConfig(name, {}), { code: 'ERR_INVALID_ARG_VALUE', message: /constructor/ })
  }
  handler.updateHttpClientConfig('other', () => {})
  handler.updateHttpClientConfig(Symbol('other'), () => {})
  handler.updateHttpClientConfig('logger', { warn: () => {} })
  t.match(handler.httpHandlerConfigs(), { logger: { warn: Function }, other: undefined, requestTimeout: undefined })
})

t.test('warnings that are no text are passed on as text', async (t) => {
  const warnings: unknown[] = []
  const handler = new LocalHandler({
    socketAcquisitionWarningTimeout: 1,
    httpAgent: { maxSockets: 1 },
    logger: { warn: (text) => warnings.push(text) },
  })
  t.teardown(() => handler.destroy())
  await Promise.all(Array.from({ length: 5 }, () => outcome(handler, server.request({ path: '/slow' }))))
  await sleep(10)
  t.match(warnings.join(), /socket usage at capacity=1/)
})
