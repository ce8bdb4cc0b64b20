import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ListBucketsCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { abortUpload, resumePoint, type S3WritableProgress } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, multipartETag, P, sha256 } from '../support/bytes.js'
import { DATA, remainingBytes } from '../support/resumed-upload.js'
import { scenario } from '../support/scenario.js'
import { stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

t.test('a file is resumed at the end of the stored parts, before the first gap', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const file = join(t.testdir(), 'file')
  writeFileSync(file, DATA)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 4))
  for (const options of [{}, { UploadId }]) {
    t.same(await resumePoint({ client, Bucket, Key: 'k', ...options }), {
      UploadId,
      offset: 2 * P,
      parts: 2,
      partSize: P,
    })
  }
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  proxy.seen.length = 0
  const stream = upload({ resume: JSON.parse(JSON.stringify(point)), ContentLength: DATA.length })
  const events: S3WritableProgress[] = []
  stream.on('progress', (progress) => events.push(progress))
  await pipeline(createReadStream(file, { start: point.offset }), stream)
  t.same(await stored(Bucket, 'k'), { sha256: sha256(DATA), size: DATA.length })
  t.match(stream.result, { size: DATA.length, parts: 5, ETag: multipartETag(DATA, P) })
  t.same(proxy.parts(), [3, 5], 'the part after the gap is not sent again either')
  const total = DATA.length
  t.same(events[0], { loaded: 2 * P, sent: 2 * P, total, parts: 2, skipped: 2 * P })
  t.same(events.at(-1), { loaded: total, sent: total, total, parts: 5, skipped: 3 * P })
})

t.test('if all parts are stored, no part is sent', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3, 4, 5))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.match(point, { offset: DATA.length, parts: 5 })
  proxy.seen.length = 0
  await pipeline(remainingBytes(point), upload({ resume: point }))
  t.same(await stored(Bucket, 'k'), { sha256: sha256(DATA), size: DATA.length })
  t.equal(proxy.of('UploadPart').length, 0)
})

t.test('further bytes after a last part that is smaller than partSize are an error', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA.subarray(0, P + 10), 1, 2))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.equal(point.offset, P + 10)
  const error = await failureOf(pipeline(remainingBytes(point), upload({ resume: point })))
  t.match(error, { code: 'ERR_S3_RESUME', UploadId, message: /part 2, the last that is stored, holds 10 bytes/ })
  await pipeline(Readable.from([DATA]), upload({ resume: { UploadId } }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('the resume point is before a part in the middle that is too small', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  await unfinishedUpload(client, Bucket, { ...partsOf(DATA, 1, 3), 2: DATA.subarray(P, P + 10) })
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.match(point, { offset: P, parts: 1 })
  await pipeline(remainingBytes(point), upload({ resume: point }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('the partSize of an upload with one small part is unknown', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA.subarray(0, 10), 1))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.same(point, { UploadId, offset: 10, parts: 1, partSize: undefined })
  await pipeline(Readable.from([DATA]), upload({ resume: { UploadId } }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('resumePoint sends ExpectedBucketOwner and RequestPayer with its requests', async (t) => {
  const { client, Bucket, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  const owner = (await client.send(new ListBucketsCommand({}))).Owner?.ID as string
  await resumePoint({ client, Bucket, Key: 'k', ExpectedBucketOwner: owner, RequestPayer: 'requester' })
  for (const operation of ['ListMultipartUploads', 'ListParts']) {
    const [request] = proxy.of(operation)
    t.match(request?.headers, { 'x-amz-expected-bucket-owner': owner, 'x-amz-request-payer': 'requester' }, operation)
  }
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('if ContentLength needs larger parts than the stored ones, the further parts grow', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  const maxParts = 4
  const data = bytes(2 * P + 2 * 2 * P)
  const stream = upload({ resume: true, maxParts, ContentLength: data.length })
  await pipeline(Readable.from([data]), stream)
  t.equal(stream.result?.parts, maxParts)
  t.equal((await stored(Bucket, 'k')).sha256, sha256(data))
})

t.test('the resume point of an upload without parts is the first byte', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {})
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.same(point, { UploadId, offset: 0, parts: 0, partSize: undefined })
  await pipeline(remainingBytes(point), upload({ resume: point }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('a resume point that no longer matches the stored parts is an error, and the upload is left', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  for (const [offset, parts] of [
    [2 * P + 1, 2],
    [3 * P, 3],
    [P, 2],
  ] as const) {
    const resume = { UploadId, offset, parts, partSize: P }
    const error = await failureOf(pipeline(Readable.from([DATA]), upload({ resume })))
    const message = new RegExp(
      `its first ${parts} parts should hold ${offset} bytes, but 2 of them are stored, with 10485760 bytes`,
    )
    t.match(error, { code: 'ERR_S3_RESUME', UploadId, message })
  }
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('a source that exceeds ContentLength makes no object', async (t) => {
  const { client, Bucket, upload, fails } = await scenario(t)
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  const stream = upload({ resume: point, ContentLength: DATA.length - 1 })
  const message = new RegExp(`ContentLength is ${DATA.length - 1}, but the stream has ${DATA.length} or more bytes`)
  await fails(pipeline(remainingBytes(point), stream), { code: 'ERR_S3_LENGTH', message })
})
