import { AsyncLocalStorage } from 'node:async_hooks'
import { tracingChannel } from 'node:diagnostics_channel'
import { pipeline } from 'node:stream/promises'
import { inspect } from 'node:util'
import t from 'tap'
import { abortUpload, type RetryMessage } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, P, zeros } from '../support/bytes.js'
import { denied, type Fault } from '../support/faults.js'
import { type Published, recordMessages } from '../support/messages.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { DATA, source } from '../support/resumed-upload.js'
import { holdForever, scenario, untilAcknowledged } from '../support/scenario.js'
import { s3Client, secretAccessKey } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

/** The messages of one channel. */
const of = (published: Published[], channel: string): Published['message'][] =>
  published.filter((one) => one.channel === channel).map(({ message }) => message)

/** Answers the first request of the operation, and passes on all others. */
const firstOf = (operation: string, fault: Fault): ((seen: RecordedRequest) => Fault | undefined) => {
  let isFirst = true
  return (seen) => {
    if (seen.operation !== operation || !isFirst) return undefined
    isFirst = false
    return fault
  }
}

t.test('an upload and each of its requests are published from their start to their end', async (t) => {
  const published = recordMessages(t)
  const { Bucket, upload } = await scenario(t)
  const stream = upload({ concurrency: 1 })
  t.same(
    published.map(({ channel, message }) => [channel, message]),
    [
      ['upload start', { Bucket, Key: 'k' }],
      ['upload end', { Bucket, Key: 'k', result: undefined }],
    ],
  )
  stream.end(bytes(2 * P + 1000))
  const { UploadId } = await stream.done()
  const about = { Bucket, Key: 'k', UploadId, attempt: 1, status: 200, Code: undefined }
  const ends = of(published, 'request asyncEnd')
  t.match(ends[0], { Bucket, Key: 'k', operation: 'CreateMultipartUpload', attempt: 1, bytes: 0, status: 200 })
  t.match(ends.slice(1, 4), [
    { ...about, operation: 'UploadPart', PartNumber: 1, bytes: P },
    { ...about, operation: 'UploadPart', PartNumber: 2, bytes: P },
    { ...about, operation: 'UploadPart', PartNumber: 3, bytes: 1000 },
  ])
  t.match(ends.slice(4), [{ ...about, operation: 'CompleteMultipartUpload' }])
  t.ok(Number(ends[4]?.bytes) > 100, 'the length of the list of parts')
  t.equal(of(published, 'request start').length, 5)
  const [ended, ...more] = of(published, 'upload asyncEnd')
  t.match(ended, { Bucket, Key: 'k', UploadId, result: stream.result as object, error: undefined })
  t.same([...more, ...of(published, 'upload error'), ...of(published, 'request error')], [])
})

t.test('an object of one part is an upload with one request', async (t) => {
  const published = recordMessages(t)
  const { upload } = await scenario(t)
  const stream = upload()
  stream.end('twelve bytes')
  const result = await stream.done()
  t.match(of(published, 'request asyncEnd'), [{ operation: 'PutObject', UploadId: undefined, bytes: 12, status: 200 }])
  t.match(of(published, 'upload asyncEnd'), [{ UploadId: undefined, result }])
})

t.test('a further attempt is published with what became of the attempt before it', async (t) => {
  const SlowDown: Fault = { do: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' }
  for (const [fault, previous] of [
    [SlowDown, { status: 503, Code: 'SlowDown', error: undefined }],
    [
      { do: 'reset', after: 0 },
      { status: undefined, Code: undefined, error: { code: /ECONNRESET|EPIPE/ } },
    ],
  ] as const) {
    const published = recordMessages(t)
    const { upload } = await scenario(t, { fault: firstOf('UploadPart', fault) })
    const stream = upload({ concurrency: 1 })
    stream.end(bytes(P + 1))
    const { UploadId } = await stream.done()
    const retries = of(published, 'retry') as unknown as RetryMessage[]
    t.match(retries, [{ operation: 'UploadPart', PartNumber: 1, UploadId, attempt: 2, bytes: P, previous }])
    const [first, second] = of(published, 'request asyncEnd').filter(({ PartNumber }) => PartNumber === 1)
    t.match(
      [first, second],
      [
        { ...previous, attempt: 1 },
        { attempt: 2, status: 200 },
      ],
    )
  }
})

t.test('a stall is published, and the attempt after it', async (t) => {
  const published = recordMessages(t)
  const { upload } = await scenario(t, { fault: firstOf('UploadPart', { do: 'swallow' }) })
  const stream = upload({ concurrency: 1, stallTimeout: 1500 })
  stream.end(bytes(P + 1))
  await stream.done()
  t.match(of(published, 'stall'), [{ operation: 'UploadPart', PartNumber: 1, attempt: 1, stallTimeout: 1500 }])
  t.match(of(published, 'retry'), [{ PartNumber: 1, attempt: 2 }])
})

t.test('a part that is not sent again is published, on a resume from the start and from a point', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  for (const offset of [undefined, 2 * P]) {
    const published = recordMessages(t)
    const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
    const resume = offset === undefined ? { UploadId } : { UploadId, offset, parts: 2, partSize: P }
    await pipeline(source(DATA.subarray(offset ?? 0)), upload({ resume }))
    t.same(of(published, 'skip'), [
      { Bucket, Key: 'k', UploadId, PartNumber: 1, bytes: P },
      { Bucket, Key: 'k', UploadId, PartNumber: 2, bytes: P },
    ])
  }
})

