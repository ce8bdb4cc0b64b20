import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { abortUpload } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, P, sha256 } from '../support/bytes.js'
import { denied } from '../support/faults.js'
import { DATA, digestOf, source } from '../support/resumed-upload.js'
import { scenario } from '../support/scenario.js'
import { head, minio, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partOf, partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

function* failingSource(): Generator<Buffer> {
  yield bytes(P + 1)
  throw new Error('the source failed')
}

t.test('parts of irregular sizes are an error, and are left as they are', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {
    1: partOf(DATA, 1),
    2: DATA.subarray(0, 6 * MiB),
    3: partOf(DATA, 3),
  })
  const error = await failureOf(pipeline(source(), upload({ resume: { UploadId } })))
  t.match(error, { code: 'ERR_S3_RESUME', UploadId })
  t.match(error.message, /irregular: part 2 has 6291456 bytes, and should have 5242880\. It was left as it is/)
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('an upload that failed with leavePartsOnError is resumed', async (t) => {
  const { upload, proxy, Bucket } = await scenario(t, {
    fault: ({ PartNumber, attempt }) => (PartNumber === 4 && attempt === 1 ? denied : undefined),
  })
  const first = upload({ leavePartsOnError: true, concurrency: 1 })
  const error = await failureOf(pipeline(source(), first))
  const { UploadId } = error as Error & { UploadId: string }
  t.match(error, { code: 'ERR_S3_REQUEST', UploadId: first.UploadId })
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
  t.equal(proxy.of('UploadPart').length, 4 + 2)
})

t.test('if a resumed upload fails, it is removed with all its parts, the earlier ones too', async (t) => {
  const { client, upload, fails, Bucket } = await scenario(t)
  const resume = { UploadId: await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 5)) }
  await fails(pipeline(failingSource(), upload({ resume })), { message: 'the source failed' })
})

t.test('destroy during ListParts leaves the upload as it was', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t, {
    fault: ({ operation }) => (operation === 'ListParts' ? { do: 'swallow' } : undefined),
  })
  const UploadId = await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1))
  const stream = upload({ client, resume: { UploadId } })
  const error = new Error('not after all')
  const ended = failureOf(stream.done())
  await proxy.waitFor({ operation: 'ListParts' })
  stream.destroy(error)
  t.equal(await ended, error)
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await pipeline(source(), upload({ client: s3Client(t), resume: { UploadId } }))
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
})

t.test('a stream that is destroyed at once sends no request', async (t) => {
  const { upload, proxy } = await scenario(t)
  const error = new Error('not at all')
  const stream = upload({ resume: { UploadId: 'any' } })
  const ended = failureOf(stream.done())
  stream.destroy(error)
  t.equal(await ended, error)
  const aborted = upload({ resume: { UploadId: 'any' }, signal: AbortSignal.abort(error) })
  t.match(await failureOf(aborted.done()), { name: 'AbortError', cause: error })
  t.same(proxy.seen, [])
})

t.test('a producer that fails in its first part does not change the stored parts', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3))
  for (const size of [0, 1000]) {
    const beforeComplete = () => Promise.reject(new Error('it exited with 1'))
    const stream = upload({ resume: { UploadId }, leavePartsOnError: true, beforeComplete })
    const error = await failureOf(pipeline(source(DATA.subarray(0, size)), stream))
    t.match(error, { message: 'it exited with 1', UploadId })
  }
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
})

t.test(
  'after a lost answer to Complete, an object that KMS encrypts is recognized although its ETag is no MD5',
  async (t) => {
    const { client, Bucket, upload } = await scenario(t, {
      fault: ({ operation }) => {
        if (operation === 'CompleteMultipartUpload') return { do: 'drop answer' }
        const header = 'x-amz-server-side-encryption'
        return operation === 'HeadObject' ? { do: 'set header', header, value: 'aws:kms' } : undefined
      },
    })
    await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3, 4, 5))
    const stream = upload({ resume: true })
    await pipeline(source(), stream)
    t.match(stream.result, { ServerSideEncryption: 'aws:kms', parts: 5, skipped: DATA.length })
  },
)

t.test('two streams that resume one upload at once make a correct object, or none', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const others = [DATA, bytes(DATA.length, 2)]
  for (const other of [...others, ...others, ...others]) {
    const resume = { UploadId: await unfinishedUpload(client, Bucket, partsOf(DATA, 2, 4)) }
    const both = [DATA, other]
    const ended = await Promise.allSettled(both.map((data) => pipeline(source(data), upload({ resume }))))
    const reported = both.filter((_, at) => ended[at]?.status === 'fulfilled').map((data) => sha256(data))
    const object = (await head(Bucket, 'k')) && (await stored(Bucket, 'k')).sha256
    if (object === undefined) t.same(reported, [], 'there is no object, and no stream reported one')
    else t.ok(reported.includes(object), `the object is that of one of the ${reported.length} successful streams`)
    t.same(await unfinishedUploads(Bucket), [])
    await minio.removeObject(Bucket, 'k')
  }
})
