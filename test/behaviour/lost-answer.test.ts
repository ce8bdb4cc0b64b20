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

const brokenOff = ({ operation }: RecordedRequest): Fault | undefined =>
  operation === COMPLETE ? { do: 'reset', after: 0 } : undefined

/** An object of the same bytes in the same parts, made past the proxy. */
async function identical(t: Test, { Bucket }: Scenario): Promise<StoredObject> {
  await pipeline(source(), s3Writable({ client: s3Client(t), Bucket, Key: 'k', partSize: P }))
  return await stored(Bucket, 'k')
}

/** Resolves when there is an object, or there should long have been one. */
async function made(Bucket: string): Promise<void> {
  for (let tries = 0; tries < 1000 && (await head(Bucket, 'k')) === undefined; tries++) await sleep(10)
}

t.test('an upload that Complete emptied and left is removed, and the object is a success', async (t) => {
  const invalid = '<Error><Code>InvalidPart</Code><Message>No such part</Message></Error>'
  for (const maxAttempts of [1, 2]) {
    const fault = ({ operation, attempt }: RecordedRequest): Fault | undefined => {
      if (operation === 'ListParts') return { do: 'answer', status: 200, body: '<ListPartsResult/>' }
      if (operation !== COMPLETE) return undefined
      return attempt === 1 ? { do: 'drop answer' } : { do: 'answer', status: 400, body: invalid }
    }
    const { proxy, Bucket, ...given } = await scenario(t, { fault, config: { maxAttempts } })
    const upload = given.upload()
    await pipeline(source(), upload)
    t.equal(upload.result?.ETag, multipartETag(data, P))
    t.same(proxy.cleanUpOperations(), ['ListParts', 'AbortMultipartUpload', 'ListParts'])
    t.equal(proxy.of(COMPLETE).length, maxAttempts)
    t.equal((await stored(Bucket, 'k')).sha256, sha256(data))
  }
})

t.test('a Complete that S3 carries out while the upload is given up is a success', async (t) => {
  const listings: (Fault | undefined)[] = [undefined, { do: 'answer', status: 403 }]
  for (const listing of listings) {
    const fault = ({ operation }: RecordedRequest): Fault | undefined => {
      if (operation === 'ListParts') return listing
      // Once the parts have been seen, and before they are removed.
      if (operation === COMPLETE) {
        const until = proxy.waitFor({ operation: 'AbortMultipartUpload' })
        return { do: 'pass on late', until, broken: true }
      }
      return operation === 'AbortMultipartUpload' ? { do: 'hold', until: made(Bucket) } : undefined
    }
    const { proxy, Bucket, ...given }: Scenario = await scenario(t, { fault, config: { maxAttempts: 1 } })
    const upload = given.upload()
    await pipeline(source(), upload)
    t.equal(upload.result?.ETag, multipartETag(data, P))
    t.equal((await stored(Bucket, 'k')).sha256, sha256(data))
    t.same(await unfinishedUploads(Bucket), [])
  }
})

t.test('an old object of the same bytes in the same parts is no proof', async (t) => {
  const all = await scenario(t, { fault: brokenOff, config: { maxAttempts: 1 } })
  const old = await identical(t, all)
  const expected = { code: 'ERR_S3_REQUEST', operation: COMPLETE }
  await all.fails(pipeline(source(), all.upload()), expected, old)
})

t.test('where a look at the old object fails, the new one is no proof', async (t) => {
  const failures: Fault[] = [
    { do: 'answer', status: 500 },
    { do: 'reset', after: 0 },
  ]
  for (const failure of failures) {
    const fault = (seen: RecordedRequest): Fault | undefined =>
      seen.operation === 'HeadObject' && seen.attempt < 6 ? failure : brokenOff(seen)
    const all = await scenario(t, { fault, config: { maxAttempts: 1 } })
    const old = await identical(t, all)
    const expected = { code: 'ERR_S3_REQUEST', operation: COMPLETE }
    await all.fails(pipeline(source(), all.upload()), expected, old)
  }
})

t.test('with leavePartsOnError the parts stay where Complete had no answer', async (t) => {
  const { proxy, Bucket, ...given } = await scenario(t, { fault: brokenOff, config: { maxAttempts: 1 } })
  const upload = given.upload({ leavePartsOnError: true })
  await t.rejects(pipeline(source(), upload), { code: 'ERR_S3_REQUEST', operation: COMPLETE })
  t.equal(proxy.of('AbortMultipartUpload').length, 0)
  const resume = { UploadId: upload.UploadId as string }
  const again = s3Writable({ client: s3Client(t), Bucket, Key: 'k', resume })
  await pipeline(source(), again)
  t.equal(again.result?.skipped, data.length)
})
