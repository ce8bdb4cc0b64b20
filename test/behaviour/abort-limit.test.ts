import { AbortMultipartUploadCommand, ListPartsCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import type { S3WritableError } from '../../lib/index.js'
import { bytes, KiB, P } from '../support/bytes.js'
import { denied } from '../support/faults.js'
import { type StreamWithFault, streamWithFault, untilAcknowledged } from '../support/scenario.js'
import { head, s3Client, unfinishedUploads } from '../support/store.js'

t.test('if a request is never answered, a destroyed stream ends in time and names its upload', async (t) => {
  const endsInTime = async (operation: string, prepare: (stream: StreamWithFault) => Promise<void>): Promise<void> => {
    const stream = await streamWithFault(t, (seen) => (seen.operation === operation ? { do: 'swallow' } : undefined))
    const { upload, Bucket } = stream
    upload.on('error', () => {})
    await prepare(stream)
    const error: Error & { cleanupError?: S3WritableError } = new Error('enough')
    const start = performance.now()
    upload.destroy(error)
    await t.rejects(upload.done(), error)
    t.ok(performance.now() - start < 40_000, `${operation}: the stream ends within 40 s`)
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
    endsInTime('CreateMultipartUpload', async ({ upload, proxy }) => {
      upload.write(bytes(P + 1))
      await proxy.waitFor({ operation: 'CreateMultipartUpload' })
    }),
    endsInTime('AbortMultipartUpload', async ({ upload }) => {
      upload.write(bytes(P + 1))
      await untilAcknowledged(upload, P)
    }),
    endsInTime('CompleteMultipartUpload', async ({ upload, proxy }) => {
      upload.end(bytes(P + 1))
      await proxy.waitFor({ operation: 'CompleteMultipartUpload' })
    }),
  ])
})

t.test('leavePartsOnError keeps the parts, and the error names the upload', async (t) => {
  const leavePartsOnError = true
  const removeParts = async (Bucket: string, UploadId: string | undefined): Promise<number> => {
    const client = s3Client(t)
    const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket, Key: 'k', UploadId }))
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId }))
    return Parts.length
  }
  const refused = await streamWithFault(t, ({ PartNumber }) => (PartNumber === 3 ? denied : undefined), {
    leavePartsOnError,
  })
  refused.upload.on('error', () => {})
  refused.upload.write(bytes(2 * P + 1))
  await untilAcknowledged(refused.upload, 2 * P)
  refused.upload.end()
  const failure = await refused.upload.done().catch((error: S3WritableError) => error)
  t.match(failure, { name: 'AccessDenied', PartNumber: 3, UploadId: refused.upload.UploadId, cleanupError: undefined })
  t.equal(refused.proxy.of('AbortMultipartUpload').length, 0)
  t.equal(await removeParts(refused.Bucket, refused.upload.UploadId), 2)

  const destroyed = await streamWithFault(t, undefined, { leavePartsOnError })
  destroyed.upload.write(bytes(P + 1))
  await untilAcknowledged(destroyed.upload, P)
  destroyed.upload.on('error', () => {})
  const error: Error & { UploadId?: string } = new Error('the disk failed')
  destroyed.upload.destroy(error)
  await t.rejects(destroyed.upload.done(), error)
  t.ok(error.UploadId)
  t.equal(await removeParts(destroyed.Bucket, error.UploadId), 1)

  const small = await streamWithFault(t, undefined, { leavePartsOnError })
  small.upload.on('error', () => {})
  small.upload.write(bytes(KiB))
  const smallError: Error & { UploadId?: string } = new Error('enough')
  small.upload.destroy(smallError)
  await t.rejects(small.upload.done(), smallError)
  t.notOk('UploadId' in smallError, 'there is no upload, because nothing was stored')
})
