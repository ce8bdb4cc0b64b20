import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { chooseCrc32, compositeCrc32, crc32, crc32Base64, crc32Combine } from '../../../lib/checksums/crc32.js'
import { MiB } from '../../support/bytes.js'

const { crc32: native } = createRequire(import.meta.url)('@node-rs/crc32')

t.test('@node-rs/crc32 is used if it is installed, and agrees with zlib on any consecutive bytes', (t) => {
  t.equal(crc32, native)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      t.equal(crc32(Buffer.from(second), crc32(Buffer.from(first))), zlib.crc32(second, zlib.crc32(first)))
    }),
  )
  t.end()
})

t.test('zlib is used if the other implementation is not installed, cannot be loaded or is wrong', (t) => {
  t.equal(
    chooseCrc32(() => createRequire(import.meta.url)('@node-rs/crc32-for-no-such-platform').crc32),
    zlib.crc32,
  )
  t.equal(
    chooseCrc32(() => () => 1),
    zlib.crc32,
  )
  t.equal(
    chooseCrc32(() => native),
    native,
  )
  t.end()
})

t.test('the combined CRC-32 of any pieces is the CRC-32 of all their bytes', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 }), (pieces) => {
      const combined = pieces.reduce((crc, piece) => crc32Combine(crc, zlib.crc32(piece), piece.length), 0)
      return combined === zlib.crc32(Buffer.concat(pieces))
    }),
    { numRuns: 500 },
  )
})

t.test('zeros of a length beyond 32 bits combine like the same zeros in smaller pieces', async (t) => {
  const first = zlib.crc32('first')
  const zeros = zlib.crc32(Buffer.alloc(MiB))
  let [crc, length] = [zeros, MiB]
  while (length < 5 * 1024 * MiB) {
    crc = crc32Combine(crc, crc, length)
    length *= 2
  }
  let step = first
  for (let done = 0; done < length; done += MiB) step = crc32Combine(step, zeros, MiB)
  t.equal(crc32Combine(first, crc, length), step)
})

t.test('a CRC-32 is written in base64, big-endian, as S3 writes it', async (t) => {
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html: four bytes, big-endian
  t.equal(crc32Base64(0), 'AAAAAA==')
  t.equal(crc32Base64(0x01020304), 'AQIDBA==')
})

t.test('a composite checksum needs the CRC-32 of every part', async (t) => {
  t.match(compositeCrc32([1, 2, 3]), /^[\w+/]{6}==-3$/)
  t.equal(compositeCrc32([1, undefined]), undefined)
})
