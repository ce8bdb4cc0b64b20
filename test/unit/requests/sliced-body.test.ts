import { once } from 'node:events'
import { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import { FIRST_SLICE, SLICE, SlicedBody, SliceSize } from '../../../lib/requests/sliced-body.js'
import { StallWatch } from '../../../lib/requests/stall-watch.js'
import { bytes } from '../../support/bytes.js'

t.test('a body is its bytes, in slices of the same memory', async (t) => {
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

/** What a destination that needs `ms` for each slice is given of a body that follows others of the same upload. */
async function slicesTaken(size: number, pace: SliceSize, ms: number): Promise<number[]> {
  const lengths: number[] = []
  const write: Writable['_write'] = ({ length }, _, callback) => {
    lengths.push(length)
    setTimeout(callback, ms)
  }
  await pipeline(new SlicedBody(bytes(size), pace, () => {}), new Writable({ highWaterMark: 1, write }))
  return lengths
}

/** Of a link that took all there was at once. */
function fastPace(): SliceSize {
  const pace = new SliceSize()
  while (pace.current < SLICE) pace.sliceTaken(0)
  return pace
}

t.test('slices grow while they are gone at once, and the next body goes on from there', async (t) => {
  const pace = new SliceSize()
  t.strictSame(await slicesTaken(22 * FIRST_SLICE, pace, 0), [FIRST_SLICE, 4 * FIRST_SLICE, SLICE, FIRST_SLICE])
  t.strictSame(await slicesTaken(FIRST_SLICE + 2 * SLICE, pace, 0), [FIRST_SLICE, SLICE, SLICE])
})

t.test('slices stay small on a slow link, where a large one would look as if it stood still', async (t) => {
  const pace = fastPace()
  t.strictSame(await slicesTaken(3 * FIRST_SLICE, pace, 1100), [FIRST_SLICE, FIRST_SLICE, FIRST_SLICE])
})

t.test('after an attempt that stood still, slices begin small and grow to a quarter of what they were', async (t) => {
  const pace = fastPace()
  for (const most of [SLICE / 4, FIRST_SLICE, FIRST_SLICE]) {
    new SlicedBody(bytes(SLICE), pace, () => {}).requestStalled()
    t.equal(pace.current, FIRST_SLICE)
    t.equal(Math.max(...(await slicesTaken(3 * SLICE, pace, 0))), most)
  }
})

t.test('only a request that stood still, not one that the caller cancelled, makes slices small', async (t) => {
  for (const [stallTimeout, slice] of [
    [1, FIRST_SLICE],
    [0, SLICE],
  ] as const) {
    const pace = fastPace()
    const caller = new AbortController()
    const watch = new StallWatch(stallTimeout, { at: 0 }, caller.signal)
    watch.watchBody(new SlicedBody(bytes(SLICE), pace, () => {}))
    const request = once(watch.signal, 'abort').then(() => Promise.reject(watch.signal.reason))
    if (stallTimeout === 0) caller.abort()
    await t.rejects(watch.waitFor(request))
    t.equal(watch.stalled, stallTimeout > 0)
    t.equal(pace.current, slice)
  }
})

t.test('no slice is read before the one before it is gone', async (t) => {
  const taken: number[] = []
  const body = new SlicedBody(bytes(SLICE), new SliceSize(), (bytes) => taken.push(bytes))
  body.pipe(new Writable({ highWaterMark: 1, write() {} }))
  await new Promise(setImmediate)
  t.strictSame(taken, [FIRST_SLICE])
  body.release()
})

t.test('released, it breaks off a request that has not all its bytes, and lets another end', async (t) => {
  for (const [size, has] of [
    [FIRST_SLICE, true],
    [3 * SLICE, false],
  ] as const) {
    const slow = new Writable({ highWaterMark: 1, write() {} })
    const body = new SlicedBody(bytes(size), new SliceSize(), () => {})
    body.pipe(slow)
    await new Promise(setImmediate)
    body.release()
    t.equal(slow.writableEnded, has)
    t.equal(slow.destroyed, !has)
    t.ok(body.destroyed)
  }
})

t.test('released before any request has taken it, or with some of a slice in hand, it is empty', async (t) => {
  for (const read of [0, 1]) {
    const body = new SlicedBody(bytes(SLICE), new SliceSize(), () => {})
    t.equal(body.read(read)?.length ?? 0, read)
    body.release()
    t.ok(body.destroyed)
    t.equal(body.readableLength, 0)
  }
})

t.test('released before it was all read, it does not end: what came of it is not the whole part', async (t) => {
  for (const read of [0, 1, FIRST_SLICE]) {
    const body = new SlicedBody(bytes(SLICE), new SliceSize(), () => {})
    body.read(read)
    body.release()
    await t.rejects(finished(body), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  }
})

t.test('released, it tells of no bytes', async (t) => {
  const taken: number[] = []
  const body = new SlicedBody(bytes(SLICE), new SliceSize(), (bytes) => taken.push(bytes))
  body.read(1)
  body.release()
  t.strictSame(taken, [FIRST_SLICE])
})
