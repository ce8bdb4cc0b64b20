import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { abortUpload, type S3WritableProgress } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, multipartETag, P } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { faultProxy } from '../support/fault-proxy.js'
import { DATA, digestOf, source } from '../support/resumed-upload.js'
import { scenario } from '../support/scenario.js'
import { s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

/** Removes the dates and the initiators from a list of uploads. */
const removeDates = (xml: string): string => xml.replaceAll(/<(Initiated|Initiator)>.*?<.\1>/gs, '')

t.test('stored parts are not sent again, whatever partSize is', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  for (const partSize of [P, 8 * MiB]) {
    const UploadId = await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1, 2, 4))
    const stream = upload({ client, partSize, resume: { UploadId } })
    const events: S3WritableProgress[] = []
    stream.on('progress', (progress) => events.push(progress))
    const uploadEvent = once(stream, 'upload')
    await pipeline(source(), stream)
    t.same(await uploadEvent, [{ UploadId }])
    t.same(proxy.parts(), [3, 5])
    t.equal(proxy.of('CreateMultipartUpload').length, 0)
    t.same(await stored(Bucket, 'k'), digestOf(DATA))
    t.match(stream.result, { size: DATA.length, parts: 5, UploadId, ETag: multipartETag(DATA, P) })
    t.same(events.at(-1), { loaded: DATA.length, sent: DATA.length, parts: 5, skipped: 3 * P })
    proxy.seen.length = 0
  }
})

t.test('the upload event is emitted as soon as Create is answered, and never for an object of one part', async (t) => {
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
  small.on('upload', () => t.fail('there is no multipart upload'))
  small.end(bytes(P))
  await small.done()
})

t.test('resume: true resumes the only unfinished upload of the key', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 2))
  proxy.seen.length = 0
  const stream = upload({ resume: true })
  await pipeline(source(), stream)
  t.equal(stream.UploadId, UploadId)
  t.equal(proxy.of('UploadPart').length, 4)
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
})

t.test('resume: true with several unfinished uploads is an error that names them, and leaves them', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const all = [await unfinishedUpload(client, Bucket, {}), await unfinishedUpload(client, Bucket, {})]
  const error = await failureOf(pipeline(source(), upload({ resume: true })))
  t.match(error, { code: 'ERR_S3_RESUME', message: /there are 2 unfinished uploads of this key\. Name one/ })
  for (const UploadId of all) t.ok(error.message.includes(`${UploadId} (begun 20`), error.message)
  t.equal((await unfinishedUploads(Bucket)).length, 2)
  const undated = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'ListMultipartUploads' ? { do: 'rewrite', body: removeDates } : undefined),
  })
  const other = upload({ client: s3Client(t, { endpoint: undated.url }), resume: true })
  t.match(await failureOf(other.done()), { message: /\(begun at an unknown time\), / })
  for (const UploadId of all) await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('a part with a changed byte is detected by its CRC or MD5 and sent again', async (t) => {
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
    t.same(proxy.parts(), [2], JSON.stringify(create))
    t.same(await stored(Bucket, 'k'), digestOf(changed))
    t.match(stream.result?.ETag, multipartETag(changed, P))
  }
})

t.test('if the source is shorter, the object has none of the stored parts beyond its end', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  for (const size of [3 * P, 2 * P + 1, P, 1, 0]) {
    const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3, 4, 5))
    const stream = upload({ resume: { UploadId } })
    await pipeline(source(DATA.subarray(0, size)), stream)
    t.same(await stored(Bucket, 'k'), digestOf(DATA.subarray(0, size)))
    t.equal(stream.result?.parts, Math.max(1, Math.ceil(size / P)))
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('if the source is longer, the former last part is sent again, and further parts follow', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA.subarray(0, 2 * P + 10), 1, 2, 3))
  proxy.seen.length = 0
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.same(proxy.parts(), [3, 4, 5])
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
})

t.test('an upload without parts is resumed from the first byte', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {}, {})
  const stream = upload({ resume: { UploadId }, partSize: 6 * MiB })
  await pipeline(source(), stream)
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
  t.equal(stream.result?.ETag, multipartETag(DATA, 6 * MiB))
})

t.test(
  'a part that ListParts lists without the declared checksum gets it from the same bytes, or is sent again',
  async (t) => {
    const removeOneChecksum = (xml: string): string => xml.replace(/<ChecksumSHA256>.*?<.ChecksumSHA256>/, '')
    const { client, Bucket, upload, proxy } = await scenario(t, {
      fault: ({ operation }) => (operation === 'ListParts' ? { do: 'rewrite', body: removeOneChecksum } : undefined),
    })
    const changed = Buffer.from(DATA)
    changed[17] = (changed[17] as number) ^ 1
    for (const [data, sent] of [
      [DATA, [4, 5]],
      [changed, [1, 4, 5]],
    ] as const) {
      proxy.seen.length = 0
      await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1, 2, 3), { ChecksumAlgorithm: 'SHA256' })
      await pipeline(source(data), upload({ client, resume: true }))
      t.same(proxy.parts(), sent)
      t.same(await stored(Bucket, 'k'), digestOf(data))
    }
  },
)

t.test('parts are sent without a checksum if their upload declared none', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {}, {})
  await pipeline(source(), upload({ resume: { UploadId } }))
  t.equal(proxy.of('UploadPart').length, 5)
  for (const { headers } of proxy.of('UploadPart')) t.notMatch(Object.keys(headers).join(), /checksum/)
  t.same(await stored(Bucket, 'k'), digestOf(DATA))
})
