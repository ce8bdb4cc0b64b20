import { once } from 'node:events'
import { finished as finishedCallback, Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { type S3Writable, type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P, pieces } from '../support/bytes.js'
import { head, makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

const SIZES = { small: KiB, large: 12 * MiB }
const source = (size: number): Readable => Readable.from(pieces(bytes(size), () => 64 * KiB))

/** Runs the test on an object of each size, and records what the stream tells in which order. */
function everySize(
  title: string,
  run: (t: Test, given: Given) => Promise<void>,
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
        const isThere = async (): Promise<boolean> => (await head(Bucket, Key)) !== undefined
        await run(t, { upload, size, events, isThere, left: () => unfinishedUploads(Bucket) })
      })
    }
  })
}
/** Unlike `once`, not troubled by an error. */
function closed(upload: S3Writable): Promise<void> {
  return new Promise((resolve) => (upload.closed ? resolve() : upload.on('close', resolve)))
}

interface Given {
  upload: S3Writable
  size: number
  events: string[]
  isThere: () => Promise<boolean>
  left: () => Promise<unknown[]>
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
    `${name}: ends once, with the result, and the object is there`,
    async (t, { upload, size, events, isThere }) => {
      t.equal(upload.result, undefined)
      let resultAtFinish: unknown
      upload.on('finish', () => {
        resultAtFinish = upload.result
      })
      await run(upload, size)
      t.ok(await isThere())
      t.match(upload.result, { size, parts: size > P ? 3 : 1, ETag: /^"/, Location: /^https?:/ })
      t.equal(resultAtFinish, upload.result)
      t.equal(await upload.done(), upload.result, 'done() after the end')
      t.equal(upload.bytesUploaded, size)
      t.equal(upload.UploadId === undefined, size <= P)
      t.equal(upload.UploadId, upload.result?.UploadId)
      t.same(events, ['finish', 'close'])
    },
  )
}

const FAILURES: Record<string, (upload: S3Writable, size: number, error: Error) => Promise<unknown>> = {
  pipeline: (upload, size, error) => pipeline(dying(size, error), upload),
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
async function* dying(size: number, error: Error): AsyncGenerator<Buffer> {
  yield* pieces(bytes(size), () => 64 * KiB)
  throw error
}

for (const [name, run] of Object.entries(FAILURES)) {
  everySize(
    `${name}: a failure is the very error that it failed with, and nothing is left`,
    async (t, { upload, size, events, isThere, left }) => {
      const error = new Error('the source died')
      upload.on('error', () => {})
      await t.rejects(run(upload, size, error), error)
      t.equal(upload.errored, error)
      await t.rejects(upload.done(), error, 'done() after the end')
      t.equal(upload.result, undefined)
      t.notOk(await isThere())
      t.same(await left(), [])
      t.same(events, ['error', 'close'])
    },
  )
}

everySize(
  'destroy() without an error publishes nothing, and done() says that it closed too early',
  async (t, { upload, size, events, isThere, left }) => {
    upload.write(bytes(size))
    const done = upload.done()
    upload.destroy()
    await t.rejects(done, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    t.notOk(await isThere())
    t.same(await left(), [])
    t.same(events, ['close'])
  },
)

everySize('a write that waits for room is called back when the stream is destroyed', async (t, { upload, events }) => {
  upload.on('error', () => {})
  const called = new Promise((resolve) => upload.write(bytes(8 * P), resolve))
  await new Promise(setImmediate)
  const error = new Error('enough')
  upload.destroy(error)
  t.equal(await called, error)
  await closed(upload)
  t.same(events, ['error', 'close'])
})

everySize(
  'await using: an upload that is left unfinished is aborted',
  async (t, { upload, size, events, isThere, left }) => {
    const leave = async (): Promise<void> => {
      await using using = upload
      using.write(bytes(size))
      throw new Error('the caller gave up')
    }
    await t.rejects(leave(), { message: 'the caller gave up' })
    t.notOk(await isThere())
    t.same(await left(), [])
    t.same(events, ['error', 'close'], "as Node's own streams do")
  },
)

t.test('an abort signal ends the upload with an AbortError that holds the reason', async (t) => {
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
    const late = s3Writable({ client, Bucket, Key, signal: controller.signal })
    await t.rejects(pipeline(source(size), late), { name: 'AbortError' }, 'a signal that is aborted already')
    t.notOk(await head(Bucket, Key))
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a rejection of done() that nobody handles is no unhandled rejection', async (t) => {
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
  upload.destroy(new Error('gone'))
  await closed(upload)
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(unhandled, 0)
})

t.test('a part is cut, sent and acknowledged before the source ends', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  upload.write(bytes(P + 1))
  await once(upload, 'progress')
  while (upload.bytesUploaded < P) await once(upload, 'progress')
  t.match(upload.UploadId, /./)
  upload.end()
  await upload.done()
  t.equal(upload.bytesUploaded, P + 1)
})
