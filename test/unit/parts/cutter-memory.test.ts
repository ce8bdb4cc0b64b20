/** Measures the memory of a cutter's buffers: those that are still reachable after a garbage collection. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { type Part, PartCutter } from '../../../lib/parts/cutter.js'
import { planPartSizes } from '../../../lib/parts/sizes.js'
import { bytes } from '../../support/bytes.js'
import { gc } from '../../support/memory.js'

const allocate = Buffer.allocUnsafeSlow
let allocated: WeakRef<Buffer>[] = []
Buffer.allocUnsafeSlow = (size) => {
  const buffer = allocate(size)
  allocated.push(new WeakRef(buffer))
  return buffer
}
t.teardown(() => {
  Buffer.allocUnsafeSlow = allocate
})

/** The size of all buffers that are still reachable, in bytes. */
async function reachableBytes(): Promise<number> {
  // A WeakRef that was created or read keeps its buffer alive until the current turn of the event loop ends.
  await turn()
  gc()
  allocated = allocated.filter((buffer) => buffer.deref() !== undefined)
  return allocated.reduce((sum, buffer) => sum + (buffer.deref()?.length ?? 0), 0)
}

const streams = fc.record({
  partSize: fc.integer({ min: 1, max: 300 }),
  maxParts: fc.integer({ min: 1, max: 24 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  size: fc.double({ min: 0, max: 1, noNaN: true }),
  chunks: fc.infiniteStream(fc.integer({ min: 1, max: 2000 })),
  /** Which of the parts in flight is stored next. */
  next: fc.infiniteStream(fc.nat(10)),
})

t.test('the buffers stay within the limit, at any part size, and are all freed at the end', async (t) => {
  let highest = 0
  const property = fc.asyncProperty(streams, async ({ partSize, maxParts, concurrency, size, chunks, next }) => {
    allocated = []
    const sizes = planPartSizes(partSize, maxParts, false)
    const numbers = Array.from({ length: maxParts }, (_, i) => i + 1)
    let end = 0
    const ends = numbers.map((n) => (end += sizes(n)))
    const data = bytes(Math.ceil(size * Math.min(end, 100_000)))
    const inFlight: Part[] = []
    const stored: Buffer[] = []
    const store = (at: number): void => {
      for (const part of inFlight.splice(at, 1)) {
        stored[part.PartNumber - 1] = Buffer.from(part.body)
        part.release()
      }
    }
    const cutter = new PartCutter(
      sizes,
      () => concurrency + 1,
      (part) => inFlight.push(part),
    )
    let allocations = 0
    for (let at = 0; at < data.length; ) {
      const chunk = data.subarray(at, at + chunks.next().value)
      const taken = cutter.take(chunk)
      at += taken
      if (allocated.length > allocations) {
        const present = sizes(ends.findIndex((end) => at <= end) + 1)
        const live = await reachableBytes()
        const bound = Math.max(partSize * (concurrency + 1), 2 * present)
        assert.ok(live <= bound, `${live} bytes are reachable, more than ${bound}`)
        highest = Math.max(highest, live / bound)
        allocations = allocated.length
      }
      if (taken === chunk.length) continue
      assert.ok(!cutter.hasRoom, 'a chunk is taken completely if there is room')
      assert.ok(inFlight.length > 1, 'while one part is in flight, there is room for the next')
      while (!cutter.hasRoom) store(next.next().value % inFlight.length)
    }
    const last = cutter.end()
    if (last !== undefined) inFlight.push(last)
    while (inFlight.length > 0) store(0)
    assert.ok(Buffer.concat(stored).equals(data), 'nothing is lost')
    const areFull = stored.slice(0, -1).every(({ length }, i) => length === sizes(i + 1))
    assert.ok(
      areFull && stored.every(({ length }) => length > 0),
      'every part has its planned size, and the last is not empty',
    )
    cutter.drop()
    assert.equal(await reachableBytes(), 0)
  })
  await fc.assert(property, { numRuns: 60 })
  t.equal(highest, 1, 'the limit is reached')
})
