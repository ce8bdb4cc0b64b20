import { once } from 'node:events'
import { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import { FIRST_SLICE, SLICE, SlicedBody, SliceSize } from '../../../lib/requests/sliced-body.js'
import { StallWatch } from '../../../lib/requests/stall-watch.js'
import { bytes } from '../../support/bytes.js'

t.test('a body is read in slices of the same memory, which are all its bytes', async (t) => {
  for (const [size, count] of [
    [1, 1],
    [FIRST_SLICE, 1],
    [FIRST_SLICE + 1, 2],
    [6 * FIRST_SLICE, 3],
    [21 * FIRST_SLICE + 3 * SLICE + 1, 7],
  ] as const) {
    const data = bytes(size)
    const taken: number[] = []
    const slices: Buffer[] = await new SlicedBody(data, new SliceSize(), (bytes) => taken.push(bytes)).toArray()
    t.ok(Buffer.concat(slices).equals(data))
    t.ok(slices.every(({ buffer, length }) => buffer === data.buffer && length <= SLICE))
    t.equal(taken.at(-1), size)
    t.equal(taken.length, count)
  }
})

/** The lengths of the slices that a destination receives which takes each of them within `ms`. */
async function slicesTaken(size: number, sliceSize: SliceSize, ms: number): Promise<number[]> {
  const lengths: number[] = []
  const write: Writable['_write'] = ({ length }, _, callback) => {
    lengths.push(length)
    setTimeout(callback, ms)
  }
  await pipeline(new SlicedBody(bytes(size), sliceSize, () => {}), new Writable({ highWaterMark: 1, write }))
  return lengths
}

/** The slice size of an upload over a fast link: the largest. */
function largestSliceSize(): SliceSize {
  const sliceSize = new SliceSize()
  while (sliceSize.current < SLICE) sliceSize.sliceTaken(0)
  return sliceSize
}

t.test('slices grow while they are taken immediately, and the next body keeps their size', async (t) => {
  const sliceSize = new SliceSize()
  t.strictSame(await slicesTaken(22 * FIRST_SLICE, sliceSize, 0), [FIRST_SLICE, 4 * FIRST_SLICE, SLICE, FIRST_SLICE])
  t.strictSame(await slicesTaken(FIRST_SLICE + 2 * SLICE, sliceSize, 0), [FIRST_SLICE, SLICE, SLICE])
})

t.test('slices stay small on a slow link, where a large one would look stalled', async (t) => {
  const sliceSize = largestSliceSize()
  t.strictSame(await slicesTaken(3 * FIRST_SLICE, sliceSize, 1100), [FIRST_SLICE, FIRST_SLICE, FIRST_SLICE])
})

t.test('after a stalled attempt, slices start small and grow to at most a quarter of their former size', async (t) => {
  const sliceSize = largestSliceSize()
  for (const largest of [SLICE / 4, FIRST_SLICE, FIRST_SLICE]) {
    new SlicedBody(bytes(SLICE), sliceSize, () => {}).requestStalled()
    t.equal(sliceSize.current, FIRST_SLICE)
    t.equal(Math.max(...(await slicesTaken(3 * SLICE, sliceSize, 0))), largest)
  }
})

t.test('only a request that stalled makes slices small, not one that the caller cancelled', async (t) => {
  for (const [stallTimeout, slice] of [
    [1, FIRST_SLICE],
    [0, SLICE],
  ] as const) {
    const sliceSize = largestSliceSize()
    const caller = new AbortController()
    const watch = new StallWatch(stallTimeout, { at: 0 }, caller.signal)
    watch.watchBody(new SlicedBody(bytes(SLICE), sliceSize, () => {}))
    const request = once(watch.signal, 'abort').then(() => Promise.reject(watch.signal.reason))
    if (stallTimeout === 0) caller.abort()
    await t.rejects(watch.waitFor(request))
    t.equal(watch.stalled, stallTimeout > 0)
    t.equal(sliceSize.current, slice)
  }
})

t.test('a slice is read only after the previous one was taken', async (t) => {
  const taken: number[] = []
  const body = new SlicedBody(bytes(SLICE), new SliceSize(), (bytes) => taken.push(bytes))
  body.pipe(new Writable({ highWaterMark: 1, write() {} }))
  await new Promise(setImmediate)
  t.strictSame(taken, [FIRST_SLICE])
  body.release()
})

t.test('release breaks off a request that lacks some of its bytes, and lets a complete one end', async (t) => {
  for (const [size, isComplete] of [
    [FIRST_SLICE, true],
    [3 * SLICE, false],
  ] as const) {
    const slow = new Writable({ highWaterMark: 1, write() {} })
    const body = new SlicedBody(bytes(size), new SliceSize(), () => {})
    body.pipe(slow)
    await new Promise(setImmediate)
    body.release()
    t.equal(slow.writableEnded, isComplete)
    t.equal(slow.destroyed, !isComplete)
    t.ok(body.destroyed)
  }
})

t.test('a body that is released before it was read, or within a slice, is empty', async (t) => {
  for (const read of [0, 1]) {
    const body = new SlicedBody(bytes(SLICE), new SliceSize(), () => {})
    t.equal(body.read(read)?.length ?? 0, read)
    body.release()
    t.ok(body.destroyed)
    t.equal(body.readableLength, 0)
  }
})

t.test('a body that is released before its end does not end as if it were complete', async (t) => {
  for (const read of [0, 1, FIRST_SLICE]) {
    const body = new SlicedBody(bytes(SLICE), new SliceSize(), () => {})
    body.read(read)
    body.release()
    await t.rejects(finished(body), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  }
})

t.test('a released body reports no more bytes', async (t) => {
  const taken: number[] = []
  const body = new SlicedBody(bytes(SLICE), new SliceSize(), (bytes) => taken.push(bytes))
  body.read(1)
  body.release()
  t.strictSame(taken, [FIRST_SLICE])
})
