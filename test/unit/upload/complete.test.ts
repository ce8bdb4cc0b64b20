import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { crc32Base64, type SizeAndCrc } from '../../../lib/checksums/crc32.js'
import { checkOptions } from '../../../lib/options/check.js'
import { PartCutter } from '../../../lib/parts/cutter.js'
import { Requests } from '../../../lib/requests/requests.js'
import { completeUpload } from '../../../lib/upload/complete.js'
import type { StoredPart } from '../../../lib/upload/stored-parts.js'
import { partsProblem } from '../../../lib/upload/verify.js'
import { bytes, MiB, P } from '../../support/bytes.js'

const data = bytes(12 * MiB)
const MD5 = '0123456789abcdef0123456789abcdef'

/** The parts of `data` as S3 would have stored them. */
function store(): { parts: StoredPart[]; whole: SizeAndCrc } {
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
  t.equal(partsProblem(parts, whole), undefined)
})

t.test('a part that is missing, or that holds other bytes, is told', async (t) => {
  const { parts, whole } = store()
  const [first, second, third] = parts as [StoredPart, StoredPart, StoredPart]
  t.equal(partsProblem([first, third], whole), 'part 2 of 2 is missing')
  const hole: StoredPart[] = [first, second]
  hole[3] = third
  t.equal(partsProblem(hole, whole), 'part 3 of 4 is missing')
  t.match(partsProblem([first, second], whole), /^the parts sent hold 10485760 bytes .*, the stream had 12582912 /)
  t.match(
    partsProblem([{ ...first, crc: 1 }, second, third], whole),
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
      {
        UploadId: 'id',
        parts: parts.slice(1),
        full: whole,
        streamed: whole,
        skippedParts: 0,
        leaveParts: false,
        isAborted: () => false,
      },
      signal,
    ),
    {
      code: 'ERR_S3_INTEGRITY',
      message: 's3://b/k: part 1 of 2 is missing',
      UploadId: 'id',
    },
  )
})
