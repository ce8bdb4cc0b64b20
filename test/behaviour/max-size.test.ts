import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { resumePoint } from '../../lib/index.js'
import { failureOf, nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, P, sha256, zeros } from '../support/bytes.js'
import { scenario } from '../support/scenario.js'
import { stored } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const totalLength = (requests: { length: number }[]): number => requests.reduce((sum, { length }) => sum + length, 0)

t.test('a stream longer than maxSize publishes nothing, and sends no byte beyond maxSize', async (t) => {
  const { upload, proxy, Bucket, fails } = await scenario(t)
  for (const maxSize of [0, KiB, P, 12 * MiB]) {
    const inPieces = () => pipeline(zeros(maxSize + 1), upload({ maxSize }))
    const atOnce = () =>
      upload({ maxSize })
        .end(Buffer.alloc(maxSize + 1))
        .done()
    for (const write of [inPieces, atOnce]) {
      proxy.seen.length = 0
      const message = new RegExp(`: maxSize is ${maxSize}, but the stream has ${maxSize + 1} or more bytes\\. Nothing`)
      await fails(write(), { code: 'ERR_S3_LENGTH', message })
      t.ok(totalLength([...proxy.of('UploadPart'), ...proxy.of('PutObject')]) <= maxSize)
      t.equal(proxy.of('CompleteMultipartUpload').length + proxy.of('PutObject').length, 0)
    }
  }
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a stream of at most maxSize is published', async (t) => {
  const { upload, Bucket } = await scenario(t)
  for (const maxSize of [0, KiB, P, 12 * MiB]) {
    const data = bytes(maxSize)
    await pipeline(Readable.from([data]), upload({ maxSize }))
    t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: maxSize })
    await pipeline(Readable.from([data]), upload({ maxSize: maxSize + 1 }))
  }
})

t.test('a stream fails at the first byte beyond maxSize, of text too, and not at its end', async (t) => {
  for (const [fits, beyond] of [
    [bytes(100), bytes(1)],
    ['x'.repeat(98), 'é!'],
    ['€'.repeat(33), '€'],
  ] as const) {
    const { upload, proxy } = await scenario(t)
    const stream = upload({ maxSize: 100 })
    stream.on('error', () => {})
    const write = (chunk: string | Buffer) => new Promise((resolve) => stream.write(chunk, resolve))
    t.equal(await write(fits), null)
    t.match(await write(beyond), { code: 'ERR_S3_LENGTH' })
    t.ok(stream.destroyed)
    t.same(proxy.seen, [])
  }
})

t.test('if both ContentLength and maxSize are exceeded, the error names ContentLength', async (t) => {
  const { upload, fails } = await scenario(t)
  const piped = pipeline(Readable.from([bytes(11)]), upload({ ContentLength: 5, maxSize: 10 }))
  await fails(piped, { code: 'ERR_S3_LENGTH', message: /ContentLength is 5, but the stream has 11 or more bytes/ })
})

t.test('the bytes before a resume point count towards maxSize', async (t) => {
  const { upload, client, Bucket } = await scenario(t)
  const data = bytes(2 * P + 100)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(data, 1, 2))
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  const rest = data.subarray(point.offset)
  const limited = upload({ resume: point, maxSize: data.length - 1, leavePartsOnError: true })
  const message = new RegExp(`maxSize is ${data.length - 1}, but the stream has ${data.length} or more bytes`)
  t.match(await failureOf(pipeline(Readable.from([rest]), limited)), { code: 'ERR_S3_LENGTH', message, UploadId })
  await pipeline(Readable.from([rest]), upload({ resume: point, maxSize: data.length }))
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
})
