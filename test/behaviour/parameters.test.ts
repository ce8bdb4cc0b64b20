import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { GetObjectTaggingCommand, type HeadObjectCommandOutput, ListBucketsCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { crc32Base64 } from '../../lib/checksums/crc32.js'
import { type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { type Operation, paramsFor } from '../../lib/options/parameters.js'
import { bytes, KiB, MiB } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { endpoint, head, isMinio, makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

const SIZES = { small: bytes(KiB), large: bytes(12 * MiB) }

/** The fields of HeadObject's answer that must not depend on the object's size. */
function sizeIndependentFields(output: HeadObjectCommandOutput | undefined): object {
  const { $metadata, ETag, ContentLength, LastModified, VersionId, ...rest } = output ?? {}
  return rest
}

/**
 * Uploads a small and a large object with the same parameters, and asserts that HeadObject returns the same fields for
 * both. Resolves with HeadObject's answer for the small one.
 */
async function uploadBothSizes(
  t: Test,
  params: object,
  extra: { bucket?: object; head?: object } = {},
): Promise<HeadObjectCommandOutput> {
  const client = s3Client(t)
  const Bucket = await makeBucket(t, extra.bucket)
  for (const [Key, data] of Object.entries(SIZES)) {
    await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key, ...params } as S3WritableOptions))
  }
  const small = await head(Bucket, 'small', extra.head)
  const large = await head(Bucket, 'large', extra.head)
  t.equal(small?.ContentLength, SIZES.small.length)
  t.equal(large?.ContentLength, SIZES.large.length)
  t.strictSame(
    sizeIndependentFields(large),
    sizeIndependentFields(small),
    'a large object has the same fields as a small one',
  )
  if ('Tagging' in params) {
    for (const Key of Object.keys(SIZES)) {
      const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket, Key }))
      t.strictSame(TagSet, [{ Key: 'project', Value: 'talks' }])
    }
  }
  return small as HeadObjectCommandOutput
}

t.test('content headers, metadata, tags and storage class are stored at every size', async (t) => {
  const params = {
    ContentType: 'video/webm',
    ContentEncoding: 'x-nothing',
    ContentLanguage: 'de',
    ContentDisposition: 'attachment; filename="talk.webm"',
    CacheControl: 'max-age=60',
    Metadata: { speaker: 'Ada' },
  }
  const stored = await uploadBothSizes(t, {
    ...params,
    Tagging: 'project=talks',
    ...(isMinio ? { StorageClass: 'REDUCED_REDUNDANCY', Expires: new Date('2030-01-01T00:00:00Z') } : {}),
  })
  t.match(stored, params)
  if (isMinio) t.match(stored, { StorageClass: 'REDUCED_REDUNDANCY', ExpiresString: 'Tue, 01 Jan 2030 00:00:00 GMT' })
})

t.test('an object without a ContentType has the same type at every size', async (t) => {
  t.equal((await uploadBothSizes(t, {})).ContentType, 'application/octet-stream')
})

const needsEncryption = isMinio ? {} : { skip: 'this store does not encrypt' }

t.test("objects of every size are encrypted with the store's key", needsEncryption, async (t) => {
  t.match(await uploadBothSizes(t, { ServerSideEncryption: 'AES256' }), { ServerSideEncryption: 'AES256' })
})

t.test('objects of every size are encrypted with a KMS key', needsEncryption, async (t) => {
  const stored = await uploadBothSizes(t, { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'test-key' })
  t.match(stored, { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: /test-key$/ })
})

const needsTls =
  endpoint.protocol === 'https:' ? needsEncryption : { skip: "a customer's key may be sent only over TLS" }

t.test("objects of every size are encrypted with a customer's key", needsTls, async (t) => {
  const key = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'a customer holds 32 bytes of key' }
  t.match(await uploadBothSizes(t, key, { head: key }), { SSECustomerAlgorithm: 'AES256' })
})

t.test('objects of every size are locked', async (t) => {
  const ObjectLockRetainUntilDate = new Date(Date.now() + 3_600_000)
  ObjectLockRetainUntilDate.setMilliseconds(0)
  const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate }
  const stored = await uploadBothSizes(t, lock, { bucket: { ObjectLockEnabledForBucket: true } })
  t.match(stored, { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate })
})

t.test('ExpectedBucketOwner and RequestPayer are sent with every request', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  const owner = (await client.send(new ListBucketsCommand({}))).Owner?.ID as string
  proxy.seen.length = 0
  const params = { ACL: 'private', ExpectedBucketOwner: owner, RequestPayer: 'requester' } as const
  for (const [Key, data] of Object.entries(SIZES)) {
    await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key, ...params }))
  }
  const failing = s3Writable({
    client,
    Bucket,
    Key: 'aborted',
    ...params,
    beforeComplete: () => Promise.reject(new Error('no')),
  })
  await t.rejects(pipeline(Readable.from([SIZES.large]), failing), { message: 'no' })
  const operations = new Set(proxy.seen.map(({ operation }) => operation))
  for (const name of ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'AbortMultipartUpload', 'ListParts']) {
    t.ok(operations.has(name), name)
  }
  for (const { operation, headers } of proxy.seen) {
    t.equal(headers['x-amz-expected-bucket-owner'], owner, operation)
    t.equal(headers['x-amz-request-payer'], 'requester', operation)
    t.equal(headers['x-amz-acl'], /PutObject|Create/.test(operation) ? 'private' : undefined, operation)
  }
})

