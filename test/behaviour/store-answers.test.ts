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
/** The request that makes the object, for each size. */
const LAST_REQUEST = { small: 'PutObject', large: 'CompleteMultipartUpload' } as const
type Size = keyof typeof SIZES
const KEYS = Object.keys(SIZES) as Size[]

/** Prepares the upload of an object through a proxy that plays a fault on the request that makes the object. */
async function uploadWithFault(
  t: Test,
  Key: Size,
  fault: (seen: RecordedRequest) => Fault | undefined,
  options: object = {},
) {
  const proxy = await faultProxy(t, {
    fault: (seen) => (seen.operation === LAST_REQUEST[Key] ? fault(seen) : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key, partSize: P, ...options })
  return { proxy, Bucket, upload, run: () => pipeline(Readable.from([SIZES[Key]]), upload) }
}

t.test('an upload whose answer to Complete was lost is a success, because the object has the right ETag', async (t) => {
  const { upload, run, proxy } = await uploadWithFault(t, 'large', ({ attempt }) =>
    attempt === 1 ? { do: 'drop answer' } : undefined,
  )
  await run()
  t.equal(proxy.of('CompleteMultipartUpload').length, 2)
  if (isMinio)
    t.equal(
      proxy.of('HeadObject').length,
      1,
      'MinIO answers the second attempt with NoSuchUpload, so HeadObject decides',
    )
  t.match(upload.result, {
    ETag: multipartETag(SIZES.large, P),
    size: SIZES.large.length,
    parts: 3,
    Location: /\/large$/,
  })
})

t.test('an upload whose answer to a conditional request was lost is a success at every size', async (t) => {
  for (const Key of KEYS) {
    const lost = ({ attempt }: RecordedRequest): Fault | undefined =>
      attempt === 1 ? { do: 'drop answer' } : undefined
    const { upload, run, Bucket } = await uploadWithFault(t, Key, lost, { IfNoneMatch: '*' })
    await run()
    t.equal(upload.result?.ETag, (await head(Bucket, Key))?.ETag)
  }
})

t.test('a checksum identifies an object whose ETag follows no known rule or is missing', async (t) => {
  const opaque = { do: 'set header', header: 'etag', value: '"opaque"' } as const
  const missing = { do: 'set header', header: 'etag' } as const
  const computed = multipartETag(SIZES.large, P)
  const lost = ({ attempt }: RecordedRequest): Fault | undefined => (attempt === 1 ? { do: 'drop answer' } : undefined)
  for (const [headFault, ETag] of [
    [opaque, '"opaque"'],
    [missing, computed],
  ] as const) {
    const proxy = await faultProxy(t, {
      fault: (seen) =>
        seen.operation === 'CompleteMultipartUpload'
          ? lost(seen)
          : seen.operation === 'HeadObject'
            ? headFault
            : undefined,
    })
    const client = s3Client(t, { endpoint: proxy.url })
    const Bucket = await makeBucket(t)
    const upload = s3Writable({ client, Bucket, Key: 'large', partSize: P })
    await pipeline(Readable.from([SIZES.large]), upload)
    t.equal(upload.result?.ETag, isMinio ? ETag : computed)
  }
})

t.test('an old object under the key does not hide the first error', async (t) => {
  const noSuchUpload = '<Error><Code>NoSuchUpload</Code><Message>The upload is gone</Message></Error>'
  const { run, Bucket, upload } = await uploadWithFault(t, 'large', ({ attempt }) =>
    attempt === 1 ? { do: 'reset', after: 0 } : { do: 'answer', status: 404, body: noSuchUpload },
  )
  // The old object is as long as the new one and has no checksum, so only the ETag differs.
  const client = s3Client(t, { requestChecksumCalculation: 'WHEN_REQUIRED' })
  const old = bytes(SIZES.large.length, 9)
  await pipeline(Readable.from([old]), s3Writable({ client, Bucket, Key: 'large', partSize: P }))
  await t.rejects(run(), { name: 'NoSuchUpload', code: 'ERR_S3_REQUEST', UploadId: /./ })
  t.equal(upload.result, undefined)
  t.same(await stored(Bucket, 'large'), { sha256: sha256(old), size: old.length })
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('if HeadObject is forbidden, the first error is kept', async (t) => {
  const noSuchUpload = '<Error><Code>NoSuchUpload</Code><Message>The upload is gone</Message></Error>'
  const proxy = await faultProxy(t, {
    fault: ({ operation, attempt }) => {
      if (operation === 'HeadObject') return { do: 'answer', status: 403 }
      if (operation !== 'CompleteMultipartUpload') return undefined
      return attempt === 1 ? { do: 'reset', after: 0 } : { do: 'answer', status: 404, body: noSuchUpload }
    },
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  await t.rejects(pipeline(Readable.from([SIZES.large]), s3Writable({ client, Bucket, Key: 'k' })), {
    name: 'NoSuchUpload',
  })
  t.equal(proxy.of('HeadObject').length, 1)
})

t.test('an answer to Complete of status 200 with an error in the body is a failure', async (t) => {
  const error = '   <?xml version="1.0"?><Error><Code>InternalError</Code><Message>We had one</Message></Error>'
  const { run, Bucket } = await uploadWithFault(t, 'large', () => ({ do: 'answer', status: 200, body: error }))
  await t.rejects(run(), { name: 'InternalError', code: 'ERR_S3_REQUEST' })
  t.notOk(await head(Bucket, 'large'))
})

t.test('an answer to Complete of status 200 without an ETag is a failure, unless the object exists', async (t) => {
  const emptyBody = await uploadWithFault(t, 'large', () => ({ do: 'answer', status: 200, body: '' }))
  await t.rejects(
    emptyBody.run(),
    { name: 'InternalError', code: 'ERR_S3_REQUEST' },
    'the SDK retries an empty body, and then gives up',
  )
  t.notOk(await head(emptyBody.Bucket, 'large'))
  const noETag = await uploadWithFault(t, 'large', () => ({
    do: 'answer',
    status: 200,
    body: '<CompleteMultipartUploadResult/>',
  }))
  await t.rejects(noETag.run(), { code: 'ERR_S3_INTEGRITY', message: /without an ETag/ })
  t.notOk(await head(noETag.Bucket, 'large'))
  const emptyETag = await uploadWithFault(t, 'large', () => ({
    do: 'rewrite',
    body: (xml) => xml.replace(/<ETag>.*<\/ETag>/, '<ETag/>'),
  }))
  await emptyETag.run()
  t.equal(emptyETag.upload.result?.ETag, multipartETag(SIZES.large, P), 'the ETag is that of HeadObject')
})

t.test('if every answer to Complete is cut off, HeadObject finds the object', async (t) => {
  const { upload, run } = await uploadWithFault(t, 'large', () => ({ do: 'cut answer' }))
  await run()
  t.equal(upload.result?.ETag, multipartETag(SIZES.large, P))
})
