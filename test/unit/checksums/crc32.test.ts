import { createRequire } from 'node:module'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { chooseCrc32, crc32 } from '../../../lib/checksums/crc32.js'

const { crc32: native } = createRequire(import.meta.url)('@node-rs/crc32')

t.test(
  'where the fast one is installed it is used, and agrees with zlib’s on any bytes, going on from any others',
  (t) => {
    t.equal(crc32, native)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
        t.equal(crc32(Buffer.from(second), crc32(Buffer.from(first))), zlib.crc32(second, zlib.crc32(first)))
      }),
    )
    t.end()
  },
)

t.test('where it is not there, cannot be loaded or is wrong, zlib’s is used', (t) => {
  t.equal(
    chooseCrc32(() => createRequire(import.meta.url)('@node-rs/crc32-of-no-such-machine').crc32),
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
