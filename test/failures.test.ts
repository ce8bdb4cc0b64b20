import { once } from 'node:events'
import { createServer } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { S3WritableError, s3Writable } from '../lib/index.js'
import { bytes, KiB, MiB, P, zeros } from './support/bytes.js'
import { deferred } from './support/deferred.js'
import { denied, type Fault, type FaultProxy, faultProxy } from './support/fault-proxy.js'
import type { Seen } from './support/seen.js'
import {
  accessKeyId,
  head,
  isMinio,
  makeBucket,
  s3Client,
  secretAccessKey,
  stored,
  unfinishedUploads,
} from './support/store.js'

const SIZES = { small: KiB, large: 12 * MiB }
const FIRST = { small: 'PutObject', large: 'CreateMultipartUpload' } as const
const KEYS = ['small', 'large'] as const

/** Sends an object of each size with a client that S3 will not have, and looks at the error. */
async function refused(t: Test, config: S3ClientConfig, expected: object, bucket?: string): Promise<void> {
  const Bucket = bucket ?? (await makeBucket(t))
  for (const Key of KEYS) {
    const client = s3Client(t, config)
    const upload = s3Writable({ client, Bucket, Key })
    const error = await pipeline(zeros(SIZES[Key]), upload).catch((error: unknown) => error)
    t.ok(error instanceof S3WritableError && error.cause instanceof Error)
    t.match(error, { code: 'ERR_S3_REQUEST', Bucket, Key, operation: FIRST[Key], ...expected })
    t.match((error as Error).message, `s3://${Bucket}/${Key}: ${FIRST[Key]} failed. `)
    t.equal((error as S3WritableError).UploadId, undefined)
    t.equal(upload.result, undefined)
    if (bucket === undefined) t.notOk(await head(Bucket, Key))
  }
  if (bucket === undefined) t.same(await unfinishedUploads(Bucket), [])
}

t.test('a bucket that is not there is NoSuchBucket', (t) =>
  refused(
    t,
    {},
    { name: 'NoSuchBucket', cause: { name: 'NoSuchBucket' }, $metadata: { httpStatusCode: 404 } },
    'there-is-no-such-bucket',
  ),
)

t.test('a wrong secret is SignatureDoesNotMatch', (t) =>
  refused(
    t,
    { credentials: { accessKeyId, secretAccessKey: 'wrong' } },
    { name: 'SignatureDoesNotMatch', $metadata: { httpStatusCode: 403 } },
  ),
)

t.test('an unknown access key is refused by name', (t) =>
  refused(
    t,
    { credentials: { accessKeyId: 'nobody', secretAccessKey } },
    { name: isMinio ? 'InvalidAccessKeyId' : /./ },
  ),
)

t.test('no credentials for a private bucket is AccessDenied', (t) =>
  refused(
    t,
    { signer: { sign: async (request) => request } },
    { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } },
  ),
)

t.test('a clock that is wrong is RequestTimeTooSkewed', (t) =>
  refused(t, { systemClockOffset: 86_400_000 }, { name: 'RequestTimeTooSkewed' }),
)

t.test('a host that nobody answers at is told by its socket error', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  await refused(
    t,
    { endpoint: `http://127.0.0.1:${port}` },
    { name: 'S3WritableError', message: /ECONNREFUSED/, cause: { code: 'ECONNREFUSED' } },
  )
  await refused(
    t,
    { endpoint: 'http://no-such-host.invalid' },
    { name: 'S3WritableError', cause: { code: /ENOTFOUND|EAI_AGAIN/ } },
  )
})

t.test('credentials that cannot be had are told', (t) =>
  refused(
    t,
    { credentials: () => Promise.reject(new Error('the vault is sealed')) },
    { name: 'S3WritableError', message: /the vault is sealed/ },
  ),
)

t.test('a client that throws, and not even an Error, fails the stream', async (t) => {
  const Bucket = await makeBucket(t)
  const throwing = {
    config: {},
    send: () => {
      throw 'not an error'
    },
  }
  for (const Key of KEYS) {
    const upload = s3Writable({ client: throwing as never, Bucket, Key })
    await t.rejects(pipeline(zeros(SIZES[Key]), upload), {
      code: 'ERR_S3_REQUEST',
      cause: 'not an error',
      message: /failed. 'not an error'/,
    })
  }
})

/** A large upload on which one operation always fails. */
async function failing(t: Test, fault: (seen: Seen) => Fault | undefined, size = 12 * MiB, options: object = {}) {
  const proxy = await faultProxy(t, { fault })
  const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 2 })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options })
  const error: S3WritableError = await pipeline(zeros(size), upload).then(
    () => t.fail('it should fail'),
    (error) => error,
  )
  t.notOk(await head(Bucket, 'k'))
  return { proxy, Bucket, error, upload }
}

