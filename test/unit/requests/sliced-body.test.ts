import { once } from 'node:events'
import { Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { RateLimit } from '../../../lib/requests/rate-limit.js'
import { FIRST_SLICE, SLICE, SlicedBody, SliceSize } from '../../../lib/requests/sliced-body.js'
import { StallWatch } from '../../../lib/requests/stall-watch.js'
import { bytes, KiB } from '../../support/bytes.js'

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

/** A body of 4 KiB of which two slices may be sent at once, and the third one must wait for minutes. */
function heldBackBody(sliceSize = new SliceSize(new RateLimit(1))): {
  body: SlicedBody
  sliceSize: SliceSize
  sent: number[]
} {
  const sent: number[] = []
  return { body: new SlicedBody(bytes(4 * KiB), sliceSize, (bytes) => sent.push(bytes)), sliceSize, sent }
}

/** A request with or without a connection, whose socket takes all bytes, or none after the first. */
function request(connection: { socket?: object; takesAll?: boolean } = {}): Writable {
  const { socket, takesAll = true } = connection
  const write: Writable['_write'] = (_, __, callback) => takesAll && callback()
  return Object.assign(new Writable({ highWaterMark: 1, write }), { socket })
}

const turn = (): Promise<void> => new Promise(setImmediate)

t.test('with a rate limit a body is all its bytes, in slices of a 40th of a second at most', async (t) => {
  const data = bytes(40 * KiB)
  const sliceSize = new SliceSize(new RateLimit(80 * KiB))
  const start = performance.now()
  const slices: Buffer[] = await new SlicedBody(data, sliceSize, () => {}).toArray()
  t.ok(performance.now() - start >= (1000 * 24) / 80, '16 KiB are a burst')
  t.ok(Buffer.concat(slices).equals(data))
  t.ok(slices.every(({ buffer, length }) => buffer === data.buffer && length === 2 * KiB))
  t.notOk(sliceSize.rateLimit?.hasWaiters)
})

t.test('a high rate does not make slices larger than they are without a limit', async (t) => {
  const sliceSize = new SliceSize(new RateLimit(1024 * SLICE))
  t.equal(sliceSize.first, FIRST_SLICE)
  t.strictSame(await slicesTaken(22 * FIRST_SLICE, sliceSize, 0), [FIRST_SLICE, 4 * FIRST_SLICE, SLICE, FIRST_SLICE])
})

t.test('a body that is released, destroyed or broken off while it waits for its turn sends no more', async (t) => {
  const ends: [how: string, end: (body: SlicedBody, request: Writable) => unknown][] = [
    ['released', (body) => body.release()],
    ['destroyed', (body) => body.destroy()],
    ['its request breaks', (_, request) => request.destroy()],
  ]
  for (const [how, end] of ends) {
    const { body, sliceSize, sent } = heldBackBody()
    const destination = request({ socket: {} })
    body.pipe(destination)
    await turn()
    t.ok(body.isHeldBack)
    t.strictSame(sent, [256, 512], how)
    end(body, destination)
    await turn()
    t.notOk(body.isHeldBack)
    t.notOk(sliceSize.rateLimit?.hasWaiters)
    t.strictSame(sent, [256, 512])
    body.release()
    t.equal(body.readableLength, 0)
  }
})

t.test('slices stay large, however long a body waits for its turn', async (t) => {
  const limit = new RateLimit(40 * SLICE)
  const sliceSize = new SliceSize(limit)
  while (sliceSize.current < SLICE) sliceSize.sliceTaken(0)
  const sent: number[] = []
  const body = new SlicedBody(bytes(FIRST_SLICE + 2 * SLICE), sliceSize, (bytes) => {
    // Others ask for more than a second's bytes before the body joins the queue again.
    if (sent.push(bytes) === 1) for (let n = 0; n < 7; n++) limit.join({ bytes: limit.burst, onGranted: () => {} })
  })
  await body.toArray()
  t.strictSame(sent, [FIRST_SLICE, FIRST_SLICE + SLICE, FIRST_SLICE + 2 * SLICE])
})

/** Whether a watch with a timeout of 20 ms finds, within 300 ms, that the request of this body stalls. */
async function stalls(body: SlicedBody, upload = { at: 0 }): Promise<boolean> {
  const watch = new StallWatch(20, upload, new AbortController().signal)
  watch.watchBody(body)
  const aborted = once(watch.signal, 'abort').then(() => true)
  const result = await Promise.race([aborted, sleep(300, false)])
  await watch.waitFor(Promise.resolve())
  return result
}

t.test('a request whose body waits for its turn does not stall, however long that takes', async (t) => {
  const { body } = heldBackBody()
  body.pipe(request({ socket: {} }))
  t.notOk(await stalls(body))
  t.notOk(body.isHeldBack, 'the end of the watch releases it')
})

t.test('a request whose socket takes no bytes stalls, also while the rate limit holds others back', async (t) => {
  const { body, sliceSize, sent } = heldBackBody()
  body.pipe(request({ socket: {}, takesAll: false }))
  const other = heldBackBody(sliceSize).body
  other.pipe(request({ socket: {} }))
  await turn()
  t.ok(other.isHeldBack)
  t.ok(await stalls(body))
  t.strictSame(sent, [256])
  other.release()
})

t.test('a request without a connection does not stall while the rate limit holds another one back', async (t) => {
  const sliceSize = new SliceSize(new RateLimit(1))
  const other = heldBackBody(sliceSize).body
  other.pipe(request({ socket: {} }))
  await turn()
  const { body } = heldBackBody(sliceSize)
  body.pipe(request({ takesAll: false }))
  t.notOk(await stalls(body))
  other.release()
})
