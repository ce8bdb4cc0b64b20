import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, KiB, multipartETag, P, pieces, sha256 } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { makeBucket, s3Client, stored } from '../support/store.js'

const SIZES = {
  '0': 0,
  '1': 1,
  'P−1': P - 1,
  P: P,
  'P+1': P + 1,
  '2P': 2 * P,
  '2P+1': 2 * P + 1,
  '7P+3': 7 * P + 3,
}

/** Pseudorandom write lengths, the same in every run. */
function irregularLengths(): () => number {
  let seed = 42
  return () => {
    seed = (seed * 48271) % 0x7fffffff
    return 1 + (seed % (700 * KiB))
  }
}
const WRITES = {
  '1 KiB': () => KiB,
  '64 KiB': () => 64 * KiB,
  '3P': () => 3 * P,
  random: irregularLengths(),
}

/** Sources that produce the chunks at once, or wait for a turn of the event loop after each chunk. */
const SOURCES = {
  'a source that never waits': (chunks: Iterable<Buffer>, to: Writable) => pipeline(Readable.from(chunks), to),
  'a source that waits': (chunks: Iterable<Buffer>, to: Writable) => pipeline(withPauses(chunks), to),
}
async function* withPauses(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    yield chunk
    await new Promise(setImmediate)
  }
}

t.test('an object of every size, written in chunks of every size, has the same bytes and exact parts', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  for (const [sizeName, size] of Object.entries(SIZES)) {
    const data = bytes(size)
    for (const [writeName, next] of Object.entries(WRITES)) {
      for (const [sourceName, run] of Object.entries(SOURCES)) {
        await t.test(`${sizeName} bytes in chunks of ${writeName} from ${sourceName}`, async (t) => {
          proxy.seen.length = 0
          const Key = `${sizeName}/${writeName}/${sourceName}`
          const upload = s3Writable({ client, Bucket, Key, partSize: P })
          await run(pieces(data, next), upload)

          t.same(await stored(Bucket, Key), { sha256: sha256(data), size })
          const parts = Math.max(1, Math.ceil(size / P))
          t.match(upload.result, { size, parts, Bucket, Key })
          const requests = proxy.seen.map(({ operation }) => operation).sort()
          if (size <= P) {
            t.same(requests, ['PutObject'])
            return
          }
          t.same(requests, ['CompleteMultipartUpload', 'CreateMultipartUpload', ...Array(parts).fill('UploadPart')])
          const partRequests = proxy.of('UploadPart').sort((a, b) => Number(a.PartNumber) - Number(b.PartNumber))
          const last = size - (parts - 1) * P
          t.same(
            partRequests.map(({ length }) => length),
            [...Array(parts - 1).fill(P), last],
          )
          t.equal(upload.result?.ETag, multipartETag(data, P))
        })
      }
    }
  }
})
