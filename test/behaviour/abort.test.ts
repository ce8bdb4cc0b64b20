import { once } from 'node:events'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.js'
import { denied, type Fault } from '../support/faults.js'
import { failedUpload, streamWithFault } from '../support/scenario.js'
import { makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

t.test('an upload that fails while Create is on its way is aborted once Create has answered', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const { upload, proxy, Bucket } = await streamWithFault(t, ({ operation }) =>
    operation === 'CreateMultipartUpload' ? { do: 'hold', until } : undefined,
  )
  upload.on('error', () => {})
  upload.write(bytes(P + 1))
  await proxy.waitFor({ operation: 'CreateMultipartUpload' })
  const error = new Error('too early')
  upload.destroy(error)
  release()
  await t.rejects(upload.done(), error)
  t.same(await unfinishedUploads(Bucket), [])
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts'])
  t.equal(proxy.of('UploadPart').length, 0)
})

t.test('parts that are listed after the abort are aborted again', async (t) => {
  const listed = '<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>'
  const { proxy, Bucket } = await failedUpload(t, ({ operation, attempt, PartNumber }) => {
    if (PartNumber === 2) return denied
    return operation === 'ListParts' && attempt === 1 ? { do: 'answer', status: 200, body: listed } : undefined
  })
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts', 'AbortMultipartUpload', 'ListParts'])
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('an upload is gone where its parts are an empty list, or where the store says NoSuchKey', async (t) => {
  const answers: Fault[] = [
    { do: 'answer', status: 200, body: '<ListPartsResult/>' },
    // As Ceph says it.
    { do: 'answer', status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' },
  ]
  for (const answer of answers) {
    const { proxy, Bucket, error } = await failedUpload(t, ({ operation, PartNumber }) => {
      if (PartNumber === 2) return denied
      return operation === 'ListParts' ? answer : undefined
    })
    t.equal(error.cleanupError, undefined)
    t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts'])
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('who may not list the parts aborts twice', async (t) => {
  const { proxy, Bucket, error } = await failedUpload(t, ({ operation, PartNumber }) => {
    if (PartNumber === 2) return { ...denied, body: '<Error><Code>First</Code></Error>' }
    return operation === 'ListParts' ? denied : undefined
  })
  t.match(error, { name: 'First', cleanupError: undefined })
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts', 'AbortMultipartUpload'])
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
  const result = await failedUpload(t, ({ operation, PartNumber }) =>
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

t.test('a part that S3 stores after the abort is removed all the same', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const { upload, Bucket, proxy } = await streamWithFault(t, ({ operation, PartNumber, attempt }) => {
    if (PartNumber === 2 && operation === 'UploadPart') return { do: 'pass on late', until }
    // The first look is made to wait until the late part is on its way to the store.
    if (operation === 'AbortMultipartUpload' && attempt === 1) release()
    return undefined
  })
  upload.on('error', () => {})
  upload.write(bytes(2 * P + 1))
  await proxy.waitFor({ operation: 'UploadPart', PartNumber: 2, complete: true })
  const error = new Error('enough')
  upload.destroy(error)
  await t.rejects(upload.done(), error)
  await nothingIsLeft(t, Bucket, 'k')
})
