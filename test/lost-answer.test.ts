import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { s3Writable } from '../lib/index.js'
import { bytes, MiB, multipartETag, P, sha256 } from './support/bytes.js'
import { type Fault, type FaultProxy, faultProxy } from './support/fault-proxy.js'
import type { Seen } from './support/seen.js'
import { head, makeBucket, s3Client, stored, unfinishedUploads } from './support/store.js'

const data = bytes(12 * MiB)
const Key = 'k'
const COMPLETE = 'CompleteMultipartUpload'

/** An upload that asks for its object `maxAttempts` times. */
async function asking(
  t: Test,
  maxAttempts: number,
  fault: (seen: Seen, proxy: FaultProxy, Bucket: string) => Fault | undefined,
  options: { leavePartsOnError?: boolean } = {},
) {
  const Bucket = await makeBucket(t)
  const proxy: FaultProxy = await faultProxy(t, { fault: (seen) => fault(seen, proxy, Bucket) })
  const client = s3Client(t, { endpoint: proxy.url, maxAttempts })
  const upload = s3Writable({ client, Bucket, Key, partSize: P, ...options })
  return { proxy, Bucket, upload, run: () => pipeline(Readable.from([data]), upload) }
}

/** Resolves when there is an object, or there should long have been one. */
async function made(Bucket: string): Promise<void> {
  for (let tries = 0; tries < 1000 && (await head(Bucket, Key)) === undefined; tries++) await sleep(10)
}

t.test('an upload that Complete emptied and left is removed, and the object is a success', async (t) => {
  const invalid = '<Error><Code>InvalidPart</Code><Message>No such part</Message></Error>'
  for (const maxAttempts of [1, 2]) {
    const { run, upload, proxy, Bucket } = await asking(t, maxAttempts, ({ operation, attempt }) => {
      if (operation === 'ListParts') return { do: 'answer', status: 200, body: '<ListPartsResult/>' }
      if (operation !== COMPLETE) return undefined
      return attempt === 1 ? { do: 'drop answer' } : { do: 'answer', status: 400, body: invalid }
    })
    await run()
    t.equal(upload.result?.ETag, multipartETag(data, P))
    t.same(proxy.cleanUp(), ['ListParts', 'AbortMultipartUpload', 'ListParts'])
    t.equal(proxy.of(COMPLETE).length, maxAttempts)
    t.equal((await stored(Bucket, Key)).sha256, sha256(data))
  }
})

t.test('a Complete that S3 carries out while the upload is given up is a success', async (t) => {
  const listings: (Fault | undefined)[] = [undefined, { do: 'answer', status: 403 }]
  for (const listing of listings) {
    const late = ({ operation }: Seen, proxy: FaultProxy, Bucket: string): Fault | undefined => {
      if (operation === 'ListParts') return listing
      // Once the parts have been seen, and before they are removed.
      if (operation === COMPLETE)
        return { do: 'pass on late', until: proxy.came({ operation: 'AbortMultipartUpload' }), broken: true }
      return operation === 'AbortMultipartUpload' ? { do: 'hold', until: made(Bucket) } : undefined
    }
    const { run, upload, Bucket } = await asking(t, 1, late)
    await run()
    t.equal(upload.result?.ETag, multipartETag(data, P))
    t.equal((await stored(Bucket, Key)).sha256, sha256(data))
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('an old object of the same bytes in the same parts is no proof', async (t) => {
  const { run, Bucket, upload } = await asking(t, 1, ({ operation }) =>
    operation === COMPLETE ? { do: 'reset', after: 0 } : undefined,
  )
  await pipeline(Readable.from([data]), s3Writable({ client: s3Client(t), Bucket, Key, partSize: P }))
  await t.rejects(run(), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.equal(upload.result, undefined)
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('where a look at the old object fails, the new one is no proof', async (t) => {
  const failures: Fault[] = [
    { do: 'answer', status: 500 },
    { do: 'reset', after: 0 },
  ]
  for (const failure of failures) {
    const unheard = ({ operation, attempt }: Seen): Fault | undefined => {
      if (operation === COMPLETE) return { do: 'reset', after: 0 }
      return operation === 'HeadObject' && attempt < 6 ? failure : undefined
    }
    const { run, Bucket } = await asking(t, 1, unheard)
    await pipeline(Readable.from([data]), s3Writable({ client: s3Client(t), Bucket, Key, partSize: P }))
    await t.rejects(run(), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('with leavePartsOnError the parts stay where Complete had no answer', async (t) => {
  const { run, upload, proxy, Bucket } = await asking(
    t,
    1,
    ({ operation }) => (operation === COMPLETE ? { do: 'reset', after: 0 } : undefined),
    { leavePartsOnError: true },
  )
  await t.rejects(run(), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.equal(proxy.of('AbortMultipartUpload').length, 0)
  const resume = { UploadId: upload.UploadId as string }
  const again = s3Writable({ client: s3Client(t), Bucket, Key, resume })
  await pipeline(Readable.from([data]), again)
  t.equal(again.result?.skipped, data.length)
})
