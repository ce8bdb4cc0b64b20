import { AbortMultipartUploadCommand, ListPartsCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import type { S3WritableError } from '../../lib/index.js'
import { bytes, KiB, P } from '../support/bytes.js'
import { denied } from '../support/faults.js'
import { type StreamWithFault, streamWithFault, untilAcknowledged } from '../support/scenario.js'
import { head, s3Client, unfinishedUploads } from '../support/store.js'

t.test('whatever is never answered, the end comes within its limit, and says what may be left', async (t) => {
  const ends = async (operation: string, reach: (given: StreamWithFault) => Promise<void>): Promise<void> => {
    const all = await streamWithFault(t, (seen) => (seen.operation === operation ? { do: 'swallow' } : undefined))
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
      await proxy.waitFor({ operation: 'CreateMultipartUpload' })
    }),
    ends('AbortMultipartUpload', async ({ upload }) => {
      upload.write(bytes(P + 1))
      await untilAcknowledged(upload, P)
    }),
    ends('CompleteMultipartUpload', async ({ upload, proxy }) => {
      upload.end(bytes(P + 1))
      await proxy.waitFor({ operation: 'CompleteMultipartUpload' })
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
  const byS3 = await streamWithFault(t, ({ PartNumber }) => (PartNumber === 3 ? denied : undefined), {
    leavePartsOnError,
  })
  byS3.upload.on('error', () => {})
  byS3.upload.write(bytes(2 * P + 1))
  await untilAcknowledged(byS3.upload, 2 * P)
  byS3.upload.end()
  const failure = await byS3.upload.done().catch((error: S3WritableError) => error)
  t.match(failure, { name: 'AccessDenied', PartNumber: 3, UploadId: byS3.upload.UploadId, cleanupError: undefined })
  t.equal(byS3.proxy.of('AbortMultipartUpload').length, 0)
  t.equal(await remove(byS3.Bucket, byS3.upload.UploadId), 2)

  const bySource = await streamWithFault(t, undefined, { leavePartsOnError })
  bySource.upload.write(bytes(P + 1))
  await untilAcknowledged(bySource.upload, P)
  bySource.upload.on('error', () => {})
  const error: Error & { UploadId?: string } = new Error('the disk is gone')
  bySource.upload.destroy(error)
  await t.rejects(bySource.upload.done(), error)
  t.ok(error.UploadId)
  t.equal(await remove(bySource.Bucket, error.UploadId), 1)

  const small = await streamWithFault(t, undefined, { leavePartsOnError })
  small.upload.on('error', () => {})
  small.upload.write(bytes(KiB))
  const other: Error & { UploadId?: string } = new Error('enough')
  small.upload.destroy(other)
  await t.rejects(small.upload.done(), other)
  t.notOk('UploadId' in other, 'nothing was stored')
})
