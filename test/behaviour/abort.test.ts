import { once } from 'node:events'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { failedUpload, streamWithFault } from '../support/scenario.js'
import { makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

t.test('an upload that is destroyed while Create is in flight is aborted once Create is answered', async (t) => {
  const { promise: until, resolve: passCreateOn } = deferred()
  const { upload, proxy, Bucket } = await streamWithFault(t, ({ operation }) =>
    operation === 'CreateMultipartUpload' ? { do: 'hold', until } : undefined,
  )
  upload.on('error', () => {})
  upload.write(bytes(P + 1))
  await proxy.waitFor({ operation: 'CreateMultipartUpload' })
  const error = new Error('too early')
  upload.destroy(error)
  passCreateOn()
  await t.rejects(upload.done(), error)
  t.same(await unfinishedUploads(Bucket), [])
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts'])
  t.equal(proxy.of('UploadPart').length, 0)
})

t.test('if ListParts still lists parts after the abort, the upload is aborted again', async (t) => {
  const listing = '<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>'
  const { proxy, Bucket } = await failedUpload(t, ({ operation, attempt, PartNumber }) => {
    if (PartNumber === 2) return denied
    return operation === 'ListParts' && attempt === 1 ? { do: 'answer', status: 200, body: listing } : undefined
  })
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts', 'AbortMultipartUpload', 'ListParts'])
  t.same(await unfinishedUploads(Bucket), [])
})

/**
 * No part is in flight when another one is refused. A store may store a cancelled part after the abort, and where the
 * test hides ListParts, the stream cannot see it.
 */
const oneAtATime = { concurrency: 1 }

t.test('an empty ListParts or NoSuchKey proves that the upload is removed', async (t) => {
  const answers: Fault[] = [
    { do: 'answer', status: 200, body: '<ListPartsResult/>' },
    // Ceph's answer for an upload that does not exist.
    { do: 'answer', status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' },
  ]
  for (const answer of answers) {
    const fault = ({ operation, PartNumber }: RecordedRequest): Fault | undefined => {
      if (PartNumber === 2) return denied
      return operation === 'ListParts' ? answer : undefined
    }
    const { proxy, Bucket, error } = await failedUpload(t, fault, oneAtATime)
    t.equal(error.cleanupError, undefined)
    t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts'])
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('if ListParts is denied, the upload is aborted twice', async (t) => {
  const fault = ({ operation, PartNumber }: RecordedRequest): Fault | undefined => {
    if (PartNumber === 2) return { ...denied, body: '<Error><Code>First</Code></Error>' }
    return operation === 'ListParts' ? denied : undefined
  }
  const { proxy, Bucket, error } = await failedUpload(t, fault, oneAtATime)
  t.match(error, { name: 'First', cleanupError: undefined })
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts', 'AbortMultipartUpload'])
  t.same(await unfinishedUploads(Bucket), [])
})

/** Removes the upload that the fault has left, directly on S3, so that the bucket can be removed. */
async function removeLeftUpload(t: Test, { proxy, Bucket }: { proxy: FaultProxy; Bucket: string }): Promise<void> {
  t.equal((await unfinishedUploads(Bucket)).length, 1)
  const { AbortMultipartUploadCommand } = await import('@aws-sdk/client-s3')
  const [{ UploadId } = {}] = await unfinishedUploads(Bucket)
  await s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId }))
  t.ok(proxy.of('AbortMultipartUpload').length > 0)
}

t.test('a failed abort becomes the cleanupError of the first error and names the upload', async (t) => {
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
  await removeLeftUpload(t, result)
})

t.test('a failed abort is the cleanupError of any other error too, and the error if there is none', async (t) => {
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  for (const error of [new Error('mine'), undefined]) {
    const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
    upload.write(bytes(P + 1))
    await once(upload, 'progress')
    const ended = error === undefined ? upload[Symbol.asyncDispose]() : upload.done()
    if (error !== undefined) upload.destroy(error)
    const failure: unknown = await ended.then(
      () => undefined,
      (failure) => failure,
    )
    const cleanupError = error === undefined ? failure : (error as { cleanupError?: Error }).cleanupError
    if (error !== undefined) t.equal(failure, error)
    t.match(cleanupError, { code: 'ERR_S3_REQUEST', UploadId: /./, message: /may be left/ })
    await removeLeftUpload(t, { proxy, Bucket })
  }
})

t.test('a part that S3 stores after the abort is removed too', async (t) => {
  const { promise: until, resolve: passPartOn } = deferred()
  const { upload, Bucket, proxy } = await streamWithFault(t, ({ operation, PartNumber, attempt }) => {
    if (PartNumber === 2 && operation === 'UploadPart') return { do: 'pass on late', until }
    // The first abort lets the late part go on to S3.
    if (operation === 'AbortMultipartUpload' && attempt === 1) passPartOn()
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
