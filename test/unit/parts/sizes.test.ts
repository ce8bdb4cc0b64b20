import { constants } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { inferPartSizes, MAX_PART_SIZE, MIN_PART_SIZE, planPartSizes, raisePartSize } from '../../../lib/parts/sizes.js'
import { MiB } from '../../support/bytes.js'

const GiB = 1024 * MiB
const total = (sizeOf: (n: number) => number, from: number, to: number): number => {
  let bytes = 0
  for (let n = from; n <= to; n++) bytes += sizeOf(n)
  return bytes
}

t.test('half of the parts are equal, then they double, and then they grow with the bytes before them', async (t) => {
  const sizeOf = planPartSizes(8 * MiB, 10_000, false)
  t.equal(sizeOf(1), 8 * MiB)
  t.equal(sizeOf(5000), 8 * MiB)
  t.equal(sizeOf(5001), 16 * MiB)
  t.equal(sizeOf(5020), 16 * MiB)
  t.equal(sizeOf(5021), 32 * MiB)
  t.equal(sizeOf(5041), 40 * MiB)
  t.equal(sizeOf(10_000), MAX_PART_SIZE)
  t.equal(Math.floor(total(sizeOf, 1, 5000) / GiB), 39)
  t.ok(total(sizeOf, 1, 10_000) > 5 * 1024 * GiB, 'more than 5 TiB in all')
})

t.test('no part is more than 10.2 times as large as it would be if the length were known', async () => {
  const numbers = fc.integer({ min: 1, max: 10_000 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 * MiB }), numbers, (partSize, maxParts) => {
      const sizeOf = planPartSizes(partSize, maxParts, false)
      let before = 0
      let last = 0
      for (let n = 1; n <= maxParts; n++) {
        const size = sizeOf(n)
        if (n > 1 && n <= maxParts / 2 && size !== partSize) return false
        // Rounding this quotient may lose a byte.
        if (size > Math.max(partSize, (10.2 * before) / maxParts) + 1) return false
        if ((size % partSize !== 0 && size !== MAX_PART_SIZE) || size < last) return false
        before += size
        last = size
      }
      return true
    }),
    { numRuns: 50 },
  )
})

t.test('no part is larger than S3 and a Buffer allow', async (t) => {
  t.equal(MAX_PART_SIZE, Math.min(5 * GiB, constants.MAX_LENGTH))
  t.equal(planPartSizes(3 * GiB, 20, false)(20), MAX_PART_SIZE)
})

t.test('a few parts grow by the same rule as many', async (t) => {
  const sizeOf = planPartSizes(1, 6, false)
  t.same([1, 2, 3, 4, 5, 6].map(sizeOf), [1, 1, 1, 2, 4, 8])
  t.same([1, 2].map(planPartSizes(1, 2, false)), [1, 2])
})

t.test('a single part does not grow', async (t) => {
  const sizeOf = planPartSizes(7, 1, false)
  t.equal(sizeOf(1), 7)
  t.throws(() => sizeOf(2), { message: /^the stream is longer than one part of 7 bytes can hold, which is 7 bytes\. / })
})

t.test('equal parts stay equal', async (t) => {
  t.equal(planPartSizes(7, 20, true)(20), 7)
})

t.test('a part beyond the last one throws an error that names the sizes', async (t) => {
  const wrong = (sizes: string) => ({
    code: 'ERR_S3_TOO_MANY_PARTS',
    message: `the stream is longer than ${sizes} bytes. Raise partSize, or give ContentLength or expectedSize`,
  })
  t.throws(() => planPartSizes(7, 20, true)(21), wrong('20 parts of 7 bytes can hold, which is 140'))
  t.throws(() => planPartSizes(1, 6, false)(7), wrong('6 parts of 1 to 8 bytes can hold, which is 17'))
})

t.test('a known length raises the part size to the first multiple of 1 MiB that suffices', async (t) => {
  t.equal(raisePartSize(0, 8 * MiB, 10_000), 8 * MiB)
  t.equal(raisePartSize(80_000 * MiB, 8 * MiB, 10_000), 8 * MiB)
  t.equal(raisePartSize(80_000 * MiB + 1, 8 * MiB, 10_000), 9 * MiB)
  t.equal(raisePartSize(100 * GiB, 5 * MiB, 1000), 103 * MiB)
})

t.test('the part sizes are inferred from any stored parts, also if a stream ended within one of them', async (t) => {
  const cut = fc.record({
    partSize: fc.integer({ min: MIN_PART_SIZE, max: 64 * MiB }),
    maxParts: fc.integer({ min: 2, max: 60 }),
    equal: fc.boolean(),
    triedFirst: fc.boolean(),
    numbers: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }),
    end: fc.option(fc.integer({ min: 1, max: MIN_PART_SIZE - 1 })),
  })
  const property = fc.property(cut, ({ partSize, maxParts, equal, triedFirst, numbers, end }) => {
    const sizes = planPartSizes(partSize, maxParts, equal)
    const stored = [...new Set([1, 2, ...numbers])]
      .filter((n) => n <= maxParts)
      .sort((a, b) => a - b)
      .map((PartNumber) => ({ PartNumber, size: sizes(PartNumber) }))
    if (end !== null) Object.assign(stored.at(-1) as object, { size: end })
    const inferred = inferPartSizes(stored, maxParts, triedFirst)
    const full = end === null ? stored : stored.slice(0, -1)
    return full.every(({ PartNumber, size }) => inferred?.(PartNumber) === size)
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('stored parts that cannot come from one upload throw an error that names an irregular one', async (t) => {
  const of = (...sizes: number[]) => sizes.map((size, i) => ({ PartNumber: i + 1, size: size * MiB }))
  const irregular = /the stored parts are irregular: part 2 has 6291456 bytes, and should have 5242880$/
  for (const sizes of [of(5, 6, 5), of(8, 7, 8, 7), of(5, 6, 7), of(3, 8, 3)])
    t.throws(() => inferPartSizes(sizes, 10_000, false))
  t.throws(() => inferPartSizes(of(5, 6, 5), 10_000, false), { message: irregular })
  t.throws(() => inferPartSizes(of(1, 1), 10_000, false), {
    message: /part 1 has 1048576 bytes, and should have 5242880$/,
  })
  t.throws(() => inferPartSizes(of(5, 5), 1, false), { message: 'part 2 is stored, but maxParts is 1' })
  t.equal(inferPartSizes(of(8, 3, 8), 10_000, false)?.(2), 8 * MiB)
  t.equal(inferPartSizes(of(8, 8, 3), 10_000, false)?.(3), 8 * MiB)
  t.equal(inferPartSizes(of(3, 8, 8), 10_000, false)?.(1), 8 * MiB)
  t.equal(inferPartSizes(of(0, 8), 10_000, false)?.(1), 8 * MiB)
  t.equal(inferPartSizes([], 10_000, false), undefined)
  t.equal(inferPartSizes(of(3), 10_000, false), undefined)
  t.equal(inferPartSizes(of(6), 10_000, false)?.(1), 6 * MiB)
})
