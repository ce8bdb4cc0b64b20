import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, KiB, P, sha256 } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { type Scenario, scenario } from '../support/scenario.js'
import { isMinio, s3Client, stored } from '../support/store.js'

const SIZES = [bytes(KiB), bytes(2 * P + 1)]

/** Uploads the bytes, and asserts that they are stored. */
async function uploadAndCompare({ upload, Bucket }: Scenario, data: Buffer): Promise<void> {
  await pipeline(Readable.from([data]), upload())
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
}

/** Refuses every request that has a checksum header. */
const refuseChecksums = ({ headers }: RecordedRequest): Fault | undefined => {
  const names = Object.keys(headers).filter((name) => /^x-amz-(checksum-|sdk-checksum|trailer)/.test(name))
  if (names.length === 0) return undefined
  const body = `<Error><Code>NotImplemented</Code><Message>${names}</Message></Error>`
  return { do: 'answer', status: 501, body }
}

t.test('with WHEN_REQUIRED, objects of every size are uploaded to a store that refuses checksums', async (t) => {
  const context = await scenario(t, { fault: refuseChecksums, config: { requestChecksumCalculation: 'WHEN_REQUIRED' } })
  for (const data of SIZES) await uploadAndCompare(context, data)
})

t.test('with WHEN_REQUIRED, an upload whose answer is lost succeeds on a store that refuses checksums', async (t) => {
  const context = await scenario(t, {
    fault: (seen) =>
      refuseChecksums(seen) ??
      (/^(Put|Complete)/.test(seen.operation) && seen.attempt === 1 ? { do: 'drop answer' } : undefined),
    config: { requestChecksumCalculation: 'WHEN_REQUIRED' },
  })
  const { upload, Bucket } = context
  for (const data of SIZES) {
    await pipeline(Readable.from([data]), upload({ IfNoneMatch: '*', Key: `k${data.length}` }))
    t.same(await stored(Bucket, `k${data.length}`), { sha256: sha256(data), size: data.length })
  }
})

t.test('with the default client, an upload to a store that refuses checksums fails at its first request', async (t) => {
  for (const data of SIZES) {
    const { upload, fails, proxy } = await scenario(t, { fault: refuseChecksums, config: { maxAttempts: 1 } })
    await fails(pipeline(Readable.from([data]), upload()), {
      name: 'NotImplemented',
      message: /x-amz-(sdk-)?checksum-/,
      $metadata: { httpStatusCode: 501 },
    })
    t.equal(proxy.seen.length, 1)
  }
})

/** A policy that allows neither listing nor reading. */
const denyListAndRead = ({ operation }: RecordedRequest): Fault | undefined =>
  /^(List|Head|Get)/.test(operation) ? denied : undefined

t.test('a policy that allows only PutObject and AbortMultipartUpload is enough for every size', async (t) => {
  const context = await scenario(t, { fault: denyListAndRead })
  for (const data of SIZES) await uploadAndCompare(context, data)
})

t.test('a failed upload leaves nothing if listing and reading are denied', async (t) => {
  const { upload, fails, proxy } = await scenario(t, {
    fault: (seen) => (seen.PartNumber === 2 ? denied : denyListAndRead(seen)),
  })
  // One part at a time: a part that is cancelled could be stored after the abort, and nobody may list it here.
  await fails(pipeline(Readable.from(SIZES), upload({ concurrency: 1 })), { name: 'AccessDenied', PartNumber: 2 })
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts', 'AbortMultipartUpload'])
})

// versitygw 1.8 answers Complete of an aborted upload with 200 and the ETag of the parts, and stores nothing.
const skip = isMinio ? false : 'this store reports success for an upload that does not exist'
t.test('an upload that another client aborts fails, and the old object stays', { skip }, async (t) => {
  const data = SIZES[1] as Buffer
  // The old object has the size of the new one, so the size does not distinguish them.
  const old = bytes(data.length, 9)
  for (const firstAttemptIsLost of [false, true]) {
    const { promise: until, resolve: release } = deferred()
    const { upload, fails, proxy, Bucket } = await scenario(t, {
      fault: ({ operation, attempt }) => {
        if (operation !== 'CompleteMultipartUpload') return undefined
        if (attempt > 1) return { do: 'hold', until }
        return firstAttemptIsLost ? { do: 'reset', after: 0 } : { do: 'hold', until }
      },
    })
    await pipeline(Readable.from([old]), s3Writable({ client: s3Client(t), Bucket, Key: 'k', partSize: P }))
    const stream = upload()
    const piped = pipeline(Readable.from([data]), stream)
    piped.catch(() => {})
    await proxy.waitFor({ operation: 'CompleteMultipartUpload', attempt: firstAttemptIsLost ? 2 : 1 })
    const { UploadId } = stream
    await s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId }))
    release()
    await fails(
      piped,
      { name: 'NoSuchUpload', operation: 'CompleteMultipartUpload', UploadId },
      { sha256: sha256(old), size: old.length },
    )
  }
})

t.test('an object of the same bytes by another writer fails the condition, also after a lost request', async (t) => {
  const data = SIZES[1] as Buffer
  const { upload, fails, Bucket } = await scenario(t, {
    fault: ({ operation, attempt }) =>
      operation === 'CompleteMultipartUpload' && attempt === 1 ? { do: 'reset', after: 0 } : undefined,
  })
  await pipeline(Readable.from([data]), s3Writable({ client: s3Client(t), Bucket, Key: 'k', partSize: P }))
  await fails(
    pipeline(Readable.from([data]), upload({ IfNoneMatch: '*' })),
    { name: 'PreconditionFailed', $metadata: { httpStatusCode: 412, attempts: 2 } },
    { sha256: sha256(data), size: data.length },
  )
})
