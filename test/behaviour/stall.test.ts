import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { type S3Writable, s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P, sha256 } from '../support/bytes.js'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { scenario } from '../support/scenario.js'
import { head, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'

/** Long enough for a healthy request on a busy machine, short enough to wait for. */
const stallTimeout = 1500
const SIZES = { small: bytes(KiB), large: bytes(12 * MiB) }

interface Tried {
  proxy: FaultProxy
  Bucket: string
  upload: S3Writable
  /** What the pipeline failed with. */
  error: unknown
}

async function send(
  t: Test,
  size: keyof typeof SIZES,
  fault: (seen: RecordedRequest) => Fault | undefined,
  config: object = {},
): Promise<Tried> {
  const proxy = await faultProxy(t, { fault })
  const client = s3Client(t, { endpoint: proxy.url, ...config })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, stallTimeout })
  const error = await pipeline(Readable.from([SIZES[size]]), upload).catch((error: unknown) => error)
  return { proxy, Bucket, upload, error }
}

async function isWhole(t: Test, { Bucket, error }: Tried, size: keyof typeof SIZES): Promise<void> {
  t.equal(error, undefined)
  t.same(await stored(Bucket, 'k'), { sha256: sha256(SIZES[size]), size: SIZES[size].length })
  t.same(await unfinishedUploads(Bucket), [])
}

const STILL: [what: string, fault: Fault][] = [
  ['is taken and never answered', { do: 'swallow' }],
  ['is carried out and never answered', { do: 'swallow answer' }],
  ['is not read', { do: 'ignore' }],
]
const OPERATIONS = [
  ['small', 'PutObject'],
  ['large', 'CreateMultipartUpload'],
  ['large', 'UploadPart'],
  ['large', 'CompleteMultipartUpload'],
] as const

for (const [what, fault] of STILL) {
  t.test(`a request that ${what} is cancelled and sent again`, async (t) => {
    for (const [size, operation] of OPERATIONS) {
      // If S3 carries out Create and its answer is lost, an upload remains whose UploadId is not known.
      if (operation === 'CreateMultipartUpload' && fault.do === 'swallow answer') continue
      const part = operation === 'UploadPart' ? 2 : undefined
      const tried = await send(t, size, (seen) =>
        seen.operation === operation && seen.PartNumber === part && seen.attempt === 1 ? fault : undefined,
      )
      await isWhole(t, tried, size)
      const again = tried.proxy.of(operation).filter(({ PartNumber }) => PartNumber === part)
      // Complete is not sent again if HeadObject and ListParts show that it was carried out.
      const looks = operation === 'CompleteMultipartUpload' && fault.do === 'swallow answer'
      t.ok(looks ? again.length === 1 : again.length >= 2, operation)
      if (fault.do !== 'ignore') t.ok(again[0]?.endedAt !== undefined, 'the first attempt was broken off')
    }
  })
}

t.test(
  'a request that stalls in every attempt fails the stream, after as many attempts as the client makes',
  async (t) => {
    for (const [size, operation] of OPERATIONS) {
      const fault = (seen: RecordedRequest): Fault | undefined =>
        seen.operation === operation ? { do: 'swallow' } : undefined
      const { proxy, Bucket, error } = await send(t, size, fault, { maxAttempts: 2 })
      t.match(error, {
        code: 'ERR_S3_STALLED',
        name: 'S3WritableError',
        operation,
        $metadata: { attempts: 2 },
        message: `stalled in each of 2 attempts: no progress for ${stallTimeout} ms`,
        cleanupError: undefined,
      })
      const attempts = proxy
        .of(operation)
        .filter(({ PartNumber }) => PartNumber === (error as RecordedRequest).PartNumber)
      t.equal(attempts.length, 2)
      t.notOk(await head(Bucket, 'k'))
      t.same(await unfinishedUploads(Bucket), [])
    }
  },
)

t.test('a Complete that S3 carries out and never answers is a success, because the object proves it', async (t) => {
  const tried = await send(
    t,
    'large',
    ({ operation }) => (operation === 'CompleteMultipartUpload' ? { do: 'swallow answer' } : undefined),
    { maxAttempts: 2 },
  )
  await isWhole(t, tried, 'large')
  t.equal(tried.proxy.of('HeadObject').length, 2, 'before the upload is removed, and after')
  t.match(tried.upload.result, { size: SIZES.large.length, parts: 3, ETag: /-3"$/ })
})

t.test('the error of a request that stalled and was then refused counts all attempts', async (t) => {
  const { error } = await send(t, 'large', ({ operation, PartNumber, attempt }) => {
    if (operation !== 'UploadPart' || PartNumber !== 2) return undefined
    return attempt === 1 ? { do: 'swallow' } : denied
  })
  t.match(error, { name: 'AccessDenied', PartNumber: 2, $metadata: { attempts: 2 } })
})

t.test('a slow request that makes progress is never cancelled', async (t) => {
  // The system's socket buffers hold some MiB. They empty in less than stallTimeout, so their content is no stall.
  const data = bytes(24 * MiB)
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'UploadPart' ? { do: 'throttle', bytesPerSecond: 2 * MiB } : undefined),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: 23 * MiB, stallTimeout: 5000 })
  await pipeline(Readable.from([data]), upload)
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  const [first, second] = proxy.of('UploadPart')
  t.equal(proxy.of('UploadPart').length, 2)
  t.ok(Number(first?.endedAt) - Number(first?.startedAt) > 5000, 'though it took longer than stallTimeout')
  t.ok(second)
})

t.test('a request that waits for a socket does not stall while another request makes progress', async (t) => {
  const data = bytes(8 * P)
  const proxy = await faultProxy(t, { bytesPerSecond: 8 * MiB })
  const client = s3Client(t, { endpoint: proxy.url, requestHandler: { httpAgent: new Agent({ maxSockets: 1 }) } })
  const Bucket = await makeBucket(t)
  await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key: 'k', partSize: P, stallTimeout }))
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  t.equal(proxy.of('UploadPart').length, 8, 'no part was sent twice')
})

t.test(
  'a request that stalls on the only socket is cancelled, and the requests that wait for it continue',
  async (t) => {
    const data = bytes(6 * P)
    const proxy = await faultProxy(t, {
      fault: ({ PartNumber, attempt }) => (PartNumber === 2 && attempt === 1 ? { do: 'swallow' } : undefined),
    })
    const client = s3Client(t, { endpoint: proxy.url, requestHandler: { httpAgent: new Agent({ maxSockets: 1 }) } })
    const Bucket = await makeBucket(t)
    await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key: 'k', partSize: P, stallTimeout }))
    t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  },
)

t.test('the stream ends even if the client ignores its abort signal', async (t) => {
  const client = { config: { maxAttempts: 1 }, send: () => new Promise<never>(() => {}) }
  const upload = s3Writable({ client, Bucket: 'b', Key: 'k', stallTimeout: 10 })
  upload.end('x')
  await t.rejects(upload.done(), { code: 'ERR_S3_STALLED', operation: 'PutObject' })
})

t.test('with a stallTimeout of 0 no request stalls, and the clean-up ends nevertheless', async (t) => {
  const { upload, fails } = await scenario(t, { fault: ({ PartNumber }) => (PartNumber === 2 ? denied : undefined) })
  await fails(pipeline(Readable.from([SIZES.large]), upload({ stallTimeout: 0 })), { name: 'AccessDenied' })
})