t.test('each operation gets the parameters that it takes', async (t) => {
  const names = [
    'ACL',
    'Bucket',
    'ChecksumCRC64NVME',
    'ChecksumSHA256',
    'ChecksumType',
    'ContentMD5',
    'ContentType',
    'ExpectedBucketOwner',
  ]
  const more = [
    'IfNoneMatch',
    'Key',
    'RequestPayer',
    'SSECustomerAlgorithm',
    'SSECustomerKey',
    'SSECustomerKeyMD5',
    'SomethingNew',
  ]
  const all = Object.fromEntries([...names, ...more].map((name) => [name, name]))
  const always = ['Bucket', 'ExpectedBucketOwner', 'Key', 'RequestPayer']
  const key = ['SSECustomerAlgorithm', 'SSECustomerKey', 'SSECustomerKeyMD5']
  const expected: Record<Operation, string[]> = {
    PutObject: Object.keys(all).filter((name) => name !== 'ChecksumType'),
    CreateMultipartUpload: [...always, ...key, 'ACL', 'ChecksumType', 'ContentType', 'SomethingNew'],
    UploadPart: [...always, ...key],
    CompleteMultipartUpload: [...always, ...key, 'IfNoneMatch', 'ChecksumCRC64NVME'],
    AbortMultipartUpload: always,
    ListParts: [...always, ...key],
    HeadObject: [...always, ...key],
    ListMultipartUploads: always.filter((name) => name !== 'Key'),
  }
  for (const [operation, takes] of Object.entries(expected)) {
    t.strictSame(Object.keys(paramsFor(operation as Operation, all)).sort(), [...takes].sort(), operation)
  }
})

t.test('every checksum algorithm of the SDK can be requested', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    for (const [Key, data] of Object.entries(SIZES)) {
      const upload = s3Writable({ client, Bucket, Key, ChecksumAlgorithm })
      await pipeline(Readable.from([data]), upload)
      const stored = await head(Bucket, Key, { ChecksumMode: 'ENABLED' })
      const checksum = stored?.[`Checksum${ChecksumAlgorithm}`]
      t.match(checksum, /^[A-Za-z0-9+/]+=*(-2)?$/, `${ChecksumAlgorithm} of a ${Key} object`)
      t.equal(upload.result?.[`Checksum${ChecksumAlgorithm}`], checksum)
    }
  }
})

t.test('FULL_OBJECT gives the object the CRC-32 of all its bytes', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  for (const [Key, data] of Object.entries(SIZES)) {
    await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key, ChecksumType: 'FULL_OBJECT' }))
    const { ChecksumCRC32, ChecksumType } = (await head(Bucket, Key, { ChecksumMode: 'ENABLED' })) ?? {}
    t.same([ChecksumCRC32, ChecksumType], [crc32Base64(crc32(data)), 'FULL_OBJECT'])
  }
  const [complete] = proxy.of('CompleteMultipartUpload')
  t.equal(complete?.headers['x-amz-checksum-crc32'], crc32Base64(crc32(SIZES.large)))
  t.equal(complete?.headers['x-amz-mp-object-size'], String(SIZES.large.length))
})

t.test('a given checksum of the full object is verified at every size', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const hash = (algorithm: string, data: Buffer) => createHash(algorithm).update(data).digest('base64')
  const CHECKSUMS: Record<string, (data: Buffer) => string> = {
    ContentMD5: (data) => hash('md5', data),
    ChecksumSHA1: (data) => hash('sha1', data),
    ChecksumSHA256: (data) => hash('sha256', data),
    ChecksumCRC32: (data) => crc32Base64(crc32(data)),
  }
  for (const [name, of] of Object.entries(CHECKSUMS)) {
    for (const [Key, data] of Object.entries(SIZES)) {
      await pipeline(Readable.from([data]), s3Writable({ client, Bucket, Key, [name]: of(data) } as S3WritableOptions))
      t.ok(await head(Bucket, Key), `the right ${name} of a ${Key} object`)
      const wrong = { client, Bucket, Key: `wrong ${Key}`, [name]: of(bytes(1)) } as S3WritableOptions
      const expected = { code: 'ERR_S3_INTEGRITY', message: new RegExp(`${name} should be `) }
      await t.rejects(
        pipeline(Readable.from([data]), s3Writable(wrong)),
        expected,
        `a wrong ${name} of a ${Key} object`,
      )
      t.notOk(await head(Bucket, `wrong ${Key}`))
    }
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a given CRC-64/NVME of the full object is verified at every size, and stored by S3', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const [Key, data] of Object.entries(SIZES)) {
    const first = s3Writable({ client, Bucket, Key, ChecksumAlgorithm: 'CRC64NVME' })
    await pipeline(Readable.from([data]), first)
    const right = { client, Bucket, Key: `right ${Key}`, ChecksumCRC64NVME: first.result?.ChecksumCRC64NVME }
    await pipeline(Readable.from([data]), s3Writable(right))
    const { ChecksumCRC64NVME } = right
    t.match(await head(Bucket, right.Key, { ChecksumMode: 'ENABLED' }), { ChecksumCRC64NVME })
    const wrong = { ...right, Key: `wrong ${Key}`, ChecksumCRC64NVME: 'AAAAAAAAAAA=' }
    await t.rejects(pipeline(Readable.from([data]), s3Writable(wrong)), { code: 'ERR_S3_INTEGRITY' })
    t.notOk(await head(Bucket, wrong.Key))
  }
})
