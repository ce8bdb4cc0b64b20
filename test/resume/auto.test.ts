import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { abortUpload } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { P } from '../support/bytes.js'
import { DATA, digestOf, source } from '../support/resumed-upload.js'
import { scenario } from '../support/scenario.js'
import { head, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

t.test("resume: 'auto' begins a new upload if the key has no unfinished one", async (t) => {
  const { Bucket, upload, proxy } = await scenario(t)
  for (const round of [1, 2]) {
    const stream = upload({ resume: 'auto', ContentType: 'text/plain' })
    await pipeline(source(), stream)
    t.equal(proxy.of('CreateMultipartUpload').length, round)
    t.equal(stream.result?.skipped, undefined)
    t.same(await stored(Bucket, 'k'), digestOf(DATA))
    t.equal((await head(Bucket, 'k'))?.ContentType, 'text/plain')
  }
})

t.test("resume: 'auto' sends a small object by PutObject if there is no unfinished upload", async (t) => {
  const { upload, proxy } = await scenario(t)
  await pipeline(source(DATA.subarray(0, 1000)), upload({ resume: 'auto' }))
  t.equal(proxy.of('PutObject').length, 1)
})

t.test("resume: 'auto' resumes the unfinished upload, which keeps the parameters of its Create", async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const create = { ChecksumAlgorithm: 'CRC32', ContentType: 'text/csv' } as const
  const UploadId = await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1, 2, 4), create)
  const stream = upload({ client, resume: 'auto', ContentType: 'text/plain' })
  await pipeline(source(), stream)
  t.match(stream.result, { UploadId, skipped: 3 * P })
  t.same(proxy.parts(), [3, 5])
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
  t.equal((await head(Bucket, 'k'))?.ContentType, 'text/csv')
})

t.test("resume: 'auto' fails if the key has several unfinished uploads, and leaves them", async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const ids = [await unfinishedUpload(client, Bucket, {}), await unfinishedUpload(client, Bucket, {})]
  const error = await failureOf(pipeline(source(), upload({ resume: 'auto' })))
  t.match(error, { code: 'ERR_S3_RESUME', message: /there are 2 unfinished uploads of this key/ })
  t.equal((await unfinishedUploads(Bucket)).length, 2)
  for (const UploadId of ids) await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test("resume: 'auto' begins a new upload if the listed one ends before its parts are listed", async (t) => {
  let UploadId = ''
  const { client, Bucket, upload, proxy } = await scenario(t, {
    fault: ({ operation }) =>
      operation === 'ListParts' && UploadId !== ''
        ? { do: 'hold', until: abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId }) as Promise<never> }
        : undefined,
  })
  UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  const stream = upload({ resume: 'auto' })
  await pipeline(source(), stream)
  t.not(stream.UploadId, UploadId)
  t.equal(proxy.of('CreateMultipartUpload').length, 2)
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
})
