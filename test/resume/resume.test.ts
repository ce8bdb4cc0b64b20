import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { abortUpload, type S3WritableProgress } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, KiB, MiB, multipartETag, P, pieces, sha256 } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { scenario } from '../support/scenario.js'
import { head, minio, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partOf, partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const DATA = bytes(4 * P + 1000)
const source = (data = DATA): Readable =>
  Readable.from(
    pieces(data, () => 300 * KiB),
    { objectMode: false },
  )
const whole = (data = DATA) => ({ sha256: sha256(data), size: data.length })

t.test('parts that S3 holds are not sent again, whatever partSize says', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  for (const partSize of [P, 8 * MiB]) {
    const UploadId = await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1, 2, 4))
    const stream = upload({ client, partSize, resume: { UploadId } })
    const told: S3WritableProgress[] = []
    stream.on('progress', (progress) => told.push(progress))
    const named = once(stream, 'upload')
    await pipeline(source(), stream)
    t.same(await named, [{ UploadId }])
    t.same(proxy.parts(), [3, 5])
    t.equal(proxy.of('CreateMultipartUpload').length, 0)
    t.same(await stored(Bucket, 'k'), whole())
    t.match(stream.result, { size: DATA.length, parts: 5, UploadId, ETag: multipartETag(DATA, P) })
    t.same(told.at(-1), { loaded: DATA.length, sent: DATA.length, parts: 5, skipped: 3 * P })
    proxy.seen.length = 0
  }
})

t.test('the upload is named as soon as Create has answered, and an object of one part has none', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const { upload, Bucket, fails } = await scenario(t, {
    fault: ({ operation }) => (operation === 'UploadPart' ? { do: 'hold', until } : undefined),
  })
  const stream = upload()
  stream.write(bytes(P + 1))
  const [{ UploadId }] = await once(stream, 'upload')
  t.equal(stream.UploadId, UploadId)
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  const error = new Error('enough')
  stream.on('error', () => {}).destroy(error)
  release()
  await fails(stream.done(), error)
  const small = upload({ Key: 'small' })
  small.on('upload', () => t.fail('it is no multipart upload'))
  small.end(bytes(P))
  await small.done()
})

t.test('resume: true takes the only unfinished upload of the key', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 2))
  proxy.seen.length = 0
  const stream = upload({ resume: true })
  await pipeline(source(), stream)
  t.equal(stream.UploadId, UploadId)
  t.equal(proxy.of('UploadPart').length, 4)
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('resume: true with several unfinished uploads is an error that names them, and leaves them', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const all = [await unfinishedUpload(client, Bucket, {}), await unfinishedUpload(client, Bucket, {})]
  const error = await failureOf(pipeline(source(), upload({ resume: true })))
  t.match(error, { code: 'ERR_S3_RESUME', message: /there are 2 unfinished uploads of this key\. Name one/ })
  for (const UploadId of all) t.ok(error.message.includes(`${UploadId} (begun 20`), error.message)
  t.equal((await unfinishedUploads(Bucket)).length, 2)
  const undated = await faultProxy(t, {
    fault: ({ operation }) =>
      operation === 'ListMultipartUploads' ? { do: 'rewrite', body: withoutDates } : undefined,
  })
  const other = upload({ client: s3Client(t, { endpoint: undated.url }), resume: true })
  t.match(await failureOf(other.done()), { message: /\(begun at an unknown time\), / })
  for (const UploadId of all) await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

const withoutDates = (xml: string): string => xml.replaceAll(/<(Initiated|Initiator)>.*?<.\1>/gs, '')

function* failing(): Generator<Buffer> {
  yield bytes(P + 1)
  throw new Error('gone')
}

t.test('a byte that changed is noticed, and its part is sent again, by CRC and by MD5', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t, {
    config: { requestChecksumCalculation: 'WHEN_REQUIRED' },
  })
  const changed = Buffer.from(DATA)
  changed[P + 17] = (changed[P + 17] as number) ^ 1
  const creates = [{ ChecksumAlgorithm: 'CRC32' }, { ChecksumAlgorithm: 'SHA256' }, {}] as const
  for (const create of [...creates, { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }] as const) {
    const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3, 4, 5), create)
    proxy.seen.length = 0
    const stream = upload({ resume: { UploadId } })
    await pipeline(source(changed), stream)
    const again = proxy.parts()
    t.same(again, [2], JSON.stringify(create))
    t.same(await stored(Bucket, 'k'), whole(changed))
    t.match(stream.result?.ETag, multipartETag(changed, P))
  }
})

