import { constants } from 'node:buffer'
import t from 'tap'
import { MAX_PART_SIZE, partSizeFor, partSizes } from '../lib/part-size.js'
import { MiB } from './support/bytes.js'

const GiB = 1024 * MiB
const total = (sizeOf: (n: number) => number, from: number, to: number): number => {
  let bytes = 0
  for (let n = from; n <= to; n++) bytes += sizeOf(n)
  return bytes
}

t.test('half of the parts are equal, then the size doubles every twentieth', async (t) => {
  const sizeOf = partSizes(8 * MiB, 10_000, false)
  t.equal(sizeOf(1), 8 * MiB)
  t.equal(sizeOf(5000), 8 * MiB)
  t.equal(sizeOf(5001), 16 * MiB)
  t.equal(sizeOf(5500), 16 * MiB)
  t.equal(sizeOf(5501), 32 * MiB)
  t.equal(sizeOf(10_000), MAX_PART_SIZE)
  t.equal(Math.floor(total(sizeOf, 1, 5000) / GiB), 39)
  t.ok(total(sizeOf, 1, 10_000) > 5 * 1024 * GiB, 'more than 5 TiB in all')
})

t.test('no part is larger than S3 or a Buffer takes', async (t) => {
  t.equal(MAX_PART_SIZE, Math.min(5 * GiB, constants.MAX_LENGTH))
  t.equal(partSizes(3 * GiB, 20, false)(20), MAX_PART_SIZE)
})

t.test('few parts grow as many do', async (t) => {
  const sizeOf = partSizes(1, 6, false)
  t.same([1, 2, 3, 4, 5, 6].map(sizeOf), [1, 1, 1, 2, 4, 8])
  t.equal(partSizes(1, 1, false)(1), 2)
})

t.test('equal parts stay equal', async (t) => {
  t.equal(partSizes(7, 20, true)(20), 7)
})

t.test('past the last part there is an error that names the sizes', async (t) => {
  t.throws(
    () => partSizes(7, 20, true)(21),
    new RangeError('the stream is longer than 20 parts of 7 bytes can hold, which is 140 bytes'),
  )
  t.throws(
    () => partSizes(1, 6, false)(7),
    new RangeError('the stream is longer than 6 parts of 1 to 8 bytes can hold, which is 17 bytes'),
  )
})

t.test('a known length chooses the smallest whole MiB that fits, and never less than was asked for', async (t) => {
  t.equal(partSizeFor(0, 8 * MiB, 10_000), 8 * MiB)
  t.equal(partSizeFor(80_000 * MiB, 8 * MiB, 10_000), 8 * MiB)
  t.equal(partSizeFor(80_000 * MiB + 1, 8 * MiB, 10_000), 9 * MiB)
  t.equal(partSizeFor(100 * GiB, 5 * MiB, 1000), 103 * MiB)
})
