import { once } from 'node:events'
import { finished as finishedCallback, Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { type S3Writable, type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P, pieces } from '../support/bytes.js'
import { untilAcknowledged } from '../support/scenario.js'
import { head, makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

const SIZES = { small: KiB, large: 12 * MiB }
const source = (size: number): Readable => Readable.from(pieces(bytes(size), () => 64 * KiB))

/** Runs the test with a stream for each size, and records the order of its events. */
function everySize(
  title: string,
  run: (t: Test, context: Context) => Promise<void>,
  options: Partial<S3WritableOptions> = {},
): void {
  t.test(title, async (t) => {
    const client = s3Client(t)
    const Bucket = await makeBucket(t)
    for (const [Key, size] of Object.entries(SIZES)) {
      await t.test(Key, async (t) => {
        const upload = s3Writable({ client, Bucket, Key, partSize: P, ...options } as S3WritableOptions)
        const events: string[] = []
        for (const event of ['finish', 'error', 'close']) upload.on(event, () => events.push(event))
        const objectExists = async (): Promise<boolean> => (await head(Bucket, Key)) !== undefined
        await run(t, { upload, size, events, objectExists, unfinished: () => unfinishedUploads(Bucket) })
      })
    }
  })
}

/** Resolves when the stream is closed. Unlike `once`, it does not reject on an error event. */
function closed(upload: S3Writable): Promise<void> {
  return new Promise((resolve) => (upload.closed ? resolve() : upload.on('close', resolve)))
}

interface Context {
  upload: S3Writable
  size: number
  events: string[]
  objectExists: () => Promise<boolean>
  unfinished: () => Promise<unknown[]>
}

const SUCCESSES: Record<string, (upload: S3Writable, size: number) => Promise<unknown>> = {
  pipeline: (upload, size) => pipeline(source(size), upload),
  '.pipe() and finish': (upload, size) => once(source(size).pipe(upload), 'finish'),
  'write and end': (upload, size) => {
    upload.write(bytes(size - 1))
    upload.end(bytes(1))
    return once(upload, 'finish')
  },
  'end(chunk, callback)': (upload, size) => new Promise<void>((resolve) => upload.end(bytes(size), resolve)),
  'end(callback)': (upload, size) => {
    upload.write(bytes(size))
    return new Promise<void>((resolve) => upload.end(resolve))
  },
  'finished, as a promise': (upload, size) => {
    source(size).pipe(upload)
    return finished(upload)
  },
  'finished, as a callback': (upload, size) => {
    source(size).pipe(upload)
    return new Promise<void>((resolve, reject) => {
      finishedCallback(upload, (error) => (error ? reject(error) : resolve()))
    })
  },
  'done()': (upload, size) => {
    source(size).pipe(upload)
    return upload.done()
  },
  'for await and write': async (upload, size) => {
    for await (const chunk of source(size)) if (!upload.write(chunk)) await once(upload, 'drain')
    upload.end()
    await upload.done()
  },
  'await using': async (upload, size) => {
    await using using = upload
    await pipeline(source(size), using)
  },
}

for (const [name, run] of Object.entries(SUCCESSES)) {
  everySize(
    `${name}: the stream finishes once, has its result, and the object exists`,
    async (t, { upload, size, events, objectExists }) => {
      t.equal(upload.result, undefined)
      let resultAtFinish: unknown
      upload.on('finish', () => {
        resultAtFinish = upload.result
      })
      await run(upload, size)
      t.ok(await objectExists())
      t.match(upload.result, { size, parts: size > P ? 3 : 1, ETag: /^"/, Location: /^https?:/ })
      t.equal(resultAtFinish, upload.result)
      t.equal(await upload.done(), upload.result, 'done() may be called after the end')
      t.equal(upload.bytesUploaded, size)
      t.equal(upload.UploadId === undefined, size <= P)
      t.equal(upload.UploadId, upload.result?.UploadId)
      t.same(events, ['finish', 'close'])
    },
  )
}

const FAILURES: Record<string, (upload: S3Writable, size: number, error: Error) => Promise<unknown>> = {
  pipeline: (upload, size, error) => pipeline(failingSource(size, error), upload),
  'destroy(error) and done()': (upload, size, error) => {
    upload.write(bytes(size))
    upload.destroy(error)
    return upload.done()
  },
  'destroy(error) and finished': (upload, size, error) => {
    upload.write(bytes(size))
    upload.destroy(error)
    return finished(upload)
  },
}
async function* failingSource(size: number, error: Error): AsyncGenerator<Buffer> {
  yield* pieces(bytes(size), () => 64 * KiB)
  throw error
}

for (const [name, run] of Object.entries(FAILURES)) {
  everySize(
    `${name}: the promise rejects with the same error object, and nothing is left`,
    async (t, { upload, size, events, objectExists, unfinished }) => {
      const error = new Error('the source failed')
      upload.on('error', () => {})
      await t.rejects(run(upload, size, error), error)
      t.equal(upload.errored, error)
      await t.rejects(upload.done(), error, 'done() may be called after the end')
      t.equal(upload.result, undefined)
      t.notOk(await objectExists())
      t.same(await unfinished(), [])
      t.same(events, ['error', 'close'])
    },
  )
}

everySize(
  'destroy() without an error publishes nothing, and done() rejects with ERR_STREAM_PREMATURE_CLOSE',
  async (t, { upload, size, events, objectExists, unfinished }) => {
    upload.write(bytes(size))
    const done = upload.done()
    upload.destroy()
    await t.rejects(done, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    t.notOk(await objectExists())
    t.same(await unfinished(), [])
    t.same(events, ['close'])
  },
)

everySize(
  'a write that waits for a buffer is called back when the stream is destroyed',
  async (t, { upload, events }) => {
    upload.on('error', () => {})
    const called = new Promise((resolve) => upload.write(bytes(8 * P), resolve))
    await new Promise(setImmediate)
    const error = new Error('enough')
    upload.destroy(error)
    t.equal(await called, error)
    await closed(upload)
    t.same(events, ['error', 'close'])
  },
)

everySize(
  'await using: an unfinished upload is aborted',
  async (t, { upload, size, events, objectExists, unfinished }) => {
    const leaveScope = async (): Promise<void> => {
      await using using = upload
      using.write(bytes(size))
      throw new Error('the caller gave up')
    }
    await t.rejects(leaveScope(), { message: 'the caller gave up' })
    t.notOk(await objectExists())
    t.same(await unfinished(), [])
    t.same(events, ['error', 'close'], "as in Node's own streams")
  },
)

t.test('an abort signal ends the upload with an AbortError, whose cause is the reason', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const [Key, size] of Object.entries(SIZES)) {
    const controller = new AbortController()
    const upload = s3Writable({ client, Bucket, Key, partSize: P, signal: controller.signal })
    upload.write(bytes(size))
    const reason = new Error('deadline')
    controller.abort(reason)
    await t.rejects(upload.done(), { name: 'AbortError', code: 'ABORT_ERR', cause: reason })
    t.notOk(await head(Bucket, Key))
    const startedLate = s3Writable({ client, Bucket, Key, signal: controller.signal })
    await t.rejects(
      pipeline(source(size), startedLate),
      { name: 'AbortError' },
      'also with a signal that is aborted already',
    )
    t.notOk(await head(Bucket, Key))
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a promise of done() without a handler never causes an unhandledRejection event', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  let unhandled = 0
  const count = (): void => {
    unhandled++
  }
  process.on('unhandledRejection', count)
  t.teardown(() => process.off('unhandledRejection', count))
  const upload = s3Writable({ client, Bucket, Key: 'k' })
  void upload.done()
  upload.destroy(new Error('enough'))
  await closed(upload)
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(unhandled, 0)
})

t.test('a part is sent and acknowledged before the source ends', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  upload.write(bytes(P + 1))
  await untilAcknowledged(upload, P)
  t.match(upload.UploadId, /./)
  upload.end()
  await upload.done()
  t.equal(upload.bytesUploaded, P + 1)
})
