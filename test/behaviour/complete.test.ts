import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { type BeforeComplete, s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P, sha256 } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { faultProxy } from '../support/fault-proxy.js'
import { head, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'

const SIZES = { small: bytes(KiB), large: bytes(12 * MiB) }
/** The request that makes the object of each size. */
const PUBLISHING_REQUESTS = { small: 'PutObject', large: 'CompleteMultipartUpload' } as const
type Size = keyof typeof SIZES
const KEYS = Object.keys(SIZES) as Size[]

t.test('finish is emitted after S3 has answered the request that makes the object', async (t) => {
  const { promise: until, resolve: passCompleteOn } = deferred()
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'CompleteMultipartUpload' ? { do: 'hold', until } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  let finished = false
  const headAtFinish = new Promise((resolve) => {
    upload.on('finish', () => {
      finished = true
      resolve(head(Bucket, 'k'))
    })
  })
  upload.end(SIZES.large)
  await proxy.waitFor({ operation: 'CompleteMultipartUpload' })
  await new Promise((resolve) => setTimeout(resolve, 1000))
  t.notOk(finished, 'finish is not emitted while Complete is held back')
  t.notOk(await head(Bucket, 'k'))
  passCompleteOn()
  t.match(await headAtFinish, { ContentLength: SIZES.large.length })
})

t.test('beforeComplete gets the size, the number of parts and the UploadId, and is awaited', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const Key of KEYS) {
    const received: unknown[] = []
    const beforeComplete = async (summary: BeforeComplete): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      received.push(summary, await head(Bucket, Key), (await unfinishedUploads(Bucket)).length)
    }
    const upload = s3Writable({ client, Bucket, Key, partSize: P, beforeComplete })
    await pipeline(Readable.from([SIZES[Key]]), upload)
    const { UploadId } = upload
    const large = Key === 'large'
    t.equal(UploadId !== undefined, large)
    t.same(received, [{ size: SIZES[Key].length, parts: large ? 3 : 1, UploadId }, undefined, large ? 1 : 0])
  }
})

t.test('if beforeComplete throws, the stream fails with its error and nothing is published', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const refusal = new Error('the producer exited with code 3')
  const REFUSALS = {
    rejects: () => Promise.reject(refusal),
    throws: () => {
      throw refusal
    },
  }
  for (const beforeComplete of Object.values(REFUSALS)) {
    for (const Key of KEYS) {
      await t.rejects(
        pipeline(Readable.from([SIZES[Key]]), s3Writable({ client, Bucket, Key, partSize: P, beforeComplete })),
        refusal,
      )
      t.notOk(await head(Bucket, Key))
    }
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a stream that is destroyed in beforeComplete is not published', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const Key of KEYS) {
    const error = new Error('too late')
    const upload = s3Writable({
      client,
      Bucket,
      Key,
      partSize: P,
      beforeComplete: () => {
        upload.destroy(error)
      },
    })
    await t.rejects(pipeline(Readable.from([SIZES[Key]]), upload), error)
    t.notOk(await head(Bucket, Key))
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('IfNoneMatch keeps an existing object, and IfMatch replaces it, at every size', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const old = bytes(100, 9)
  for (const Key of KEYS) {
    await pipeline(Readable.from([old]), s3Writable({ client, Bucket, Key, IfNoneMatch: '*' }))
    const again = s3Writable({ client, Bucket, Key, IfNoneMatch: '*' })
    await t.rejects(pipeline(Readable.from([SIZES[Key]]), again), {
      name: 'PreconditionFailed',
      code: 'ERR_S3_REQUEST',
      operation: PUBLISHING_REQUESTS[Key],
      $metadata: { httpStatusCode: 412, attempts: 1 },
    })
    t.same(await stored(Bucket, Key), { sha256: sha256(old), size: old.length })
    const { ETag } = (await head(Bucket, Key)) ?? {}
    await pipeline(Readable.from([SIZES[Key]]), s3Writable({ client, Bucket, Key, IfMatch: ETag }))
    t.equal((await stored(Bucket, Key)).size, SIZES[Key].length, 'IfMatch replaces the object with that ETag')
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('Location is the URL of the object, at every size and with any characters in the key', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const Key = 'a b/ü+#?.bin'
  for (const data of Object.values(SIZES)) {
    const upload = s3Writable({ client, Bucket, Key })
    await pipeline(Readable.from([data]), upload)
    const { pathname } = new URL(upload.result?.Location ?? '')
    t.equal(decodeURIComponent(pathname), `/${Bucket}/${Key}`)
    t.match(upload.result, { Bucket, Key, ETag: /^"/ })
  }
})
