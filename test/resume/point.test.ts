import { createHash } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { ListBucketsCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { crc32Base64 } from '../../lib/checksums/crc32.js'
import {
  abortUpload,
  type ResumePoint,
  resumePoint,
  type S3Writable,
  type S3WritableProgress,
  type S3WritableResult,
} from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, multipartETag, P, sha256, zeros } from '../support/bytes.js'
import { scenario } from '../support/scenario.js'
import { head, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const DATA = bytes(4 * P + 1000)
const rest = ({ offset }: ResumePoint, data = DATA): Readable => Readable.from([data.subarray(offset)])

async function sends(upload: S3Writable, point: ResumePoint): Promise<S3WritableResult> {
  await pipeline(rest(point), upload)
  return upload.result as S3WritableResult
}

t.test('a file goes on where the upload stopped, before the first hole', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const file = join(t.testdir(), 'file')
  writeFileSync(file, DATA)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 4))
  for (const given of [{}, { UploadId }]) {
    t.same(await resumePoint({ client, Bucket, Key: 'k', ...given }), {
      UploadId,
      offset: 2 * P,
      parts: 2,
      partSize: P,
    })
  }
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  proxy.seen.length = 0
  const stream = upload({ resume: JSON.parse(JSON.stringify(point)), ContentLength: DATA.length })
  const told: S3WritableProgress[] = []
  stream.on('progress', (progress) => told.push(progress))
  await pipeline(createReadStream(file, { start: point.offset }), stream)
  t.same(await stored(Bucket, 'k'), { sha256: sha256(DATA), size: DATA.length })
  t.match(stream.result, { size: DATA.length, parts: 5, ETag: multipartETag(DATA, P) })
  const sent = proxy.parts()
  t.same(sent, [3, 5], 'the part behind the hole is not sent again either')
  const total = DATA.length
  t.same(told[0], { loaded: 2 * P, sent: 2 * P, total, parts: 2, skipped: 2 * P })
  t.same(told.at(-1), { loaded: total, sent: total, total, parts: 5, skipped: 3 * P })
})

t.test('every checksum that an upload may have goes on behind the point, or none', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  for (const create of [
    {},
    { ChecksumAlgorithm: 'CRC32' },
    { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' },
    { ChecksumAlgorithm: 'SHA256' },
    { ChecksumAlgorithm: 'CRC32C' },
    { ChecksumAlgorithm: 'CRC64NVME' },
  ] as const) {
    let whole: object = {}
    for (const again of [false, true]) {
      const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3), create)
      const point = await resumePoint({ client, Bucket, Key: 'k', UploadId })
      t.equal(point.offset, 3 * P)
      const { ChecksumCRC64NVME } = await sends(upload({ resume: point, ...whole }), point)
      t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA), `${JSON.stringify(create)} ${again}`)
      // S3 verifies it, the second time. Some stores tell one that nobody declared.
      if ('ChecksumAlgorithm' in create && create.ChecksumAlgorithm === 'CRC64NVME') whole = { ChecksumCRC64NVME }
    }
  }
})

t.test('FULL_OBJECT is asked for with the CRC-32 of the whole, and a CRC-32 that is given is verified', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const ChecksumCRC32 = crc32Base64(crc32(DATA))
  for (const given of [undefined, ChecksumCRC32, crc32Base64(crc32(DATA.subarray(1)))]) {
    const create = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const
    const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2), create)
    const point = await resumePoint({ client, Bucket, Key: 'k', UploadId })
    const sent = pipeline(rest(point), upload({ resume: point, ChecksumCRC32: given }))
    if (given === undefined || given === ChecksumCRC32) await sent
    else t.match(await failureOf(sent), { code: 'ERR_S3_INTEGRITY', message: /ChecksumCRC32 should be/ })
    const [complete] = proxy.of('CompleteMultipartUpload')
    t.equal(complete?.headers['x-amz-checksum-crc32'], ChecksumCRC32)
    t.equal((await head(Bucket, 'k', { ChecksumMode: 'ENABLED' }))?.ChecksumCRC32, ChecksumCRC32)
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('where the parts have no CRC-32, one of the whole is refused, and the upload left', async (t) => {
  const { client, Bucket, upload } = await scenario(t, { config: { requestChecksumCalculation: 'WHEN_REQUIRED' } })
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1), { ChecksumAlgorithm: 'SHA256' })
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  for (const [given, message] of [
    [{ ChecksumCRC32: 'AAAAAA==' }, /ChecksumCRC32 is given, but the parts before the offset have no CRC-32/],
    [{ ChecksumCRC64NVME: 'AAAAAAAAAAA=' }, /ChecksumCRC64NVME needs an upload that declared it for the full object/],
  ] as const) {
    const error = await failureOf(pipeline(rest(point), upload({ resume: point, ...given })))
    t.match(error, { code: 'ERR_S3_RESUME', message, UploadId })
  }
  await pipeline(rest(point), upload({ resume: point }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('where all is stored, nothing is left to send', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3, 4, 5))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.match(point, { offset: DATA.length, parts: 5 })
  proxy.seen.length = 0
  await pipeline(rest(point), upload({ resume: point }))
  t.same(await stored(Bucket, 'k'), { sha256: sha256(DATA), size: DATA.length })
  t.equal(proxy.of('UploadPart').length, 0)
})