t.test('the end of a clean-up is published, with what became of the upload', async (t) => {
  for (const [options, faultOf, expected] of [
    [{}, undefined, { outcome: 'removed', parts: 2, bytes: 2 * P, cleanupError: undefined }],
    [{ leavePartsOnError: true }, undefined, { outcome: 'left', parts: 2, bytes: 2 * P }],
    [{}, 'AbortMultipartUpload', { outcome: 'failed', parts: 2, cleanupError: { code: 'ERR_S3_REQUEST' } }],
  ] as const) {
    const published = recordMessages(t)
    const fault = ({ operation }: RecordedRequest) => (operation === faultOf ? denied : undefined)
    const { Bucket, upload } = await scenario(t, { fault })
    const stream = upload(options)
    stream.on('error', () => {}).write(bytes(2 * P + 1))
    await untilAcknowledged(stream, 2 * P)
    const { UploadId } = stream
    const reason = new Error('the source failed')
    stream.destroy(reason)
    await failureOf(stream.done())
    t.match(of(published, 'clean-up'), [{ Bucket, Key: 'k', UploadId, ...expected }])
    t.match(of(published, 'upload error')[0], { UploadId, error: { message: reason.message } })
    t.equal(of(published, 'upload asyncEnd').length, 1)
    await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId: UploadId as string })
  }
})

t.test('the clean-up of a stream that had sent nothing has nothing to remove', async (t) => {
  const published = recordMessages(t)
  const { upload } = await scenario(t)
  const stream = upload()
  stream.on('error', () => {}).destroy()
  await failureOf(stream.done())
  t.match(of(published, 'clean-up'), [{ outcome: 'nothing', UploadId: undefined, parts: 0, bytes: 0 }])
  t.match(of(published, 'upload asyncEnd'), [{ error: { code: 'ERR_STREAM_DESTROYED' } }])
})

t.test('no message holds a secret, and a subscriber handles no error', async (t) => {
  const published = recordMessages(t)
  const fault = ({ operation, headers }: RecordedRequest): Fault | undefined =>
    operation === 'UploadPart'
      ? { do: 'answer', status: 403, body: `<html>${JSON.stringify(headers)}</html>` }
      : undefined
  const { upload, proxy } = await scenario(t, { fault })
  const stream = upload()
  t.equal(stream.listenerCount('error'), 0)
  await failureOf(pipeline(zeros(12 * MiB), stream))
  t.ok(of(published, 'request error').length > 0)
  const shown = inspect(published, { depth: 20, showHidden: true })
  for (const { headers } of proxy.seen) {
    const signature = String(/Signature=(\w+)/.exec(String(headers.authorization))?.[1])
    t.equal(shown.includes(signature), false, 'no signature is shown')
  }
  t.equal(shown.includes(secretAccessKey), false, 'no key is shown')
})

t.test('a request that is never answered has a start and, once it is cancelled, an end', async (t) => {
  const published = recordMessages(t)
  const { upload, proxy } = await scenario(t, { fault: holdForever('UploadPart') })
  const stream = upload()
  stream.on('error', () => {}).write(bytes(P + 1))
  await proxy.waitFor({ operation: 'UploadPart' })
  stream.destroy(new Error('enough'))
  await failureOf(stream.done())
  const ofPart = (event: string) => of(published, event).filter(({ operation }) => operation === 'UploadPart')
  t.equal(ofPart('request start').length, 1)
  const cancelled = { PartNumber: 1, status: undefined, error: { name: 'AbortError' } }
  t.match(ofPart('request error'), [cancelled])
  t.match(ofPart('request asyncEnd'), [cancelled])
})

t.test('a request ends with the last byte of its answer, or where that breaks off', async (t) => {
  for (const [fault, expected] of [
    [{ do: 'answer', status: 200, body: '<Error><Code>InternalError</Code></Error>' }, { Code: 'InternalError' }],
    [{ do: 'cut answer' }, { Code: undefined, error: { message: /aborted|ECONNRESET/ } }],
  ] as [Fault, object][]) {
    const published = recordMessages(t)
    const { upload } = await scenario(t, { fault: firstOf('CompleteMultipartUpload', fault) })
    const stream = upload()
    stream.end(bytes(P + 1))
    await stream.done()
    const completes = of(published, 'request asyncEnd').filter(({ operation }) => /^Complete/.test(String(operation)))
    t.match(completes[0], { status: 200, ...expected })
  }
})

t.test('what a subscriber binds to the start of an upload holds in its requests', async (t) => {
  const span = new AsyncLocalStorage<string>()
  const { start } = tracingChannel('s3-writable:upload')
  start.bindStore(span, (message) => `span of ${(message as { Key: string }).Key}`)
  t.teardown(() => start.unbindStore(span))
  const { client, Bucket, upload } = await scenario(t)
  const seen = new Set<string | undefined>()
  client.middlewareStack.add(
    (next) => (args) => {
      seen.add(span.getStore())
      return next(args)
    },
    { step: 'initialize' },
  )
  const stream = upload()
  stream.end(bytes(P + 1))
  await stream.done()
  t.same([...seen], ['span of k'])

  const Key = 'resumed'
  await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1), { Key })
  seen.clear()
  await pipeline(source(), upload({ Key, resume: true }))
  t.same([...seen], ['span of resumed'])
})
