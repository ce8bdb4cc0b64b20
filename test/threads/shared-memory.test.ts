import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { RateLimit } from '../../lib/requests/rate-limit.js'
import { SharedBody } from '../../lib/requests/shared-body.js'
import { SliceSize } from '../../lib/requests/sliced-body.js'
import { RemoteRate } from '../../lib/threads/outgoing.js'
import { announceGarbage, SharedMemory } from '../../lib/threads/shared-memory.js'
import { failureOf } from '../support/assertions.js'
import { bytes, KiB, MiB, P, sha256 } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { HANDLERS } from '../support/http-handlers.js'
import { gc, heldBytes, heldBytesSince } from '../support/memory.js'
import { makeBucket, s3Client, stored } from '../support/store.js'

t.test('garbage that was announced counts until all memory has been collected', async (t) => {
  const before = await heldBytes()
  announceGarbage(512 * MiB)
  for (let i = 0; i < 5; i++) {
    gc({ type: 'minor' })
    await new Promise((resolve) => setImmediate(resolve))
  }
  const counted = process.memoryUsage().arrayBuffers - before
  t.ok(counted > 400 * MiB, 'a collection of young objects does not end the count')
  t.ok((await heldBytesSince(before, 100 * MiB)) < 100 * MiB, 'a collection of all memory does')
})

t.test('memory is shared from 64 KiB on, and is used again by parts of the same size', (t) => {
  const dropped: number[] = []
  const memory = new SharedMemory((bytes) => dropped.push(bytes))
  const small = memory.allocate(64 * KiB - 1)
  t.notOk((small.buffer as ArrayBufferLike) instanceof SharedArrayBuffer)
  memory.free(small)
  t.not(memory.allocate(64 * KiB - 1), small, 'memory that is not shared is not kept')
  const [first, second] = [memory.allocate(64 * KiB), memory.allocate(64 * KiB)]
  t.ok((first.buffer as ArrayBufferLike) instanceof SharedArrayBuffer)
  memory.free(first)
  memory.free(second)
  t.equal(memory.allocate(64 * KiB), second, 'the one that was used last')
  t.equal(memory.allocate(64 * KiB), first)
  memory.free(first)
  memory.free(second)
  t.same(dropped, [])
  t.equal(memory.allocate(64 * KiB + 1).length, 64 * KiB + 1)
  t.same(dropped, [128 * KiB], 'a part of another size drops them')
  t.not(memory.allocate(64 * KiB), second)
  memory.free(second)
  memory.clear()
  t.same(dropped, [128 * KiB, 64 * KiB])
  memory.clear()
  t.equal(dropped.length, 2)
  t.end()
})

t.test('memory that was not used for the idle limit is dropped', async (t) => {
  let onDropped = (_: number): void => {}
  const dropped = new Promise<number>((resolve) => {
    onDropped = resolve
  })
  const memory = new SharedMemory((bytes) => onDropped(bytes), 20)
  const buffer = memory.allocate(64 * KiB)
  memory.free(buffer)
  // The timer of the memory itself keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  t.equal(await dropped, 64 * KiB)
  clearInterval(alive)
  t.not(memory.allocate(64 * KiB), buffer)
})

t.test('a shared body reports what the thread says until it is released, and nothing after that', async (t) => {
  const reports: unknown[] = []
  const limit = new RateLimit(1000)
  const onSent = (sent: number, bytes: number): unknown => reports.push([sent, bytes])
  const body = new SharedBody(new Uint8Array(100), new SliceSize(limit), onSent, () => reports.push('handed over'))
  const other = { bytes: 1000, onGranted: () => {} }
  t.equal(body.isHeldBack, false)
  limit.join(other)
  t.equal(body.isHeldBack, true, 'without a connection it waits with the others')
  body.begin({ grant: () => reports.push('granted'), cancel: () => reports.push('cancelled') })
  body.connected()
  t.equal(body.isHeldBack, false)
  body.asksFor(50)
  t.equal(body.isHeldBack, true)
  limit.leave(other)
  body.gave(60)
  body.gave(40)
  t.equal(body.isFullySent, true)
  body.handedOver()
  body.requestStalled()
  body.release()
  body.release()
  for (const late of [() => body.gave(1), () => body.handedOver(), () => body.asksFor(1)]) late()
  t.same(reports, ['granted', [60, 60], [100, 40], 'handed over', 'cancelled'])
  t.throws(() => body.begin({ grant: () => {}, cancel: () => {} }), { message: /ended before its body was sent/ })
})

t.test('a shared body without a rate limit is never held back', async (t) => {
  const body = new SharedBody(new Uint8Array(1), new SliceSize(), () => {})
  body.begin({ grant: () => {}, cancel: () => {} })
  t.equal(body.isHeldBack, false)
  body.asksFor(1)
  body.handedOver()
  body.release()
})

t.test('the rate limit of a thread asks the other side, and has one waiter at most', async (t) => {
  const asked: number[] = []
  const rate = new RemoteRate((bytes) => asked.push(bytes))
  let granted = 0
  const waiter = { bytes: 5, onGranted: () => void granted++ }
  t.equal(rate.hasWaiters, false)
  t.equal(rate.isWaiting(undefined), false)
  rate.join(waiter)
  t.equal(rate.hasWaiters, true)
  t.equal(rate.isWaiting(waiter), true)
  rate.grant()
  rate.grant()
  t.equal(rate.isWaiting(waiter), false)
  rate.join(waiter)
  rate.leave(undefined)
  rate.leave(waiter)
  rate.grant()
  t.same({ asked, granted }, { asked: [5, 5], granted: 1 })
})

const data = bytes(2 * P + 1)
for (const kind of ['ThreadedHandler', 'serve']) {
  for (const maxRate of [undefined, 8 * P]) {
    t.test(
      `a stream sends its parts from shared memory, ${maxRate ? 'at' : 'without'} a maxRate (${kind})`,
      async (t) => {
        const Bucket = await makeBucket(t)
        const requestHandler = HANDLERS[kind]?.() as never
        const client = s3Client(t, { requestHandler })
        await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key: 'k', partSize: P, maxRate }))
        t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
      },
    )

    t.test(
      `a stream that ends early cancels its parts, ${maxRate ? 'at' : 'without'} a maxRate (${kind})`,
      async (t) => {
        const Bucket = await makeBucket(t)
        const proxy = await faultProxy(t, { bytesPerSecond: P })
        const client = s3Client(t, { endpoint: proxy.url, requestHandler: HANDLERS[kind]?.() as never })
        const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, maxRate })
        upload.write(data)
        const failed = failureOf(upload.done())
        await proxy.waitFor({ operation: 'UploadPart' })
        upload.destroy(new Error('the user left'))
        await failed
        t.ok(upload.destroyed)
      },
    )
  }
}