t.test('a source that is shorter ends earlier, and what is stored beyond is not in the object', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  for (const size of [3 * P, 2 * P + 1, P, 1, 0]) {
    const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3, 4, 5))
    const stream = upload({ resume: { UploadId } })
    await pipeline(source(DATA.subarray(0, size)), stream)
    t.same(await stored(Bucket, 'k'), whole(DATA.subarray(0, size)))
    t.equal(stream.result?.parts, Math.max(1, Math.ceil(size / P)))
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a source that is longer goes on, and a part that was the last is sent again', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA.subarray(0, 2 * P + 10), 1, 2, 3))
  proxy.seen.length = 0
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.same(proxy.parts(), [3, 4, 5])
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('an upload without a part is begun at its first', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {}, {})
  const stream = upload({ resume: { UploadId }, partSize: 6 * MiB })
  await pipeline(source(), stream)
  t.same(await stored(Bucket, 'k'), whole())
  t.equal(stream.result?.ETag, multipartETag(DATA, 6 * MiB))
})

t.test('parts of irregular sizes are told, and left as they are', async (t) => {
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

t.test('what a failure leaves with leavePartsOnError is resumed', async (t) => {
  const { upload, proxy, Bucket } = await scenario(t, {
    fault: ({ PartNumber, attempt }) => (PartNumber === 4 && attempt === 1 ? denied : undefined),
  })
  const first = upload({ leavePartsOnError: true, concurrency: 1 })
  const error = await failureOf(pipeline(source(), first))
  const { UploadId } = error as Error & { UploadId: string }
  t.match(error, { code: 'ERR_S3_REQUEST', UploadId: first.UploadId })
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.same(await stored(Bucket, 'k'), whole())
  t.equal(proxy.of('UploadPart').length, 4 + 2)
})

t.test('a resumed upload that fails is removed with all that was stored before', async (t) => {
  const { client, upload, fails, Bucket } = await scenario(t)
  const resume = { UploadId: await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 5)) }
  await fails(pipeline(failing(), upload({ resume })), { message: 'gone' })
})

t.test('a destroy while what is stored is being read leaves the upload as it was', async (t) => {
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
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('a stream that is destroyed at once looks for nothing', async (t) => {
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

t.test('a producer that fails in its first part does not spoil what is stored', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3))
  for (const size of [0, 1000]) {
    const beforeComplete = () => Promise.reject(new Error('it exited with 1'))
    const stream = upload({ resume: { UploadId }, leavePartsOnError: true, beforeComplete })
    const error = await failureOf(pipeline(source(DATA.subarray(0, size)), stream))
    t.match(error, { message: 'it exited with 1', UploadId })
  }
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('a part whose declared checksum the store does not list is sent again', async (t) => {
  const without = (xml: string): string => xml.replace(/<ChecksumSHA256>.*?<.ChecksumSHA256>/, '')
  const { client, Bucket, upload, proxy } = await scenario(t, {
    fault: ({ operation }) => (operation === 'ListParts' ? { do: 'rewrite', body: without } : undefined),
  })
  await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1, 2, 3), { ChecksumAlgorithm: 'SHA256' })
  await pipeline(source(), upload({ client, resume: true }))
  const sent = proxy.parts()
  t.same(sent, [1, 4, 5])
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('a part carries no checksum that its upload has not declared', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {}, {})
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.equal(proxy.of('UploadPart').length, 5)
  for (const { headers } of proxy.of('UploadPart')) t.notMatch(Object.keys(headers).join(), /checksum/)
  t.same(await stored(Bucket, 'k'), whole())
})

t.test(
  'where Complete’s answer is lost, an ETag that is no MD5 under KMS is not held against the object',
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

t.test('two streams that resume one upload at once make the right object, or none', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const others = [DATA, bytes(DATA.length, 2)]
  for (const other of [...others, ...others, ...others]) {
    const resume = { UploadId: await unfinishedUpload(client, Bucket, partsOf(DATA, 2, 4)) }
    const both = [DATA, other]
    const ended = await Promise.allSettled(both.map((data) => pipeline(source(data), upload({ resume }))))
    const made = both.filter((_, at) => ended[at]?.status === 'fulfilled').map((data) => sha256(data))
    const found = (await head(Bucket, 'k')) && (await stored(Bucket, 'k')).sha256
    if (found === undefined) t.same(made, [], 'there is no object, and nobody was told that there is')
    else t.ok(made.includes(found), `the object is that of one of ${made.length} that were told so`)
    t.same(await unfinishedUploads(Bucket), [])
    await minio.removeObject(Bucket, 'k')
  }
})