t.test('behind a last part that is smaller nothing can follow: then the source is longer than it was', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA.subarray(0, P + 10), 1, 2))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.equal(point.offset, P + 10)
  const error = await failureOf(pipeline(rest(point), upload({ resume: point })))
  t.match(error, { code: 'ERR_S3_RESUME', UploadId, message: /part 2, the last that is stored, holds 10 bytes/ })
  await pipeline(Readable.from([DATA]), upload({ resume: { UploadId } }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('a small part in the middle, as a shorter source leaves it, ends what is stored without a hole', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  await unfinishedUpload(client, Bucket, { ...partsOf(DATA, 1, 3), 2: DATA.subarray(P, P + 10) })
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.match(point, { offset: P, parts: 1 })
  await pipeline(rest(point), upload({ resume: point }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('one small part does not tell how an upload is cut', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA.subarray(0, 10), 1))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.same(point, { UploadId, offset: 10, parts: 1, partSize: undefined })
  await pipeline(Readable.from([DATA]), upload({ resume: { UploadId } }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('what ListParts takes can be given to resumePoint', async (t) => {
  const { client, Bucket, proxy } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1))
  const owner = (await client.send(new ListBucketsCommand({}))).Owner?.ID as string
  await resumePoint({ client, Bucket, Key: 'k', ExpectedBucketOwner: owner, RequestPayer: 'requester' })
  for (const operation of ['ListMultipartUploads', 'ListParts']) {
    const [one] = proxy.of(operation)
    t.match(one?.headers, { 'x-amz-expected-bucket-owner': owner, 'x-amz-request-payer': 'requester' }, operation)
  }
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('a length that needs larger parts than are stored goes on in parts that grow', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  const maxParts = 4
  const data = bytes(2 * P + 2 * 2 * P)
  const stream = upload({ resume: true, maxParts, ContentLength: data.length })
  await pipeline(Readable.from([data]), stream)
  t.equal(stream.result?.parts, maxParts)
  t.equal((await stored(Bucket, 'k')).sha256, sha256(data))
})

t.test('an upload without a part begins at the first byte', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, {})
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  t.same(point, { UploadId, offset: 0, parts: 0, partSize: undefined })
  await pipeline(rest(point), upload({ resume: point }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})

t.test('a point that no longer holds is told, and the upload left', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  for (const [offset, parts] of [
    [2 * P + 1, 2],
    [3 * P, 3],
    [P, 2],
  ] as const) {
    const resume = { UploadId, offset, parts, partSize: P }
    const error = await failureOf(pipeline(Readable.from([DATA]), upload({ resume })))
    const message = new RegExp(`its first ${parts} parts should hold ${offset} bytes, and 2 hold 10485760`)
    t.match(error, { code: 'ERR_S3_RESUME', UploadId, message })
  }
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('a length that is wrong in all publishes nothing', async (t) => {
  const { client, Bucket, upload, fails } = await scenario(t)
  await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  const stream = upload({ resume: point, ContentLength: DATA.length - 1 })
  const message = new RegExp(`ContentLength is ${DATA.length - 1}, but the stream has ${DATA.length} or more bytes`)
  await fails(pipeline(rest(point), stream), { code: 'ERR_S3_LENGTH', message })
})

/** A listing of parts of 5 MiB of zeros, a thousand in a page, as AWS gives them. MinIO gives ten thousand. */
function page(count: number, url: string): string {
  const after = Number(new URL(url, 'http://s3').searchParams.get('part-number-marker') ?? 0)
  const last = Math.min(count, after + 1000)
  const zeros = Buffer.alloc(P)
  const facts = `<Size>${P}</Size><ETag>"${createHash('md5').update(zeros).digest('hex')}"</ETag><ChecksumCRC32>${crc32Base64(crc32(zeros))}</ChecksumCRC32>`
  const parts = Array.from(
    { length: last - after },
    (_, i) => `<Part><PartNumber>${after + i + 1}</PartNumber>${facts}</Part>`,
  )
  const truncated = `<IsTruncated>${last < count}</IsTruncated><NextPartNumberMarker>${last}</NextPartNumberMarker>`
  const declared = '<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType>'
  return `<ListPartsResult>${declared}${truncated}${parts.join('')}</ListPartsResult>`
}

t.test('1,001 and 2,500 stored parts are read over all their pages, and listed at Complete', async (t) => {
  for (const [count, pages] of [
    [1001, 2],
    [2500, 3],
  ] as const) {
    let completed = 0
    const ETag = `"${createHash('md5')
      .update(Buffer.concat(Array<Buffer>(count).fill(createHash('md5').update(Buffer.alloc(P)).digest())))
      .digest('hex')}-${count}"`
    const { client, Bucket, upload, proxy } = await scenario(t, {
      fault: ({ operation, url }) => {
        if (operation === 'ListParts') return { do: 'answer', status: 200, body: page(count, url) }
        const body = `<CompleteMultipartUploadResult><ETag>${ETag}</ETag></CompleteMultipartUploadResult>`
        return operation === 'CompleteMultipartUpload' ? { do: 'answer', status: 200, body } : undefined
      },
      onXml: ({ operation }, xml) => {
        if (operation === 'CompleteMultipartUpload') completed = xml.match(/<PartNumber>/g)?.length ?? 0
      },
    })
    const point = await resumePoint({ client, Bucket, Key: 'k', UploadId: 'many' })
    t.same(point, { UploadId: 'many', offset: count * P, parts: count, partSize: P })
    t.equal(proxy.of('ListParts').length, pages)
    const fromStart = upload({ resume: { UploadId: 'many' } })
    if (count === 1001) await pipeline(zeros(count * P, MiB), fromStart)
    else fromStart.destroy()
    const behind = upload({ resume: point })
    behind.end()
    t.match(await behind.done(), { parts: count, size: count * P, ETag })
    t.equal(completed, count)
    t.equal(proxy.of('UploadPart').length, 0)
  }
})
