import assert from 'node:assert/strict'
import { once } from 'node:events'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import chunker from 'stream-chunker'
import t from 'tap'
import { type Part, PartCutter } from '../../../lib/parts/cutter.js'
import { planPartSizes } from '../../../lib/parts/sizes.js'
import { bytes, MiB } from '../../support/bytes.js'

type Text = [text: string, encoding: BufferEncoding]

/** All parts that these writes are cut into. Each part is copied and released immediately. */
function cut(
  writes: (Uint8Array | Text)[],
  partSize: number,
  firstBytes?: number,
): { parts: Buffer[]; cutter: PartCutter } {
  const parts: Buffer[] = []
  const collect = (part: Part): void => {
    if (part.PartNumber !== parts.length + 1) throw new Error(`part ${part.PartNumber} follows part ${parts.length}`)
    if (part.crc !== crc32(part.body)) throw new Error('the CRC is not that of the bytes')
    parts.push(Buffer.from(part.body))
    part.release()
  }
  const cutter = new PartCutter(planPartSizes(partSize, 1_000_000, true), () => 2, collect, { firstBytes })
  for (const write of writes) {
    const chunk = write instanceof Uint8Array ? write : Buffer.from(...write)
    const taken = write === chunk ? undefined : cutter.takeText(...(write as Text))
    if ((taken ?? cutter.take(chunk)) !== chunk.length) throw new Error('the write was not taken completely')
  }
  const last = cutter.end()
  if (last !== undefined) collect(last)
  return { parts, cutter }
}

const writes = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 40 })

t.test('the parts are those that stream-chunker makes, for any sequence of writes', async () => {
  await fc.assert(
    fc.asyncProperty(writes, fc.integer({ min: 1, max: 400 }), async (chunks, partSize) => {
      const expected: Buffer[] = []
      const reference = chunker(partSize, { flush: true, align: false }).on('data', (part) => expected.push(part))
      for (const chunk of chunks) if (chunk.length > 0) reference.write(Buffer.from(chunk))
      reference.end()
      await once(reference, 'end')
      const { parts } = cut(chunks, partSize)
      assert.deepEqual(parts, expected)
    }),
    { numRuns: 300 },
  )
})

t.test('the parts depend only on the bytes, and the CRC-32 covers all of them', async () => {
  fc.assert(
    fc.property(
      writes,
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 500 }),
      (chunks, partSize, first) => {
        const data = Buffer.concat(chunks)
        const { parts, cutter } = cut(chunks, partSize, first)
        const { parts: atOnce } = cut([data], partSize)
        return (
          Buffer.concat(parts).equals(data) &&
          cutter.crc === crc32(data) &&
          cutter.size === data.length &&
          parts.every((part, i) => part.equals(atOnce[i] as Buffer)) &&
          parts.every(({ length }, i) =>
            i === parts.length - 1 ? length > 0 && length <= partSize : length === partSize,
          )
        )
      },
    ),
  )
})

t.test('text is cut like its bytes, in any encoding, also if it alternates with bytes', async (t) => {
  const encodings: BufferEncoding[] = ['utf8', 'latin1', 'ascii', 'utf16le', 'base64', 'base64url', 'hex']
  const printable = fc.string({ unit: 'grapheme', maxLength: 60 })
  const anyCodePoints = fc.string({ unit: 'binary', maxLength: 60 })
  const hex = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('hex'))
  const text = fc.tuple(fc.oneof(printable, anyCodePoints, hex, fc.constant('\ud800')), fc.constantFrom(...encodings))
  const mixed = fc.array(fc.oneof({ weight: 4, arbitrary: text }, fc.uint8Array({ maxLength: 60 })), { maxLength: 40 })
  fc.assert(
    fc.property(mixed, fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 500 }), (all, partSize, first) => {
      const data = Buffer.concat(all.map((write) => (write instanceof Uint8Array ? write : Buffer.from(...write))))
      const { parts, cutter } = cut(all, partSize, first)
      assert.deepEqual(parts, cut([data], partSize).parts)
      assert.equal(cutter.crc, crc32(data))
    }),
    { numRuns: 500 },
  )
  const cutter = new PartCutter(
    planPartSizes(200_000, 10, true),
    () => 2,
    () => {},
    { firstBytes: 200_000 },
  )
  t.equal(cutter.takeText('no buffer yet', 'utf8'), undefined)
  cutter.take(bytes(20_000))
  t.equal(cutter.takeText('é', 'utf8'), 2)
  t.equal(cutter.takeText('x'.repeat(40_000), 'utf8'), 40_000, 'a long text')
  t.equal(cutter.takeText('x'.repeat(47_000), 'utf8'), undefined, 'a text that might not fit')
})

