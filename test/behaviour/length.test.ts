import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P, pieces, sha256, zeros } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { scenario } from '../support/scenario.js'
import { head, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'

t.test('a stream whose length is not ContentLength publishes nothing', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const size of [0, KiB, P, 12 * MiB]) {
    const data = bytes(size)
    for (const ContentLength of [size - 1, size, size + 1].filter((length) => length >= 0)) {
      const Key = `${size} for ${ContentLength}`
      const run = pipeline(
        Readable.from(pieces(data, () => 64 * KiB)),
        s3Writable({ client, Bucket, Key, ContentLength, partSize: P }),
      )
      if (ContentLength === size) {
        await run
        t.same(await stored(Bucket, Key), { sha256: sha256(data), size }, Key)
      } else {
        const message = new RegExp(`ContentLength is ${ContentLength}, but the stream has `)
        await t.rejects(run, { code: 'ERR_S3_LENGTH', Bucket, Key, message }, Key)
        t.notOk(await head(Bucket, Key))
      }
    }
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a stream fails at the first byte beyond ContentLength, not at its end', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', ContentLength: 100 })
  upload.on('error', () => {})
  t.equal(await new Promise((resolve) => upload.write(bytes(100), resolve)), null)
  t.match(await new Promise((resolve) => upload.write(bytes(1), resolve)), { code: 'ERR_S3_LENGTH' })
  t.ok(upload.destroyed)
})

t.test('if parts of equal size do not suffice, the parts grow from the middle on', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const size = 3 * P + 2 * P + 4 * P + 1
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, maxParts: 6 })
  await pipeline(zeros(size), upload)
  const sizes = proxy.of('UploadPart').sort((a, b) => Number(a.PartNumber) - Number(b.PartNumber))
  t.same(
    sizes.map(({ length }) => length / P),
    [1, 1, 1, 2, 4, 1 / P],
  )
  t.equal((await stored(Bucket, 'k')).size, size)
})

t.test('a stream fails at the first byte that does not fit into maxParts, and the error names the sizes', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const cases = [
    { maxParts: 20, equalParts: true, capacity: 20 * P, sizes: `20 parts of ${P} bytes` },
    { maxParts: 4, equalParts: false, capacity: 2 * P + 2 * P + 4 * P, sizes: `4 parts of ${P} to ${4 * P} bytes` },
  ]
  for (const { capacity, sizes, ...options } of cases) {
    const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options })
    upload.on('error', () => {})
    const created = once(upload, 'upload')
    const write = (chunk: Buffer) => new Promise((resolve) => upload.write(chunk, resolve))
    for (let remaining = capacity; remaining > 0; remaining -= P) t.equal(await write(Buffer.alloc(P)), null)
    // Four parts have a buffer each, so that all writes may be accepted before Create is answered.
    await created
    t.match(await write(Buffer.alloc(1)), {
      code: 'ERR_S3_TOO_MANY_PARTS',
      message: `s3://${Bucket}/k: the stream is longer than ${sizes} can hold, which is ${capacity} bytes. Raise partSize, or give ContentLength or expectedSize`,
      UploadId: /./,
    })
    await t.rejects(upload.done(), { code: 'ERR_S3_TOO_MANY_PARTS' })
    t.same(await unfinishedUploads(Bucket), [])
    const fits = s3Writable({ client, Bucket, Key: 'fits', partSize: P, ...options })
    await pipeline(zeros(capacity), fits)
    t.equal(fits.result?.parts, options.maxParts)
  }
})

t.test('with maxParts 1, a stream fails at the first byte that does not fit, and no upload is created', async (t) => {
  const { upload, proxy, fails } = await scenario(t)
  await fails(pipeline(zeros(P + 1), upload({ maxParts: 1 })), {
    code: 'ERR_S3_TOO_MANY_PARTS',
    message: /the stream is longer than one part of 5242880 bytes can hold/,
  })
  t.same(proxy.of('CreateMultipartUpload'), [])
  const fits = upload({ maxParts: 1 })
  await pipeline(zeros(P), fits)
  t.match(fits.result, { parts: 1, size: P })
})

t.test('a known length raises the part size so that maxParts suffice', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const known of ['ContentLength', 'expectedSize'] as const) {
    const upload = s3Writable({
      client,
      Bucket,
      Key: 'k',
      partSize: P,
      maxParts: 4,
      equalParts: true,
      [known]: 4 * P + 1,
    } as never)
    await pipeline(zeros(4 * P + 1), upload)
    t.match(upload.result, { parts: 4, size: 4 * P + 1 }, 'the parts have 6 MiB')
  }
})
