import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, multipartETag, P, sha256 } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { head, isMinio, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'

const SIZES = { small: bytes(KiB), large: bytes(12 * MiB) }
/** The request that makes an object of each size. */
const COMMITS = { small: 'PutObject', large: 'CompleteMultipartUpload' } as const
type Size = keyof typeof SIZES
const KEYS = Object.keys(SIZES) as Size[]

/** Uploads one object through a proxy that plays one fault on the first, or every, commit. */
async function through(t: Test, Key: Size, fault: (seen: RecordedRequest) => Fault | undefined, options: object = {}) {
  const proxy = await faultProxy(t, { fault: (seen) => (seen.operation === COMMITS[Key] ? fault(seen) : undefined) })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key, partSize: P, ...options })
  return { proxy, Bucket, upload, run: () => pipeline(Readable.from([SIZES[Key]]), upload) }
}

t.test('a lost answer to Complete is a success, because the object proves to be ours', async (t) => {
  const { upload, run, proxy } = await through(t, 'large', ({ attempt }) =>
    attempt === 1 ? { do: 'drop answer' } : undefined,
  )
  await run()
  t.equal(proxy.of('CompleteMultipartUpload').length, 2)
  if (isMinio) t.equal(proxy.of('HeadObject').length, 1, 'MinIO knows the upload no more, so HEAD decides')
  t.match(upload.result, {
    ETag: multipartETag(SIZES.large, P),
    size: SIZES.large.length,
    parts: 3,
    Location: /\/large$/,
  })
})

t.test('a lost answer to a conditional request is a success, at every size', async (t) => {
  for (const Key of KEYS) {
    const lost = ({ attempt }: RecordedRequest): Fault | undefined =>
      attempt === 1 ? { do: 'drop answer' } : undefined
    const { upload, run, Bucket } = await through(t, Key, lost, { IfNoneMatch: '*' })
    await run()
    t.equal(upload.result?.ETag, (await head(Bucket, Key))?.ETag)
  }
})

t.test('a checksum proves an object whose ETags say nothing, or is told without one', async (t) => {
  const opaque = { do: 'set header', header: 'etag', value: '"opaque"' } as const
  const none = { do: 'set header', header: 'etag' } as const
  const computed = multipartETag(SIZES.large, P)
  const lost = ({ attempt }: RecordedRequest): Fault | undefined => (attempt === 1 ? { do: 'drop answer' } : undefined)
  for (const [headed, ETag] of [
    [opaque, '"opaque"'],
    [none, computed],
  ] as const) {
    const proxy = await faultProxy(t, {
      fault: (seen) =>
        seen.operation === 'CompleteMultipartUpload'
          ? lost(seen)
          : seen.operation === 'HeadObject'
            ? headed
            : undefined,
    })
    const client = s3Client(t, { endpoint: proxy.url })
    const Bucket = await makeBucket(t)
    const upload = s3Writable({ client, Bucket, Key: 'large', partSize: P })
    await pipeline(Readable.from([SIZES.large]), upload)
    t.equal(upload.result?.ETag, isMinio ? ETag : computed)
  }
})

t.test('an old object that holds the key is no proof: the first error stands', async (t) => {
  const gone = '<Error><Code>NoSuchUpload</Code><Message>The upload is gone</Message></Error>'
  const { run, Bucket, upload } = await through(t, 'large', ({ attempt }) =>
    attempt === 1 ? { do: 'reset', after: 0 } : { do: 'answer', status: 404, body: gone },
  )
  // As long as the new one, and without a checksum that could tell them apart.
  const client = s3Client(t, { requestChecksumCalculation: 'WHEN_REQUIRED' })
  const old = bytes(SIZES.large.length, 9)
  await pipeline(Readable.from([old]), s3Writable({ client, Bucket, Key: 'large', partSize: P }))
  await t.rejects(run(), { name: 'NoSuchUpload', code: 'ERR_S3_REQUEST', UploadId: /./ })
  t.equal(upload.result, undefined)
  t.same(await stored(Bucket, 'large'), { sha256: sha256(old), size: old.length })
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('where HEAD is forbidden the first error stands', async (t) => {
  const gone = '<Error><Code>NoSuchUpload</Code><Message>The upload is gone</Message></Error>'
  const proxy = await faultProxy(t, {
    fault: ({ operation, attempt }) => {
      if (operation === 'HeadObject') return { do: 'answer', status: 403 }
      if (operation !== 'CompleteMultipartUpload') return undefined
      return attempt === 1 ? { do: 'reset', after: 0 } : { do: 'answer', status: 404, body: gone }
    },
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  await t.rejects(pipeline(Readable.from([SIZES.large]), s3Writable({ client, Bucket, Key: 'k' })), {
    name: 'NoSuchUpload',
  })
  t.equal(proxy.of('HeadObject').length, 1)
})

t.test('Complete that answers 200 with an error inside is a failure', async (t) => {
  const error = '   <?xml version="1.0"?><Error><Code>InternalError</Code><Message>We had one</Message></Error>'
  const { run, Bucket } = await through(t, 'large', () => ({ do: 'answer', status: 200, body: error }))
  await t.rejects(run(), { name: 'InternalError', code: 'ERR_S3_REQUEST' })
  t.notOk(await head(Bucket, 'large'))
})

t.test('Complete that answers 200 and proves nothing is a failure, unless the object is there', async (t) => {
  const nothing = await through(t, 'large', () => ({ do: 'answer', status: 200, body: '' }))
  await t.rejects(
    nothing.run(),
    { name: 'InternalError', code: 'ERR_S3_REQUEST' },
    'an empty body, which the SDK sends again',
  )
  t.notOk(await head(nothing.Bucket, 'large'))
  const vague = await through(t, 'large', () => ({
    do: 'answer',
    status: 200,
    body: '<CompleteMultipartUploadResult/>',
  }))
  await t.rejects(vague.run(), { code: 'ERR_S3_INTEGRITY', message: /without an ETag/ })
  t.notOk(await head(vague.Bucket, 'large'))
  const empty = await through(t, 'large', () => ({
    do: 'rewrite',
    body: (xml) => xml.replace(/<ETag>.*<\/ETag>/, '<ETag/>'),
  }))
  await empty.run()
  t.equal(empty.upload.result?.ETag, multipartETag(SIZES.large, P), 'HeadObject gave it')
})

t.test(
  'an answer to Complete that is cut off each time is settled by the object, whatever its status was',
  async (t) => {
    const { upload, run } = await through(t, 'large', () => ({ do: 'cut answer' }))
    await run()
    t.equal(upload.result?.ETag, multipartETag(SIZES.large, P))
  },
)
