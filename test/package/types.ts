/** Uses of the types that must compile, and others that must not. The compiler checks this file; it is never run. */
import { Readable, type Writable } from 'node:stream'
import { S3, S3Client } from '@aws-sdk/client-s3'
import {
  type S3Writable,
  type S3WritableError,
  type S3WritableOptions,
  type S3WritableResult,
  s3Writable,
} from '../../lib/index.js'

const client = new S3Client({ region: 'us-east-1' })
const good = { client, Bucket: 'b', Key: 'k' }
const RetainUntil = new Date()

export function invalidCalls(): void {
  // @ts-expect-error client is missing
  s3Writable({ Bucket: 'b', Key: 'k' })
  // @ts-expect-error Key is missing
  s3Writable({ client, Bucket: 'b' })
  // @ts-expect-error Body is not an option, because the stream is the body
  s3Writable({ ...good, Body: 'x' })
  // @ts-expect-error partSize is misspelt
  s3Writable({ ...good, partsize: 1 })
  // @ts-expect-error partSize must be a number
  s3Writable({ ...good, partSize: '8MiB' })
  // @ts-expect-error a client must have send and config
  s3Writable({ ...good, client: {} })
  // @ts-expect-error a resume point must have parts
  s3Writable({ ...good, resume: { UploadId: 'u', offset: 1 } })
  // @ts-expect-error resume must have an UploadId
  s3Writable({ ...good, resume: {} })
  // @ts-expect-error result may be undefined
  s3Writable(good).result.ETag
}

/**
 * S3WritableOptions is an interface, so that a library that wraps the stream can extend it or take some of its options.
 */
interface Extended extends S3WritableOptions {
  userId: string
}
interface WithoutTarget extends Omit<S3WritableOptions, 'client' | 'Bucket'> {
  partSize: number
}
type Picked = Pick<S3WritableOptions, 'Key' | 'ContentType' | 'resume'>

export function wrappedCalls(
  extended: Extended,
  withoutTarget: WithoutTarget,
  picked: Picked,
  partial: Partial<S3WritableOptions>,
): S3Writable[] {
  const { userId, ...rest } = extended
  const withoutClient: Omit<S3WritableOptions, 'client'> = {
    Bucket: userId,
    Key: 'k',
    ContentType: 'text/plain',
    partSize: 1,
  }
  // @ts-expect-error partSize is misspelt, which is an error in a Partial too
  const misspelt: Partial<S3WritableOptions> = { partsize: 1 }
  const required: Required<Pick<S3WritableOptions, 'partSize'>> = { partSize: 1 }
  const name: keyof S3WritableOptions = 'ServerSideEncryption'
  const byName: S3WritableOptions[typeof name] = 'aws:kms'
  // @ts-expect-error Bucket and client are missing
  s3Writable({ ...withoutTarget, Key: 'k' })
  return [
    s3Writable(extended),
    s3Writable(rest),
    s3Writable({ client, ...withoutClient }),
    s3Writable({ client, Bucket: 'b', ...withoutTarget }),
    s3Writable({ ...good, ...picked }),
    s3Writable({ ...good, ...partial, ...good }),
    s3Writable({ ...good, ...misspelt, ...required, ServerSideEncryption: byName }),
    s3Writable({ ...partial, client, Bucket: 'b', Key: 'k' }),
  ]
}

/** `$metadata` is that of the SDK's exceptions, so that its status can be read without a cast. */
export function errorFields(error: S3WritableError): (string | number | undefined)[] {
  const { httpStatusCode, requestId, attempts } = error.$metadata ?? {}
  // @ts-expect-error the SDK's metadata has no such field
  void error.$metadata?.status
  return [error.$metadata?.httpStatusCode, httpStatusCode, requestId, attempts]
}

export function validCalls(): void {
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
    { ...good, resume: false, ContentType: 'text/plain' },
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
