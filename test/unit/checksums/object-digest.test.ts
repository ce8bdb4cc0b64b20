import t from 'tap'
import { crc32Base64 } from '../../../lib/checksums/crc32.js'
import { ObjectDigest } from '../../../lib/checksums/object-digest.js'

t.test('a CRC-32 of the full object must be that of the bytes that were written, which must be known', async (t) => {
  const digest = new ObjectDigest({ ChecksumCRC32: crc32Base64(7) })
  t.equal(digest.problem(7), undefined)
  t.match(digest.problem(8), /^ChecksumCRC32 should be AAAABw==, but the bytes that were written have AAAACA==$/)
  t.match(digest.problem(undefined), /^ChecksumCRC32 should be AAAABw==/)
  t.equal(new ObjectDigest({}).problem(undefined), undefined)
})
