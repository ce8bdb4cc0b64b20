import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { AbortMultipartUploadCommand, ListPartsCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { type S3Writable, type S3WritableError, type S3WritableOptions, s3Writable } from '../lib/index.js'
import { bytes, KiB, MiB, P, pieces, sha256 } from './support/bytes.js'
import { deferred } from './support/deferred.js'
import { endedWell } from './support/ended.js'
import { denied, type Fault, type FaultProxy, faultProxy } from './support/fault-proxy.js'
import type { Seen } from './support/seen.js'
import { head, makeBucket, s3Client, unfinishedUploads } from './support/store.js'

const never = new Promise<never>(() => {})
const holding =
  (operation: string) =>
  (seen: Seen): Fault | undefined =>
    seen.operation === operation ? { do: 'hold', until: never } : undefined

interface Given {
  upload: S3Writable
  proxy: FaultProxy
  Bucket: string
}

async function given(
  t: Test,
  fault: (seen: Seen) => Fault | undefined = () => undefined,
  options: Partial<S3WritableOptions> = {},
): Promise<Given> {
  const proxy = await faultProxy(t, { fault })
  const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 2 })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options } as S3WritableOptions)
  return { upload, proxy, Bucket }
}

async function acknowledged(upload: S3Writable, size: number): Promise<void> {
  while (upload.bytesUploaded < size) await new Promise((resolve) => upload.once('progress', resolve))
}

interface Moment {
  fault?: (seen: Seen) => Fault | undefined
  options?: Partial<S3WritableOptions>
  reach: (given: Given) => Promise<void>
}

const MOMENTS: Record<string, Moment> = {
  'before the first byte': { reach: async () => {} },
  'before a part is full': { reach: async ({ upload }) => void upload.write(bytes(KiB)) },
  'between two parts, with none on its way': {
    reach: async ({ upload }) => {
      upload.write(bytes(P + 1))
      await acknowledged(upload, P)
    },
  },
  'while parts are on their way': {
    fault: holding('UploadPart'),
    reach: async ({ upload, proxy }) => {
      upload.write(bytes(3 * P))
      await proxy.came({ operation: 'UploadPart' })
    },
  },
  'while a write waits for a buffer': {
    fault: holding('UploadPart'),
    options: { concurrency: 1 },
    reach: async ({ upload, proxy }) => {
      for (let i = 0; i < 4; i++) upload.write(bytes(P))
      await proxy.came({ operation: 'UploadPart' })
    },
  },
  'while PutObject is on its way': {
    fault: holding('PutObject'),
    reach: async ({ upload, proxy }) => {
      upload.end(bytes(KiB))
      await proxy.came({ operation: 'PutObject' })
    },
  },
  'while the last part is on its way': {
    fault: ({ PartNumber }) => (PartNumber === 3 ? { do: 'hold', until: never } : undefined),
    reach: async ({ upload, proxy }) => {
      upload.end(bytes(2 * P + 1))
      await proxy.came({ PartNumber: 3 })
    },
  },
}

for (const [moment, { fault, options, reach }] of Object.entries(MOMENTS)) {
  t.test(`destroyed ${moment}, with and without an error, it leaves nothing`, async (t) => {
    for (const error of [new Error('enough'), undefined]) {
      const all = await given(t, fault, options)
      const { upload, Bucket } = all
      const errors: unknown[] = []
      upload.on('error', (error) => errors.push(error))
      await reach(all)
      const closed = new Promise((resolve) => upload.on('close', resolve))
      upload.destroy(error)
      upload.destroy(new Error('again'))
      await closed
      if (error !== undefined) t.equal(errors[0], error)
      t.ok(errors.length <= 1)
      t.equal(upload.result, undefined)
      await t.rejects(upload.done(), error ?? { code: /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/ })
      await endedWell(t, Bucket, 'k')
    }
  })
}

t.test('destroyed without an error while it commits, it does not look finished to anyone', async (t) => {
  for (const [size, operation] of [
    [KiB, 'PutObject'],
    [P + 1, 'UploadPart'],
  ] as const) {
    const { upload, proxy, Bucket } = await given(t, holding(operation))
    const sent = pipeline(Readable.from([bytes(size)]), upload)
    const finish = finished(upload)
    await proxy.came({ operation })
    upload.destroy()
    await t.rejects(sent, { code: 'ERR_STREAM_DESTROYED' })
    await t.rejects(finish, { code: 'ERR_STREAM_DESTROYED' })
    await endedWell(t, Bucket, 'k')
    // Nobody listens: no error that would end the process.
    const silent = await given(t, holding(operation))
    silent.upload.end(bytes(size))
    await silent.proxy.came({ operation })
    const closed = new Promise((resolve) => silent.upload.on('close', resolve))
    silent.upload.destroy()
    await closed
  }
})

