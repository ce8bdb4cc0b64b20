import { createHash } from 'node:crypto'
import t from 'tap'
import { crc32Base64 } from '../../../lib/checksums/crc32.js'
import { md5 } from '../../../lib/checksums/etag.js'
import { partFromListing } from '../../../lib/resume/stored-upload.js'
import { holdsSameBytes } from '../../../lib/upload/stored-parts.js'
import { bytes, MiB } from '../../support/bytes.js'

const body = bytes(9 * MiB)
const part = { PartNumber: 1, body, crc: 7, release: () => {} }
const at = { Bucket: 'bucket', s3: {} }
const listed = { PartNumber: 1, ETag: `"${md5(body)}"`, Size: body.length }

t.test('a part that ListParts tells too little of is as good as none', async (t) => {
  for (const name of ['PartNumber', 'ETag', 'Size'])
    t.equal(partFromListing({ ...listed, [name]: undefined }, {}, at), undefined)
  t.equal(partFromListing({ ...listed, ETag: '' }, {}, at), undefined)
  t.equal(partFromListing(listed, { ChecksumAlgorithm: 'SHA256' }, at), undefined)
  const full = partFromListing(listed, { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' }, at)
  t.same(full?.listed, { PartNumber: 1, ETag: listed.ETag }, 'Complete needs none of the parts then')
  const ChecksumSHA256 = createHash('sha256').update(body).digest('base64')
  const told = partFromListing({ ...listed, ChecksumSHA256 }, { ChecksumAlgorithm: 'SHA256' }, at)
  t.same(told?.listed, { PartNumber: 1, ETag: listed.ETag, ChecksumSHA256 })
  t.equal(partFromListing({ ...listed, ChecksumSHA256: 'x' }, { ChecksumAlgorithm: 'SHA256' }, at), undefined)
  t.equal(partFromListing({ ...listed, ChecksumCRC32: 'null' }, {}, at)?.crc, undefined, 'a malformed checksum is none')
})

t.test('a part is the same by its CRC-32, else by its MD5, and never by its size alone', async (t) => {
  const same = async (change: object, where: Parameters<typeof partFromListing>[2] = at): Promise<boolean> =>
    await holdsSameBytes(part, partFromListing({ ...listed, ...change }, {}, where) as never)
  t.equal(await same({ ChecksumCRC32: crc32Base64(7) }), true)
  t.equal(await same({ ChecksumCRC32: crc32Base64(8) }), false)
  t.equal(await same({ ChecksumCRC32: crc32Base64(7), Size: 1 }), false)
  t.equal(await same({}), true)
  t.equal(await same({ ETag: md5(body) }), true)
  t.equal(await same({ ETag: md5(body.subarray(1)) }), false)
  t.equal(await same({ ETag: 'opaque' }), false)
  t.equal(await same({}, { Bucket: 'bucket--use1-az4--x-s3', s3: {} }), false)
  t.equal(await same({}, { Bucket: 'bucket', s3: { SSECustomerAlgorithm: 'AES256' } }), false)
})