t.test('a full first part is cut only when one more byte arrives; a later part is cut when it is full', async (t) => {
  const parts: Part[] = []
  const cutter = new PartCutter(
    planPartSizes(10, 100, true),
    () => 3,
    (part) => parts.push(part),
  )
  cutter.take(bytes(10))
  t.equal(parts.length, 0)
  cutter.take(bytes(1))
  t.equal(parts.length, 1)
  cutter.take(bytes(9))
  t.equal(parts.length, 2)
  t.equal(cutter.end(), undefined, 'a trailing part is never empty')
})

t.test('if every buffer is in use, nothing is taken until one is released', async (t) => {
  const parts: Part[] = []
  const cutter = new PartCutter(
    planPartSizes(10, 100, true),
    () => 3,
    (part) => parts.push(part),
  )
  t.ok(cutter.hasRoom)
  t.equal(cutter.take(bytes(100)), 30, 'three buffers')
  t.notOk(cutter.hasRoom)
  t.equal(cutter.take(bytes(1)), 0)
  const memory = parts[1]?.body.buffer
  parts[1]?.release()
  t.equal(parts[1]?.body.length, 0, 'the part no longer refers to the memory')
  t.ok(cutter.hasRoom)
  t.equal(cutter.take(bytes(100, 2)), 10)
  t.equal(parts[3]?.body.buffer, memory, 'the released memory is reused')
  t.ok(parts[0]?.body.equals(bytes(10)), 'a part that is not released is unchanged')
})

t.test('a small first part takes little memory, and one of known length takes exactly that length', async (t) => {
  const small = new PartCutter(
    planPartSizes(8 * MiB, 10, true),
    () => 2,
    () => {},
  )
  small.take(bytes(100))
  t.equal(small.end()?.body.buffer.byteLength, 16 * 1024)
  const known = new PartCutter(
    planPartSizes(8 * MiB, 10, true),
    () => 2,
    () => {},
    { firstBytes: 12_345 },
  )
  known.take(bytes(100))
  t.equal(known.end()?.body.buffer.byteLength, 12_345)
  const large = new PartCutter(
    planPartSizes(8 * MiB, 10, true),
    () => 2,
    () => {},
  )
  large.take(bytes(3 * MiB))
  t.equal(large.end()?.body.buffer.byteLength, 3 * MiB)
})

t.test('parts grow as planned, and buffers that are too small are not reused', async (t) => {
  const parts: number[] = []
  const cutter = new PartCutter(
    planPartSizes(1, 6, false),
    () => 2,
    (part) => {
      parts.push(part.body.length)
      part.release()
    },
  )
  t.equal(cutter.take(bytes(17)), 17)
  t.same(parts, [1, 1, 1, 2, 4, 8])
  t.throws(() => cutter.take(bytes(1)), {
    code: 'ERR_S3_TOO_MANY_PARTS',
    message: /longer than 6 parts of 1 to 8 bytes/,
  })
})

t.test('if there can be no second part, the first is not cut', async (t) => {
  const cutter = new PartCutter(
    planPartSizes(10, 1, false),
    () => 2,
    () => t.fail('a part was cut'),
  )
  t.equal(cutter.take(bytes(10)), 10)
  t.throws(() => cutter.take(bytes(1)), { code: 'ERR_S3_TOO_MANY_PARTS', message: /longer than one part of 10 bytes/ })
})

t.test('if the memory for a part cannot be allocated, the error names the part and the size', async (t) => {
  const cutter = new PartCutter(
    () => Number.MAX_SAFE_INTEGER,
    () => 2,
    () => {},
  )
  t.throws(() => cutter.take(bytes(2 * MiB)) + cutter.take(bytes(1)), {
    code: 'ERR_S3_MEMORY',
    message: `${Number.MAX_SAFE_INTEGER} bytes of memory for part 1 could not be allocated. Lower partSize or concurrency, or, if parts have grown, give ContentLength or expectedSize`,
    cause: RangeError,
  })
})

t.test('a dropped cutter has no last part', async (t) => {
  const cutter = new PartCutter(
    planPartSizes(10, 100, true),
    () => 3,
    (part) => part.release(),
  )
  cutter.take(bytes(25))
  cutter.drop()
  t.equal(cutter.end(), undefined)
})
