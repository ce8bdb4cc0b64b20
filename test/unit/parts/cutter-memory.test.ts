/** What the buffers of a cutter take: counted by the buffers themselves, once what nobody holds has been collected. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { type Part, PartCutter } from '../../../lib/parts/cutter.js'
import { planPartSizes } from '../../../lib/parts/sizes.js'
import { bytes } from '../../support/bytes.js'
import { gc } from '../../support/memory.js'

const allocate = Buffer.allocUnsafeSlow
let made: WeakRef<Buffer>[] = []
Buffer.allocUnsafeSlow = (size) => {
  const buffer = allocate(size)
  made.push(new WeakRef(buffer))
  return buffer
}
t.teardown(() => {
  Buffer.allocUnsafeSlow = allocate
})

/** Bytes in the buffers that something still holds. */
async function live(): Promise<number> {
  // A WeakRef that was made or read holds its buffer until the turn is over.
  await turn()
  gc()
  made = made.filter((buffer) => buffer.deref() !== undefined)
  return made.reduce((sum, buffer) => sum + (buffer.deref()?.length ?? 0), 0)
}

const streams = fc.record({
  partSize: fc.integer({ min: 1, max: 300 }),
  maxParts: fc.integer({ min: 1, max: 24 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  size: fc.double({ min: 0, max: 1, noNaN: true }),
  chunks: fc.infiniteStream(fc.integer({ min: 1, max: 2000 })),
  /** Which of the parts on their way is stored next. */
  next: fc.infiniteStream(fc.nat(10)),
})

t.test('buffers stay within parts of the first size, or two of the present size, and always come free', async (t) => {
  let most = 0
  const property = fc.asyncProperty(streams, async ({ partSize, maxParts, concurrency, size, chunks, next }) => {
    made = []
    const sizes = planPartSizes(partSize, maxParts, false)
    const numbers = Array.from({ length: maxParts }, (_, i) => i + 1)
    let end = 0
    const ends = numbers.map((n) => (end += sizes(n)))
    const data = bytes(Math.ceil(size * Math.min(end, 100_000)))
    const sent: Part[] = []
    const stored: Buffer[] = []
    const store = (at: number): void => {
      for (const part of sent.splice(at, 1)) {
        stored[part.PartNumber - 1] = Buffer.from(part.body)
        part.release()
      }
    }
    const cutter = new PartCutter(sizes, concurrency + 1, (part) => sent.push(part))
    let allocations = 0
    for (let at = 0; at < data.length; ) {
      const chunk = data.subarray(at, at + chunks.next().value)
      const taken = cutter.take(chunk)
      at += taken
      if (made.length > allocations) {
        const present = sizes(ends.findIndex((end) => at <= end) + 1)
        const held = await live()
        const bound = Math.max(partSize * (concurrency + 1), 2 * present)
        assert.ok(held <= bound, `${held} bytes are held, more than ${bound}`)
        most = Math.max(most, held / bound)
        allocations = made.length
      }
      if (taken === chunk.length) continue
      assert.ok(!cutter.hasRoom, 'what was not taken had no room')
      assert.ok(sent.length > 1, 'beside one part on its way, there is room for the next')
      while (!cutter.hasRoom) store(next.next().value % sent.length)
    }
    const last = cutter.end()
    if (last !== undefined) sent.push(last)
    while (sent.length > 0) store(0)
    assert.ok(Buffer.concat(stored).equals(data), 'nothing is lost')
    const whole = stored.slice(0, -1).every(({ length }, i) => length === sizes(i + 1))
    assert.ok(whole && stored.every(({ length }) => length > 0), 'the parts are exact')
    cutter.drop()
    assert.equal(await live(), 0)
  })
  await fc.assert(property, { numRuns: 60 })
  t.equal(most, 1, 'and it is used to the full')
})
