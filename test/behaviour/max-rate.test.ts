import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, P, sha256 } from '../support/bytes.js'
import { type FaultProxy, faultProxy, type ProxyOptions } from '../support/fault-proxy.js'
import { makeBucket, s3Client, stored } from '../support/store.js'

interface Limited {
  data: Buffer
  maxRate: number
  concurrency?: number
  proxyOptions?: ProxyOptions
}

/** Uploads the data, and checks that sending `sent` bytes took as long as the rate requires. */
async function isLimited(
  t: Test,
  { data, maxRate, concurrency, proxyOptions }: Limited,
  sent: number,
): Promise<FaultProxy> {
  const proxy = await faultProxy(t, proxyOptions)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, concurrency, maxRate })
  const start = performance.now()
  await pipeline(Readable.from([data]), upload)
  const seconds = (performance.now() - start) / 1000
  const burst = maxRate / 5
  t.ok(seconds >= (sent - burst) / maxRate, `${sent} bytes in ${seconds} s`)
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  return proxy
}

for (const tls of [false, true]) {
  for (const concurrency of [1, 4]) {
    const title = `${concurrency} parts in flight send at most maxRate together, over ${tls ? 'https' : 'http'}`
    t.test(title, async (t) => {
      const data = bytes(4 * P)
      const proxy = await isLimited(t, { data, maxRate: 10 * MiB, concurrency, proxyOptions: { tls } }, data.length)
      t.same(proxy.parts(), [1, 2, 3, 4])
    })
  }
}

t.test('an object that is sent by one PutObject is limited too', async (t) => {
  const data = bytes(20 * KiB)
  const proxy = await isLimited(t, { data, maxRate: 20 * KiB }, data.length)
  t.equal(proxy.of('PutObject').length, 1)
})

t.test('a part that is sent again counts again', async (t) => {
  const data = bytes(2 * P)
  const proxyOptions: ProxyOptions = {
    fault: ({ PartNumber, attempt }) => (PartNumber === 1 && attempt === 1 ? { do: 'answer', status: 503 } : undefined),
  }
  const proxy = await isLimited(t, { data, maxRate: 10 * MiB, proxyOptions }, 3 * P)
  t.same(proxy.parts(), [1, 1, 2])
})

t.test('a stream that is destroyed while its parts wait for their turn removes its upload', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, maxRate: 1 })
  const failed = t.rejects(pipeline(Readable.from([bytes(2 * P)]), upload), { message: 'too slow' })
  const [{ sent }] = await once(upload, 'progress')
  // At 1 byte a second, the rest would take months.
  t.ok(sent < P)
  upload.destroy(new Error('too slow'))
  await failed
  t.ok(proxy.of('AbortMultipartUpload').length > 0)
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a request that waits for its turn for longer than stallTimeout is sent once', async (t) => {
  const data = bytes(3 * KiB)
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', maxRate: KiB, stallTimeout: 200 })
  await pipeline(Readable.from([data]), upload)
  t.equal(proxy.of('PutObject').length, 1)
})

t.test('a request that stalls behind the limit is cancelled and sent again', async (t) => {
  const data = bytes(24 * MiB)
  const proxy = await faultProxy(t, {
    fault: ({ PartNumber, attempt }) => (PartNumber === 1 && attempt === 1 ? { do: 'ignore' } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  // A part is larger than the socket buffers, so its socket stops taking bytes.
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: 23 * MiB, maxRate: 40 * MiB, stallTimeout: 1500 })
  await pipeline(Readable.from([data]), upload)
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  t.ok(proxy.of('UploadPart').filter(({ PartNumber }) => PartNumber === 1).length >= 2)
})

t.test('a signal ends a PutObject that waits for its turn, and no object is made', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const controller = new AbortController()
  const upload = s3Writable({ client, Bucket, Key: 'k', maxRate: 1, signal: controller.signal })
  const failed = t.rejects(pipeline(Readable.from([bytes(KiB)]), upload), { name: 'AbortError' })
  await once(upload, 'progress')
  controller.abort()
  await failed
  t.notOk(proxy.seen.some(({ complete }) => complete))
  await nothingIsLeft(t, Bucket, 'k')
})
