import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import {
  CreateBucketCommand,
  type CreateBucketCommandInput,
  DeleteBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  type MultipartUpload,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { Client as Minio } from 'minio'
import type { Test } from 'tap'

/** The S3 that test/support/run.ts found. */
export const endpoint = new URL(required('S3_ENDPOINT'))
export const accessKeyId = required('AWS_ACCESS_KEY_ID')
export const secretAccessKey = required('AWS_SECRET_ACCESS_KEY')
export const region = process.env.AWS_REGION ?? 'us-east-1'

function required(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set. Run the tests by npm test, which finds an S3 for them`)
  return value
}

/** A client as a user would make it, destroyed with the test. */
export function s3Client(t: Test, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: endpoint.href,
    region,
    forcePathStyle: true,
    ...config,
  })
  t.teardown(() => client.destroy())
  return client
}

const admin = new S3Client({
  endpoint: endpoint.href,
  region,
  forcePathStyle: true,
})

let buckets = 0

/** A bucket of the test's own. It ends with a look that no upload was left in it. */
export async function makeBucket(
  t: Pick<Test, 'teardown'>,
  options: Omit<CreateBucketCommandInput, 'Bucket'> = {},
): Promise<string> {
  const Bucket = `test-${process.pid}-${Date.now().toString(36)}-${++buckets}`
  await admin.send(new CreateBucketCommand({ Bucket, ...options }))
  t.teardown(async () => {
    const left = await unfinishedUploads(Bucket)
    await empty(Bucket, options.ObjectLockEnabledForBucket === true)
    if (left.length > 0) throw new Error(`uploads were left in ${Bucket}: ${JSON.stringify(left)}`)
  })
  return Bucket
}

async function empty(Bucket: string, locked: boolean): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await admin.send(new ListObjectVersionsCommand({ Bucket }))
    const all = [...Versions, ...DeleteMarkers]
    if (all.length === 0) break
    for (const { Key, VersionId } of all) {
      const version = VersionId === undefined || VersionId === 'null' ? {} : { VersionId }
      const bypass = locked ? { BypassGovernanceRetention: true } : {}
      await admin.send(new DeleteObjectCommand({ Bucket, Key, ...version, ...bypass }))
    }
  }
  await admin.send(new DeleteBucketCommand({ Bucket }))
}

/**
 * The unfinished uploads of a bucket, or of one key in it. MinIO lists those of a bucket from a cache, which keeps some
 * that are gone; so each is asked for.
 */
export async function unfinishedUploads(Bucket: string, Key?: string): Promise<MultipartUpload[]> {
  const { Uploads = [] } = await admin.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }))
  const found: MultipartUpload[] = []
  for (const one of Uploads) if ((Key ?? one.Key) === one.Key && (await isThere(Bucket, one))) found.push(one)
  return found
}

async function isThere(Bucket: string, { Key, UploadId }: MultipartUpload): Promise<boolean> {
  try {
    await admin.send(new ListPartsCommand({ Bucket, Key, UploadId }))
    return true
  } catch (error) {
    if ((error as Error).name === 'NoSuchUpload') return false
    throw error
  }
}

/** Undefined where there is no such object. */
export async function head(
  Bucket: string,
  Key: string,
  more: object = {},
): Promise<HeadObjectCommandOutput | undefined> {
  try {
    return await admin.send(new HeadObjectCommand({ Bucket, Key, ...more }))
  } catch (error) {
    if ((error as Error).name === 'NotFound') return undefined
    throw error
  }
}

/** Another maker's client, so that ours is not judged by itself. */
export const minio = new Minio({
  endPoint: endpoint.hostname,
  port: Number(endpoint.port) || (endpoint.protocol === 'https:' ? 443 : 80),
  useSSL: endpoint.protocol === 'https:',
  accessKey: accessKeyId,
  secretKey: secretAccessKey,
  region,
})

/** The SHA-256 and the length of what is stored, as the other client reads it. */
export async function stored(Bucket: string, Key: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  const object = await minio.getObject(Bucket, Key)
  object.on('data', (chunk: Buffer) => {
    size += chunk.length
  })
  await pipeline(object, hash)
  return { sha256: hash.digest('hex'), size }
}

/** The bytes of an object. */
export async function read(Bucket: string, Key: string): Promise<Buffer> {
  return await buffer(await minio.getObject(Bucket, Key))
}

/** What a store can do, asked of the store itself: the tests run against more than one. */
export const isMinio = /minio/i.test(await serverName())

async function serverName(): Promise<string> {
  const response = await fetch(endpoint)
  return response.headers.get('server') ?? ''
}
