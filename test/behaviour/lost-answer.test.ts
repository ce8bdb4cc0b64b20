import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import type { StoredObject } from '../support/assertions.js'
import { bytes, MiB, multipartETag, P, sha256 } from '../support/bytes.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { type Scenario, scenario } from '../support/scenario.js'
import { head, s3Client, stored, unfinishedUploads } from '../support/store.js'

const data = bytes(12 * MiB)
const COMPLETE = 'CompleteMultipartUpload'
const source = (): Readable => Readable.from([data])

const resetComplete = ({ operation }: RecordedRequest): Fault | undefined =>
  operation === COMPLETE ? { do: 'reset', after: 0 } : undefined

/** Stores the same bytes in the same parts, directly on S3. */
async function storeSameBytes(t: Test, { Bucket }: Scenario): Promise<StoredObject> {
  await pipeline(source(), s3Writable({ client: s3Client(t), Bucket, Key: 'k', partSize: P }))
  return await stored(Bucket, 'k')
}

/** Resolves when the object exists, or after 10 s at the earliest. */
async function untilObjectExists(Bucket: string): Promise<void> {
  for (let tries = 0; tries < 1000 && (await head(Bucket, 'k')) === undefined; tries++) await sleep(10)
}

t.test('an upload that is left without parts after Complete is removed, and the stream succeeds', async (t) => {
  const invalid = '<Error><Code>InvalidPart</Code><Message>No such part</Message></Error>'
  for (const maxAttempts of [1, 2]) {
    const fault = ({ operation, attempt }: RecordedRequest): Fault | undefined => {
      if (operation === 'ListParts') return { do: 'answer', status: 200, body: '<ListPartsResult/>' }
      if (operation !== COMPLETE) return undefined
      return attempt === 1 ? { do: 'drop answer' } : { do: 'answer', status: 400, body: invalid }
    }
    const { proxy, Bucket, ...rest } = await scenario(t, { fault, config: { maxAttempts } })
    const upload = rest.upload()
    await pipeline(source(), upload)
    t.equal(upload.result?.ETag, multipartETag(data, P))
    t.same(proxy.cleanUpOperations(), ['ListParts', 'AbortMultipartUpload', 'ListParts'])
    t.equal(proxy.of(COMPLETE).length, maxAttempts)
    t.equal((await stored(Bucket, 'k')).sha256, sha256(data))
  }
})

t.test('a Complete that S3 carries out during the clean-up is a success', async (t) => {
  const listings: (Fault | undefined)[] = [undefined, { do: 'answer', status: 403 }]
  for (const listing of listings) {
    const fault = ({ operation }: RecordedRequest): Fault | undefined => {
      if (operation === 'ListParts') return listing
      // S3 gets Complete after ListParts has listed the parts, and before they are removed.
      if (operation === COMPLETE) {
        const until = proxy.waitFor({ operation: 'AbortMultipartUpload' })
        return { do: 'pass on late', until, broken: true }
      }
      return operation === 'AbortMultipartUpload' ? { do: 'hold', until: untilObjectExists(Bucket) } : undefined
    }
    const { proxy, Bucket, ...rest }: Scenario = await scenario(t, { fault, config: { maxAttempts: 1 } })
    const upload = rest.upload()
    await pipeline(source(), upload)
    t.equal(upload.result?.ETag, multipartETag(data, P))
    t.equal((await stored(Bucket, 'k')).sha256, sha256(data))
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('an older object with the same bytes in the same parts proves nothing', async (t) => {
  const context = await scenario(t, { fault: resetComplete, config: { maxAttempts: 1 } })
  const old = await storeSameBytes(t, context)
  const expected = { code: 'ERR_S3_REQUEST', operation: COMPLETE }
  await context.fails(pipeline(source(), context.upload()), expected, old)
})

t.test('if HeadObject of the older object fails, an object with the same bytes proves nothing', async (t) => {
  const failures: Fault[] = [
    { do: 'answer', status: 500 },
    { do: 'reset', after: 0 },
  ]
  for (const failure of failures) {
    const fault = (seen: RecordedRequest): Fault | undefined =>
      seen.operation === 'HeadObject' && seen.attempt < 6 ? failure : resetComplete(seen)
    const context = await scenario(t, { fault, config: { maxAttempts: 1 } })
    const old = await storeSameBytes(t, context)
    const expected = { code: 'ERR_S3_REQUEST', operation: COMPLETE }
    await context.fails(pipeline(source(), context.upload()), expected, old)
  }
})

t.test('leavePartsOnError keeps the parts if Complete gets no answer', async (t) => {
  const { proxy, Bucket, ...rest } = await scenario(t, { fault: resetComplete, config: { maxAttempts: 1 } })
  const upload = rest.upload({ leavePartsOnError: true })
  await t.rejects(pipeline(source(), upload), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.equal(proxy.of('AbortMultipartUpload').length, 0)
  const resume = { UploadId: upload.UploadId as string }
  const resumed = s3Writable({ client: s3Client(t), Bucket, Key: 'k', resume })
  await pipeline(source(), resumed)
  t.equal(resumed.result?.skipped, data.length)
})
