import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { ThreadedHandler } from '../../lib/threads/index.js'
import { programBeside, Thread } from '../../lib/threads/thread.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P, sha256 } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { type Handler, outcome, testServer } from '../support/http-handlers.js'
import { makeBucket, s3Client, stored } from '../support/store.js'

const workers: Worker[] = []
process.on('worker', (worker: Worker) => workers.push(worker))
let arrived = 0
const silent = await testServer(t, (request, response) => {
  arrived++
  request.resume()
  if (request.url === '/ok') response.end('ok')
  if (request.url === '/starts') response.write('first')
})

/** The ways in which a thread can end. `null` is no message, and handling it throws. */
const DEATHS: Record<string, { kill: (worker: Worker) => unknown; message: RegExp }> = {
  'it is terminated': { kill: (worker) => worker.terminate(), message: /ended: exit code 1$/ },
  'it throws': { kill: (worker) => worker.postMessage(null), message: /ended: Cannot read properties of null/ },
}

for (const [title, { kill, message }] of Object.entries(DEATHS)) {
  t.test(`a thread that dies fails its requests with a retryable error, and is replaced: ${title}`, async (t) => {
    const handler = new ThreadedHandler() as Handler
    t.teardown(() => handler.destroy())
    const { response } = await handler.handle(silent.request({ path: '/starts' }))
    const worker = workers.at(-1) as Worker
    const answerFailed = new Promise((resolve) => response.body.on('error', resolve).resume())
    const waiting = failureOf(handler.handle(silent.request()))
    await once(silent.server, 'request')
    await kill(worker)
    for (const error of [await waiting, await answerFailed]) {
      t.match(error, { name: 'ThreadEnded', message, $retryable: { throttling: false } })
    }
    t.match(await outcome(handler, silent.request({ path: '/ok' })), { statusCode: 200 })
    t.not(workers.at(-1), worker, 'a new thread has sent it')
  })

  t.test(`commands and a stream go on when a thread dies: ${title}`, async (t) => {
    const Bucket = await makeBucket(t)
    let killed = 0
    const proxy = await faultProxy(t, {
      fault: ({ PartNumber, attempt, operation }) => {
        if (attempt > 1 || !(PartNumber === 2 || operation === 'HeadObject' || operation === 'PutObject'))
          return undefined
        killed++
        setImmediate(() => kill(workers.at(-1) as Worker))
        return { do: 'ignore' }
      },
    })
    const requestHandler = new ThreadedHandler()
    const client = s3Client(t, { endpoint: proxy.url, requestHandler })
    await client.send(new PutObjectCommand({ Bucket, Key: 'put', Body: 'object' }))
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'put' }))
    t.equal(head.ContentLength, 6)
    const data = bytes(3 * P + 1)
    await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key: 'stream', partSize: P }))
    t.same(await stored(Bucket, 'stream'), { sha256: sha256(data), size: data.length })
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'stream' }))
    t.equal(sha256((await got.Body?.transformToByteArray()) as Uint8Array), sha256(data))
    t.equal(killed, 3)
  })
}

t.test('a program of the thread that cannot be loaded fails the request and says why', async (t) => {
  const worker = pathToFileURL(`${t.testdir({ 'worker.mjs': "throw new Error('the program is broken')" })}/worker.mjs`)
  const handler = new ThreadedHandler({ worker }) as Handler
  const error = await failureOf(handler.handle(silent.request()))
  t.match(error, { name: 'ThreadEnded', message: /the program is broken/, cause: { message: 'the program is broken' } })
})

t.test('a program of the thread that is missing fails the first request and says what to do', async (t) => {
  const worker = pathToFileURL(`${t.testdir({})}/worker.mjs`)
  const handler = new ThreadedHandler({ worker }) as Handler
  const error = await failureOf(handler.handle(silent.request()))
  t.match(
    error.message,
    /the program of the thread, .*worker\.mjs, does not exist\. .* s3-writable\/threads\/worker, .* option `worker`/,
  )
})

t.test('destroy ends all threads and their requests, and the handler can be used again', async (t) => {
  const handler = new ThreadedHandler({ threads: 2 }) as Handler
  t.teardown(() => handler.destroy())
  const before = workers.length
  const waiting = [1, 2].map(() => failureOf(handler.handle(silent.request())))
  const { response } = await handler.handle(silent.request({ path: '/starts' }))
  const own = workers.slice(before)
  t.equal(own.length, 2)
  const exits = own.map((worker) => once(worker, 'exit'))
  handler.destroy()
  for (const error of await Promise.all(waiting))
    t.match(error, { message: 'the request handler was destroyed', $retryable: undefined })
  await Promise.all(exits)
  // Nobody listens to the errors of this answer, which does not end the process.
  t.match(await failureOf(response.body.toArray()), { message: 'the request handler was destroyed' })
  t.match(await outcome(handler, silent.request({ path: '/ok' })), { statusCode: 200 })
  handler.destroy()
  handler.destroy()
})

t.test('requests go to the thread with the fewest bytes, and then to the one with the fewest requests', async (t) => {
  const handler = new ThreadedHandler({ threads: 2 }) as Handler
  t.teardown(() => handler.destroy())
  const before = workers.length
  arrived = 0
  const errors = [failureOf(handler.handle(silent.request({ method: 'PUT', body: Buffer.alloc(1000) })))]
  // The first thread has a thousand bytes to send, so these go to the second one.
  for (let n = 0; n < 3; n++)
    errors.push(failureOf(handler.handle(silent.request({ method: 'PUT', body: Buffer.alloc(100) }))))
  while (arrived < 4) await once(silent.server, 'request')
  t.equal(workers.length - before, 2)
  await (workers.at(-1) as Worker).terminate()
  await Promise.all(errors.slice(1))
  handler.destroy()
  t.match(await errors[0], { message: 'the request handler was destroyed' })
})

t.test('a thread ends after its time without a request, and not while it has one', async (t) => {
  const ended: string[] = []
  const listener = { onEnd: () => ended.push('end'), onWarning: () => {} }
  const file = new URL('../../dist/threads/worker.js', import.meta.url)
  const thread = new Thread(file, {}, listener, 50)
  const { response } = await thread.send(silent.request({ path: '/starts' }) as never, {})
  const exit = once(workers.at(-1) as Worker, 'exit')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.same(ended, [])
  t.match(
    await outcome(
      { handle: (request) => thread.send(request as never, {}) } as Handler,
      silent.request({ path: '/ok' }),
    ),
    { statusCode: 200 },
  )
  response.body.destroy()
  await exit
  t.ok(ended.length > 0)
})

t.test('the program of the thread lies beside the module, or is not known in a CommonJS bundle', async (t) => {
  t.equal(programBeside('file:///a/b/c/threaded-handler.ts')?.href, 'file:///a/dist/threads/worker.js')
  t.equal(programBeside('file:///a/bundle.mjs')?.href, 'file:///a/worker.js')
  t.equal(programBeside(undefined), undefined)
  const listener = { onEnd: () => {}, onWarning: () => {} }
  t.throws(() => new Thread(undefined, {}, listener), { message: /^the program of the thread does not exist/ })
})

t.test('without a logger, warnings go to the console', async (t) => {
  const calls = t.capture(console, 'warn')
  const handler = new ThreadedHandler({ requestTimeout: 10 }) as Handler
  t.teardown(() => handler.destroy())
  const answer = failureOf(handler.handle(silent.request()))
  await once(silent.server, 'request')
  let warned = calls()
  while (warned.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    warned = calls()
  }
  t.match(warned, [{ args: [/requestTimeout/] }])
  handler.destroy()
  await answer
})
