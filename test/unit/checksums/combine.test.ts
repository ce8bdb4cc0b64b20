import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { compositeCrc32, crc32Base64, crc32Combine } from '../../../lib/checksums/crc32.js'
import { fullObjectAlgorithm } from '../../../lib/options/parameters.js'

t.test('the combined CRC of any pieces is the CRC of the whole', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 }), (pieces) => {
      const combined = pieces.reduce((crc, piece) => crc32Combine(crc, crc32(piece), piece.length), 0)
      return combined === crc32(Buffer.concat(pieces))
    }),
    { numRuns: 500 },
  )
})

t.test('a length beyond 32 bits combines as the same zeros in smaller pieces do', async (t) => {
  const first = crc32('first')
  const MiB = 1024 * 1024
  const zeros = crc32(Buffer.alloc(MiB))
  let [crc, length] = [zeros, MiB]
  while (length < 5 * 1024 * MiB) {
    crc = crc32Combine(crc, crc, length)
    length *= 2
  }
  let step = first
  for (let done = 0; done < length; done += MiB) step = crc32Combine(step, zeros, MiB)
  t.equal(crc32Combine(first, crc, length), step)
})

t.test('a CRC is written as S3 writes it', async (t) => {
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html: four bytes, big-endian
  t.equal(crc32Base64(0), 'AAAAAA==')
  t.equal(crc32Base64(0x01020304), 'AQIDBA==')
})

t.test('a checksum of the whole is told from what only sounds like one', async (t) => {
  t.equal(fullObjectAlgorithm('ChecksumSHA256'), 'SHA256')
  t.equal(fullObjectAlgorithm('ChecksumAlgorithm'), undefined)
  t.equal(fullObjectAlgorithm('ChecksumType'), undefined)
  t.equal(fullObjectAlgorithm('ContentMD5'), undefined)
})

t.test('a composite checksum needs the CRC-32 of every part', async (t) => {
  t.match(compositeCrc32([1, 2, 3]), /^[\w+/]{6}==-3$/)
  t.equal(compositeCrc32([1, undefined]), undefined)
})
