/** What must compile and what must not. Never run: the compiler reads it, before `npm test` runs anything. */
import { Readable, type Writable } from 'node:stream'
import { S3, S3Client } from '@aws-sdk/client-s3'
import { type S3Writable, type S3WritableOptions, type S3WritableResult, s3Writable } from '../lib/index.js'

const client = new S3Client({ region: 'us-east-1' })
const good = { client, Bucket: 'b', Key: 'k' }
const RetainUntil = new Date()

export function refused(): void {
  // @ts-expect-error no client
  s3Writable({ Bucket: 'b', Key: 'k' })
  // @ts-expect-error no Key
  s3Writable({ client, Bucket: 'b' })
  // @ts-expect-error the stream is the body
  s3Writable({ ...good, Body: 'x' })
  // @ts-expect-error misspelt
  s3Writable({ ...good, partsize: 1 })
  // @ts-expect-error not a number
  s3Writable({ ...good, partSize: '8MiB' })
  // @ts-expect-error an exact length and a guess
  s3Writable({ ...good, ContentLength: 1, expectedSize: 1 })
  // @ts-expect-error both conditions
  s3Writable({ ...good, IfMatch: '"e"', IfNoneMatch: '*' })
  // @ts-expect-error a canned ACL and a grant
  s3Writable({ ...good, ACL: 'private', GrantRead: 'id=1' })
  // @ts-expect-error the store's key and the customer's
  s3Writable({ ...good, SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k', ServerSideEncryption: 'aws:kms' })
  // @ts-expect-error a customer's key without its algorithm
  s3Writable({ ...good, SSECustomerKey: 'k' })
  // @ts-expect-error a lock without a date
  s3Writable({ ...good, ObjectLockMode: 'GOVERNANCE' })
  // @ts-expect-error SHA-256 is of the parts only
  s3Writable({ ...good, ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm: 'SHA256' })
  // @ts-expect-error CRC-64/NVME is of the whole only
  s3Writable({ ...good, ChecksumType: 'COMPOSITE', ChecksumAlgorithm: 'CRC64NVME' })
  // @ts-expect-error a client is an object with send and config
  s3Writable({ ...good, client: {} })
  // @ts-expect-error Create took it
  s3Writable({ ...good, resume: true, ContentType: 'text/plain' })
  // @ts-expect-error Create declared it
  s3Writable({ ...good, resume: { UploadId: 'u' }, ChecksumType: 'FULL_OBJECT' })
  // @ts-expect-error a point has parts
  s3Writable({ ...good, resume: { UploadId: 'u', offset: 1 } })
  // @ts-expect-error no upload is named
  s3Writable({ ...good, resume: {} })
  // @ts-expect-error result may not be there yet
  s3Writable(good).result.ETag
}

export function taken(): void {
  const options: S3WritableOptions[] = [
    good,
    { ...good, client: new S3({ region: 'us-east-1' }) },
    { ...good, partSize: 1, concurrency: 1, maxParts: 1, equalParts: true, unsignedPayload: false, highWaterMark: 1 },
    { ...good, ContentLength: 1, IfNoneMatch: '*', ACL: 'private', ServerSideEncryption: 'AES256' },
    {
      ...good,
      expectedSize: 1,
      IfMatch: '"e"',
      GrantRead: 'id=1',
      SSECustomerAlgorithm: 'AES256',
      SSECustomerKey: 'k',
    },
    { ...good, ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: RetainUntil, ObjectLockLegalHoldStatus: 'ON' },
    { ...good, ChecksumType: 'FULL_OBJECT', ChecksumAlgorithm: 'CRC32' },
    { ...good, ChecksumAlgorithm: 'SHA256', ChecksumSHA256: 'x' },
    { ...good, resume: true, IfNoneMatch: '*', ContentLength: 1, leavePartsOnError: true },
    { ...good, resume: { UploadId: 'u' }, ChecksumSHA256: 'x', SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'k' },
    { ...good, resume: { UploadId: 'u', offset: 1, parts: 1, partSize: 1 }, ExpectedBucketOwner: '1' },
    { ...good, resume: undefined, ContentType: 'text/plain' },
    { ...good, resume: RetainUntil.valueOf() > 1 ? { UploadId: 'u' } : undefined },
    { ...good, ContentType: undefined, partSize: undefined, signal: undefined, ChecksumType: undefined },
    {
      ...good,
      beforeComplete: async ({ size, parts, UploadId }) => [size.toFixed(), parts.toFixed(), UploadId?.length],
    },
  ]
  const upload: S3Writable & Writable = s3Writable(options[0] as S3WritableOptions)
  upload.on('progress', ({ loaded, sent, total, parts, skipped }) => [loaded + sent + parts, total ?? skipped])
  upload.once('upload', ({ UploadId }) => UploadId.length)
  upload.on('error', (error) => error.message).once('finish', () => {})
  const done: Promise<S3WritableResult> = upload.done()
  void done.then(({ ETag, Location, size, VersionId }) => [
    ETag.length,
    Location.length,
    size.toFixed(),
    VersionId?.length,
  ])
  Readable.from([]).pipe(upload)
}
