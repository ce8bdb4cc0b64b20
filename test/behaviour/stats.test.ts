import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { type S3WritableError, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, P, zeros } from '../support/bytes.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { scenario } from '../support/scenario.js'
import { smallStore } from '../support/small-store.js'
import { makeBucket, s3Client } from '../support/store.js'

t.test('a single PutObject is one request with one part in flight', async (t) => {
  const { upload, proxy } = await scenario(t)
  const before = performance.now()
  const stream = upload()
  await pipeline(zeros(10), stream)
  const { ms, ...counts } = (await stream.done()).stats
  t.ok(ms > 0 && ms <= performance.now() - before, `${ms} ms, of which none is before the stream was made`)
  t.same(counts, { requests: 1, resentBytes: 0, concurrency: 1 })
  t.equal(proxy.seen.length, 1)
})

t.test('every attempt counts as a request, and what it sends again counts as sent again', async (t) => {
  const fault = ({ PartNumber, attempt }: RecordedRequest): Fault | undefined =>
    PartNumber === 2 && attempt === 1 ? { do: 'reset', after: MiB } : undefined
  const { upload, proxy } = await scenario(t, { fault })
  const stream = upload({ concurrency: 2 })
  await pipeline(zeros(3 * P), stream)
  const { requests, resentBytes, concurrency } = (await stream.done()).stats
  t.equal(requests, proxy.seen.length)
  t.equal(requests, 6)
  t.equal(concurrency, 2)
  t.ok(resentBytes >= MiB && resentBytes <= P, `${resentBytes} bytes`)
})

t.test('the error of a stream has the statistics up to the failure', async (t) => {
  const { upload, proxy } = await scenario(t, {
    fault: ({ operation }) => (operation === 'CompleteMultipartUpload' ? denied : undefined),
  })
  const error = (await failureOf(pipeline(zeros(2 * P), upload()))) as S3WritableError
  t.match(error.stats, { requests: proxy.seen.length, resentBytes: 0 })
  t.ok((error.stats?.ms ?? 0) > 0)
  t.ok([1, 2].includes(error.stats?.concurrency ?? 0))
})

t.test("the source's own error has them too, unless it has statistics of its own", async (t) => {
  const { upload } = await scenario(t)
  const failing = (error: Error): Readable =>
    Readable.from(
      (async function* () {
        yield bytes(10)
        throw error
      })(),
    )
  const error: Error & { stats?: object } = new Error('the source failed')
  const stream = upload()
  const closed = new Promise((resolve) => stream.on('close', resolve))
  t.equal(await failureOf(pipeline(failing(error), stream)), error)
  await closed
  t.match(error.stats, { requests: 0, resentBytes: 0 })
  const own = Object.assign(new Error('the source failed'), { stats: 'its own' })
  const other = upload()
  const otherClosed = new Promise((resolve) => other.on('close', resolve))
  await failureOf(pipeline(failing(own), other))
  await otherClosed
  t.equal(own.stats, 'its own')
})

t.test('a stream that is destroyed without an error has them on the error of done()', async (t) => {
  const { upload } = await scenario(t)
  const stream = upload()
  const failure = failureOf(stream.done())
  stream.destroy()
  t.match(await failure, { code: 'ERR_STREAM_PREMATURE_CLOSE', stats: { requests: 0 } })
})

t.test('a client that ignores the middleware of commands counts as sending each command once', async (t) => {
  const real = s3Client(t)
  const Bucket = await makeBucket(t)
  // As a mock does: it carries out a command of its own.
  const send = (command: { input: { Body: Uint8Array } }): Promise<unknown> =>
    real.send(new PutObjectCommand({ Bucket, Key: 'k', Body: command.input.Body }))
  const stream = s3Writable({ client: { send, config: real.config }, Bucket, Key: 'k' })
  await pipeline(Readable.from([bytes(10)]), stream)
  t.match(stream.result?.stats, { requests: 1, resentBytes: 0 })
})

t.test('a stream that finds the upload already completed counts the requests that compare', async (t) => {
  const { client, put } = await smallStore(t)
  put('k', bytes(10))
  const stream = s3Writable({ client, Bucket: 'b', Key: 'k', resume: { UploadId: 'gone' } })
  const error = (await failureOf(pipeline(Readable.from([bytes(10)]), stream))) as S3WritableError
  t.match(error, { code: 'ERR_S3_RESUME', stats: { resentBytes: 0, concurrency: 0 } })
  t.ok((error.stats?.requests ?? 0) > 0)
})
