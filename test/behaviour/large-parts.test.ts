/** The most bytes that one `update` of a Node hash accepts are 2 GiB - 1; a part may hold more. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { hashAtOnce } from '../../lib/checksums/hash.js'
import { MiB, zeros } from '../support/bytes.js'
import { scenario } from '../support/scenario.js'
import { head } from '../support/store.js'

const LARGE = 2049 * MiB
const source = (size: number) => zeros(size, 4 * MiB)

t.test('a part over 2 GiB is signed over http, and verified by HeadObject if the answer has no ETag', async (t) => {
  const { upload, proxy, Bucket } = await scenario(t, {
    fault: ({ operation }) => (operation === 'PutObject' ? { do: 'set header', header: 'etag' } : undefined),
  })
  const stream = upload({ partSize: LARGE })
  await pipeline(source(LARGE), stream)
  t.match(stream.result, { size: LARGE, parts: 1, ETag: /^"[0-9a-f]{32}"$/ })
  t.match(proxy.of('PutObject'), [{ attempt: 1, length: LARGE, headers: { 'x-amz-content-sha256': /^[0-9a-f]{64}$/ } }])
  t.match(await head(Bucket, 'k'), { ContentLength: LARGE })
})

t.test('a part over 2 GiB is sent with its SHA-256', async (t) => {
  const { upload, proxy, Bucket } = await scenario(t)
  const stream = upload({ partSize: LARGE, ChecksumAlgorithm: 'SHA256', unsignedPayload: true, concurrency: 1 })
  await pipeline(source(LARGE + 1), stream)
  t.match(stream.result, { size: LARGE + 1, parts: 2, ChecksumSHA256: /=-2$/ })
  t.same(proxy.parts(), [1, 2])
  t.match(await head(Bucket, 'k'), { ContentLength: LARGE + 1 })
})

t.test('a synchronous hash of more than 2 GiB covers every byte', async (t) => {
  const bytes = Buffer.alloc(LARGE)
  const expected = createHash('sha1')
  for (let at = 0; at < LARGE; at += MiB) expected.update(bytes.subarray(at, at + MiB))
  t.equal(hashAtOnce('sha1', bytes).digest('hex'), expected.digest('hex'))
})