t.test('destroyed after finish, it changes nothing', async (t) => {
  for (const size of [KiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await given(t)
    upload.on('error', () => {})
    upload.end(bytes(size))
    const result = await upload.done()
    upload.destroy(new Error('too late'))
    t.equal((await head(Bucket, 'k'))?.ETag, result.ETag)
    t.equal(proxy.of('AbortMultipartUpload').length, 0)
  }
})

t.test('a source that fails publishes nothing, however much of it had come', async (t) => {
  for (const size of [0, 100 * KiB, P, 6 * MiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await given(t)
    const error = new Error('the disk is gone')
    const failing = Readable.from(
      (async function* () {
        yield* pieces(bytes(size), () => 64 * KiB)
        throw error
      })(),
    )
    t.equal(await pipeline(failing, upload).catch((error: unknown) => error), error, 'the same error object')
    t.equal(proxy.of('PutObject').length + proxy.of('CompleteMultipartUpload').length, 0)
    await endedWell(t, Bucket, 'k')
  }
})

t.test('a source that is closed too early publishes nothing', async (t) => {
  for (const size of [0, MiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await given(t)
    const source = new Readable({ read() {} })
    const sent = pipeline(source, upload)
    if (size > 0) source.push(bytes(size))
    setImmediate(() => source.destroy())
    await t.rejects(sent, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    t.equal(proxy.of('PutObject').length + proxy.of('CompleteMultipartUpload').length, 0)
    await endedWell(t, Bucket, 'k')
  }
})

t.test('a part that S3 stores after the abort is removed all the same', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const { upload, Bucket, proxy } = await given(t, ({ operation, PartNumber, attempt }) => {
    if (PartNumber === 2 && operation === 'UploadPart') return { do: 'pass on late', until }
    // The first look is made to wait until the late part is on its way to the store.
    if (operation === 'AbortMultipartUpload' && attempt === 1) release()
    return undefined
  })
  upload.on('error', () => {})
  upload.write(bytes(2 * P + 1))
  await proxy.came({ operation: 'UploadPart', PartNumber: 2, whole: true })
  const error = new Error('enough')
  upload.destroy(error)
  await t.rejects(upload.done(), error)
  await endedWell(t, Bucket, 'k')
})

t.test('whatever is never answered, the end comes within its limit, and says what may be left', async (t) => {
  const ends = async (operation: string, reach: (given: Given) => Promise<void>): Promise<void> => {
    const all = await given(t, (seen) => (seen.operation === operation ? { do: 'swallow' } : undefined))
    const { upload, Bucket } = all
    upload.on('error', () => {})
    await reach(all)
    const error: Error & { cleanupError?: S3WritableError } = new Error('enough')
    const start = performance.now()
    upload.destroy(error)
    await t.rejects(upload.done(), error)
    t.ok(performance.now() - start < 40_000, `${operation}: within its limit`)
    t.notOk(await head(Bucket, 'k'))
    if (operation === 'CompleteMultipartUpload') {
      t.equal(error.cleanupError, undefined)
      t.same(await unfinishedUploads(Bucket), [])
      return
    }
    t.match(error.cleanupError, { code: 'ERR_S3_REQUEST', message: /may be left/ }, operation)
    for (const { Key, UploadId } of await unfinishedUploads(Bucket)) {
      t.match(error.cleanupError, { UploadId, message: UploadId as string })
      await s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
    }
  }
  await Promise.all([
    ends('CreateMultipartUpload', async ({ upload, proxy }) => {
      upload.write(bytes(P + 1))
      await proxy.came({ operation: 'CreateMultipartUpload' })
    }),
    ends('AbortMultipartUpload', async ({ upload }) => {
      upload.write(bytes(P + 1))
      await acknowledged(upload, P)
    }),
    ends('CompleteMultipartUpload', async ({ upload, proxy }) => {
      upload.end(bytes(P + 1))
      await proxy.came({ operation: 'CompleteMultipartUpload' })
    }),
  ])
})

t.test('leavePartsOnError leaves the parts, and the error names the upload', async (t) => {
  const leavePartsOnError = true
  const remove = async (Bucket: string, UploadId: string | undefined): Promise<number> => {
    const client = s3Client(t)
    const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket, Key: 'k', UploadId }))
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId }))
    return Parts.length
  }
  const byS3 = await given(t, ({ PartNumber }) => (PartNumber === 3 ? denied : undefined), { leavePartsOnError })
  byS3.upload.on('error', () => {})
  byS3.upload.write(bytes(2 * P + 1))
  await acknowledged(byS3.upload, 2 * P)
  byS3.upload.end()
  const failure = await byS3.upload.done().catch((error: S3WritableError) => error)
  t.match(failure, { name: 'AccessDenied', PartNumber: 3, UploadId: byS3.upload.UploadId, cleanupError: undefined })
  t.equal(byS3.proxy.of('AbortMultipartUpload').length, 0)
  t.equal(await remove(byS3.Bucket, byS3.upload.UploadId), 2)

  const bySource = await given(t, undefined, { leavePartsOnError })
  bySource.upload.write(bytes(P + 1))
  await acknowledged(bySource.upload, P)
  bySource.upload.on('error', () => {})
  const error: Error & { UploadId?: string } = new Error('the disk is gone')
  bySource.upload.destroy(error)
  await t.rejects(bySource.upload.done(), error)
  t.ok(error.UploadId)
  t.equal(await remove(bySource.Bucket, error.UploadId), 1)

  const small = await given(t, undefined, { leavePartsOnError })
  small.upload.on('error', () => {})
  small.upload.write(bytes(KiB))
  const other: Error & { UploadId?: string } = new Error('enough')
  small.upload.destroy(other)
  await t.rejects(small.upload.done(), other)
  t.notOk('UploadId' in other, 'nothing was stored')
})

t.test('an old object stays as it was when a new one fails', async (t) => {
  const old = bytes(KiB, 9)
  for (const size of [KiB, 12 * MiB]) {
    const { upload, Bucket } = await given(t, ({ operation }) =>
      /PutObject|CompleteMultipart/.test(operation) ? denied : undefined,
    )
    await pipeline(Readable.from([old]), s3Writable({ client: s3Client(t), Bucket, Key: 'k' }))
    await t.rejects(pipeline(Readable.from([bytes(size)]), upload), { name: 'AccessDenied' })
    await endedWell(t, Bucket, 'k', { sha256: sha256(old), size: old.length })
  }
})
