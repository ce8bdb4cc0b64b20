import { createHash } from 'node:crypto'
import t from 'tap'
import { crc32Base64 } from '../../../lib/checksums/crc32.js'
import { md5 } from '../../../lib/checksums/etag.js'
import { partFromListing } from '../../../lib/resume/stored-upload.js'
import { holdsSameBytes } from '../../../lib/upload/stored-parts.js'
import { bytes, MiB } from '../../support/bytes.js'

const body = bytes(9 * MiB)
const part = { PartNumber: 1, body, crc: 7, release: () => {} }
const bucket = { Bucket: 'bucket', s3: {} }
const listed = { PartNumber: 1, ETag: `"${md5(body)}"`, Size: body.length }

t.test('a part of which ListParts says too little counts as not stored', async (t) => {
  for (const name of ['PartNumber', 'ETag', 'Size'])
    t.equal(partFromListing({ ...listed, [name]: undefined }, {}, bucket), undefined)
  t.equal(partFromListing({ ...listed, ETag: '' }, {}, bucket), undefined)
  for (const [ChecksumAlgorithm, change, Bucket] of [
    ['XXHASH3', {}, 'bucket'],
    ['SHA256', { ETag: '"opaque"' }, 'bucket'],
    ['SHA256', {}, 'bucket--use1-az4--x-s3'],
  ] as const) {
    t.equal(partFromListing({ ...listed, ...change }, { ChecksumAlgorithm }, { Bucket, s3: {} }), undefined)
  }
  const full = partFromListing(listed, { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' }, bucket)
  t.same(full?.listed, { PartNumber: 1, ETag: listed.ETag }, 'FULL_OBJECT needs no checksum of the parts')
  const ChecksumSHA256 = createHash('sha256').update(body).digest('base64')
  const composite = partFromListing({ ...listed, ChecksumSHA256 }, { ChecksumAlgorithm: 'SHA256' }, bucket)
  t.same(composite?.listed, { PartNumber: 1, ETag: listed.ETag, ChecksumSHA256 })
  for (const malformed of [undefined, 'x']) {
    const lacking = partFromListing({ ...listed, ChecksumSHA256: malformed }, { ChecksumAlgorithm: 'SHA256' }, bucket)
    t.match(lacking, { lacksChecksum: true, listed: { ChecksumSHA256: undefined } })
  }
  t.equal(
    partFromListing({ ...listed, ChecksumCRC32: 'null' }, {}, bucket)?.crc,
    undefined,
    'a malformed checksum is ignored',
  )
})

t.test('a part is the same if its CRC-32 is, or without one its MD5, and never by its size alone', async (t) => {
  const isSame = async (change: object, place: Parameters<typeof partFromListing>[2] = bucket): Promise<boolean> =>
    await holdsSameBytes(part, partFromListing({ ...listed, ...change }, {}, place) as never)
  t.equal(await isSame({ ChecksumCRC32: crc32Base64(7) }), true)
  t.equal(await isSame({ ChecksumCRC32: crc32Base64(8) }), false)
  t.equal(await isSame({ ChecksumCRC32: crc32Base64(7), Size: 1 }), false)
  t.equal(await isSame({}), true)
  t.equal(await isSame({ ETag: md5(body) }), true)
  t.equal(await isSame({ ETag: md5(body.subarray(1)) }), false)
  t.equal(await isSame({ ETag: 'opaque' }), false)
  t.equal(await isSame({}, { Bucket: 'bucket--use1-az4--x-s3', s3: {} }), false)
  t.equal(await isSame({}, { Bucket: 'bucket', s3: { SSECustomerAlgorithm: 'AES256' } }), false)
})
