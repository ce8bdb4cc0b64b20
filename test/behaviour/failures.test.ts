import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, P } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { failedUpload } from '../support/scenario.js'
import { makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

t.test('a failed part aborts the upload and keeps the original error', async (t) => {
  const { error, Bucket, proxy } = await failedUpload(t, ({ PartNumber }) => (PartNumber === 2 ? denied : undefined))
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

t.test('an UploadPart answer without an ETag fails the part', async (t) => {
  const { error, Bucket } = await failedUpload(t, ({ PartNumber }) =>
    PartNumber === 2 ? { do: 'set header', header: 'etag' } : undefined,
  )
  t.match(error, {
    code: 'ERR_S3_INTEGRITY',
    PartNumber: 2,
    message: /part 2 could not be verified: it was answered without an ETag/,
  })
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('an UploadPart answer with another checksum fails the part', async (t) => {
  const { error, Bucket } = await failedUpload(t, ({ PartNumber }) =>
    PartNumber === 2 ? { do: 'set header', header: 'x-amz-checksum-crc32', value: 'AAAAAA==' } : undefined,
  )
  t.match(error, {
    code: 'ERR_S3_INTEGRITY',
    PartNumber: 2,
    message: /the bytes sent have ChecksumCRC32 .*, but S3 stored AAAAAA==/,
  })
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a Create answer without an UploadId is an error', async (t) => {
  const withoutUploadId = '<InitiateMultipartUploadResult/>'
  const { error } = await failedUpload(t, ({ operation }) =>
    operation === 'CreateMultipartUpload' ? { do: 'answer', status: 200, body: withoutUploadId } : undefined,
  )
  t.match(error, { code: 'ERR_S3_INTEGRITY', message: /the answer to CreateMultipartUpload has no UploadId/ })
})

t.test('a source that is idle is destroyed when a part fails, although no write is pending', async (t) => {
  const { promise: closed, resolve: onClose } = deferred()
  const proxy = await faultProxy(t, { fault: ({ PartNumber }) => (PartNumber === 1 ? denied : undefined) })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const source = new Readable({ read() {} })
  source.push(bytes(P + 1))
  source.on('close', onClose)
  await t.rejects(pipeline(source, s3Writable({ client, Bucket, Key: 'k', partSize: P })), {
    name: 'AccessDenied',
    PartNumber: 1,
  })
  await closed
  t.ok(source.destroyed)
})
