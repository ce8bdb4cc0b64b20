import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { crc32Base64 } from '../../../lib/checksums/combine.js'
import {
  compositeChecksum,
  isOpaque,
  multipartETag,
  type StoredPart,
  type Whole,
  whatIsMissing,
} from '../../../lib/checksums/etag.js'
import { checkOptions } from '../../../lib/options/check.js'
import { PartCutter } from '../../../lib/parts/cutter.js'
import { Requests } from '../../../lib/requests/requests.js'
import { completeUpload } from '../../../lib/upload/complete.js'
import { bytes, MiB, P } from '../../support/bytes.js'

const data = bytes(12 * MiB)
const MD5 = '0123456789abcdef0123456789abcdef'

/** The parts of `data` as S3 would have stored them. */
function store(): { parts: StoredPart[]; whole: Whole } {
  const parts: StoredPart[] = []
  const cutter = new PartCutter(
    () => P,
    10,
    ({ PartNumber, crc, body }) => parts.push({ listed: { PartNumber, ETag: 'e' }, crc, size: body.length, md5: MD5 }),
    undefined,
  )
  for (let at = 0; at < data.length; ) at += cutter.take(data.subarray(at))
  const { crc, size } = cutter
  const last = cutter.end()
  if (last !== undefined) {
    parts.push({ listed: { PartNumber: parts.length + 1, ETag: 'e' }, crc: last.crc, size: last.body.length, md5: MD5 })
  }
  return { parts, whole: { crc, size } }
}

t.test('parts 1 to N that hold what came miss nothing', async (t) => {
  const { parts, whole } = store()
  t.equal(parts.length, 3)
  t.equal(whatIsMissing(parts, whole), undefined)
})

t.test('a part that is missing, or that holds other bytes, is told', async (t) => {
  const { parts, whole } = store()
  const [first, second, third] = parts as [StoredPart, StoredPart, StoredPart]
  t.equal(whatIsMissing([first, third], whole), 'part 2 of 2 is missing')
  const hole: StoredPart[] = [first, second]
  hole[3] = third
  t.equal(whatIsMissing(hole, whole), 'part 3 of 4 is missing')
  t.match(whatIsMissing([first, second], whole), /^the parts sent hold 10485760 bytes .*, the stream had 12582912 /)
  t.match(
    whatIsMissing([{ ...first, crc: 1 }, second, third], whole),
    new RegExp(`had .* ${crc32Base64(whole.crc as number)}`),
  )
})

t.test('an object is never asked for of parts with a hole', async (t) => {
  const { parts, whole } = store()
  const client = new S3Client({ region: 'us-east-1' })
  const { signal } = new AbortController()
  const requests = new Requests(checkOptions({ client, Bucket: 'b', Key: 'k' }), () => false)
  await t.rejects(
    completeUpload(
      requests,
      { UploadId: 'id', parts: parts.slice(1), whole, came: whole, before: 0, leaveParts: false, isOver: () => false },
      signal,
    ),
    {
      code: 'ERR_S3_INTEGRITY',
      message: 's3://b/k: part 1 of 2 is missing',
      UploadId: 'id',
    },
  )
})

t.test("the object's ETag is made of the parts' MD5s, and unknown where one is none", async (t) => {
  const { parts } = store()
  const [first] = parts as [StoredPart]
  t.match(multipartETag(parts), /^[0-9a-f]{32}-3$/)
  t.equal(multipartETag([{ ...first, md5: undefined }]), undefined)
})

t.test('an ETag under KMS or a customer’s key, or in a directory bucket, is no MD5', async (t) => {
  for (const [answer, Bucket] of [
    [{ ServerSideEncryption: 'aws:kms' }, 'b'],
    [{ ServerSideEncryption: 'aws:kms:dsse' }, 'b'],
    [{ SSECustomerAlgorithm: 'AES256' }, 'b'],
    [{}, 'b--use1-az4--x-s3'],
    [{}, 'my-access-point--use1-az4--xa-s3'],
    [{}, 'arn:aws:s3express:us-east-1:123456789012:accesspoint/my-access-point--use1-az4--xa-s3'],
  ] as const) {
    t.equal(isOpaque(answer, Bucket), true, JSON.stringify([answer, Bucket]))
  }
  t.equal(isOpaque({ ServerSideEncryption: 'AES256' }, 'b'), false)
})

t.test('there is no checksum of checksums where a part has none', async (t) => {
  const { parts } = store()
  const [first] = parts as [StoredPart]
  t.match(compositeChecksum(parts), /^[\w+/]{6}==-3$/)
  t.equal(compositeChecksum([first, { ...first, crc: undefined }]), undefined)
})