t.test('a part that fails ends the upload: the first error stays, and nothing is left', async (t) => {
  const { error, Bucket, proxy } = await failing(t, ({ PartNumber }) => (PartNumber === 2 ? denied : undefined))
  t.match(error, {
    name: 'AccessDenied',
    code: 'ERR_S3_REQUEST',
    operation: 'UploadPart',
    PartNumber: 2,
    UploadId: /./,
  })
  t.match(error.message, `s3://${Bucket}/k: UploadPart 2 failed. AccessDenied: Denied (HTTP 403)`)
  t.equal(error.cleanupError, undefined)
  t.same(await unfinishedUploads(Bucket), [])
  t.equal(proxy.of('CompleteMultipartUpload').length, 0)
})

t.test('a part that fails on the way is sent again by the SDK, and the object is whole', async (t) => {
  const proxy = await faultProxy(t, {
    fault: ({ PartNumber, attempt }) => (PartNumber === 2 && attempt < 3 ? { do: 'reset', after: MiB } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  await pipeline(Readable.from([bytes(12 * MiB)]), s3Writable({ client, Bucket, Key: 'k', partSize: P }))
  t.equal(proxy.of('UploadPart').length, 5)
  t.equal((await stored(Bucket, 'k')).size, 12 * MiB)
})

t.test('a part that is answered without an ETag fails that part', async (t) => {
  const { error, Bucket } = await failing(t, ({ PartNumber }) =>
    PartNumber === 2 ? { do: 'set header', header: 'etag' } : undefined,
  )
  t.match(error, {
    code: 'ERR_S3_INTEGRITY',
    PartNumber: 2,
    message: /part 2 is not stored: it was answered without an ETag/,
  })
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a part that S3 stored with another checksum fails that part', async (t) => {
  const { error, Bucket } = await failing(t, ({ PartNumber }) =>
    PartNumber === 2 ? { do: 'set header', header: 'x-amz-checksum-crc32', value: 'AAAAAA==' } : undefined,
  )
  t.match(error, { code: 'ERR_S3_INTEGRITY', PartNumber: 2, message: /it has CRC-32 .*, but S3 stored AAAAAA==/ })
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('an upload that S3 opens without a name is an error', async (t) => {
  const unnamed = '<InitiateMultipartUploadResult/>'
  const { error } = await failing(t, ({ operation }) =>
    operation === 'CreateMultipartUpload' ? { do: 'answer', status: 200, body: unnamed } : undefined,
  )
  t.match(error, { code: 'ERR_S3_INTEGRITY', message: /answered without an UploadId/ })
})

t.test('an upload that fails while Create is on its way is aborted once Create has answered', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'CreateMultipartUpload' ? { do: 'hold', until } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  upload.on('error', () => {})
  upload.write(bytes(P + 1))
  await proxy.came({ operation: 'CreateMultipartUpload' })
  const error = new Error('too early')
  upload.destroy(error)
  release()
  await t.rejects(upload.done(), error)
  t.same(await unfinishedUploads(Bucket), [])
  t.equal(proxy.of('AbortMultipartUpload').length, 1)
  t.equal(proxy.of('UploadPart').length, 0)
})

t.test('a PutObject on its way is cancelled with its stream, and publishes nothing', async (t) => {
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'PutObject' ? { do: 'hold', until: new Promise(() => {}) } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k' })
  upload.on('error', () => {})
  upload.end(bytes(KiB))
  await proxy.came({ operation: 'PutObject' })
  const error = new Error('no more')
  upload.destroy(error)
  await t.rejects(upload.done(), error)
  t.equal(upload.result, undefined)
  t.notOk(await head(Bucket, 'k'))
})

t.test('parts that are listed after the abort are aborted again', async (t) => {
  const listed = '<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>'
  const { proxy, Bucket } = await failing(t, ({ operation, attempt, PartNumber }) => {
    if (PartNumber === 2) return denied
    return operation === 'ListParts' && attempt === 1 ? { do: 'answer', status: 200, body: listed } : undefined
  })
  t.equal(proxy.of('AbortMultipartUpload').length, 2)
  t.equal(proxy.of('ListParts').length, 2)
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('an upload is gone where its parts are an empty list, or where the store says NoSuchKey', async (t) => {
  const answers: Fault[] = [
    { do: 'answer', status: 200, body: '<ListPartsResult/>' },
    // As Ceph says it.
    { do: 'answer', status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' },
  ]
  for (const answer of answers) {
    const { proxy, Bucket, error } = await failing(t, ({ operation, PartNumber }) => {
      if (PartNumber === 2) return denied
      return operation === 'ListParts' ? answer : undefined
    })
    t.equal(error.cleanupError, undefined)
    t.equal(proxy.of('AbortMultipartUpload').length, 1)
    t.equal(proxy.of('ListParts').length, 1)
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('who may not list the parts aborts twice', async (t) => {
  const { proxy, Bucket, error } = await failing(t, ({ operation, PartNumber }) => {
    if (PartNumber === 2) return { ...denied, body: '<Error><Code>First</Code></Error>' }
    return operation === 'ListParts' ? denied : undefined
  })
  t.match(error, { name: 'First', cleanupError: undefined })
  t.equal(proxy.of('AbortMultipartUpload').length, 2)
  t.same(await unfinishedUploads(Bucket), [])
})

/** The fault keeps the upload; the test removes it, so that the bucket can go. */
async function removed(t: Test, { proxy, Bucket }: { proxy: FaultProxy; Bucket: string }): Promise<void> {
  t.equal((await unfinishedUploads(Bucket)).length, 1)
  const { AbortMultipartUploadCommand } = await import('@aws-sdk/client-s3')
  const [{ UploadId } = {}] = await unfinishedUploads(Bucket)
  await s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId }))
  t.ok(proxy.of('AbortMultipartUpload').length > 0)
}

t.test('an abort that fails hangs on the first error, and names the upload', async (t) => {
  const result = await failing(t, ({ operation, PartNumber }) =>
    PartNumber === 2 || operation === 'AbortMultipartUpload' ? denied : undefined,
  )
  const { error } = result
  t.match(error, { name: 'AccessDenied', operation: 'UploadPart', PartNumber: 2 })
  t.match(error.cleanupError, {
    code: 'ERR_S3_REQUEST',
    UploadId: error.UploadId,
    message: /may be left. .*AbortMultipartUpload failed/,
  })
  await removed(t, result)
})

t.test('an abort that fails hangs on a foreign error too, and is the error where there was none', async (t) => {
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  for (const error of [new Error('mine'), undefined]) {
    const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
    upload.write(bytes(P + 1))
    await once(upload, 'progress')
    const disposed = error === undefined ? upload[Symbol.asyncDispose]() : upload.done()
    if (error !== undefined) upload.destroy(error)
    const failure: unknown = await disposed.then(
      () => undefined,
      (failure) => failure,
    )
    const cleanupError = error === undefined ? failure : (error as { cleanupError?: Error }).cleanupError
    if (error !== undefined) t.equal(failure, error)
    t.match(cleanupError, { code: 'ERR_S3_REQUEST', UploadId: /./, message: /may be left/ })
    await removed(t, { proxy, Bucket })
  }
})

t.test('an endless source stops when the destination fails, though no write is pending', async (t) => {
  const { promise: closed, resolve: release } = deferred()
  const proxy = await faultProxy(t, { fault: ({ PartNumber }) => (PartNumber === 1 ? denied : undefined) })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const source = new Readable({ read() {} })
  source.push(bytes(P + 1))
  source.on('close', release)
  await t.rejects(pipeline(source, s3Writable({ client, Bucket, Key: 'k', partSize: P })), {
    name: 'AccessDenied',
    PartNumber: 1,
  })
  await closed
  t.ok(source.destroyed)
})

t.test('the object appears if destroy comes too late, and result says so', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'CompleteMultipartUpload' ? { do: 'hold', until } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  upload.on('error', () => {})
  upload.end(bytes(12 * MiB))
  await proxy.came({ operation: 'CompleteMultipartUpload' })
  const error = new Error('too late')
  upload.destroy(error)
  release()
  await t.rejects(upload.done(), error)
  t.match(upload.result, { size: 12 * MiB, parts: 3 })
  t.equal((await head(Bucket, 'k'))?.ContentLength, 12 * MiB)
})

t.test('destroyed too late and without an error, done() tells of the destroy, and result of the object', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'CompleteMultipartUpload' ? { do: 'hold', until } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  upload.end(bytes(12 * MiB))
  await proxy.came({ operation: 'CompleteMultipartUpload' })
  const closed = new Promise((resolve) => upload.on('close', resolve))
  upload.destroy()
  release()
  await closed
  await t.rejects(upload.done(), { code: 'ERR_STREAM_DESTROYED' })
  t.match(upload.result, { size: 12 * MiB, parts: 3 })
})
