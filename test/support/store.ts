import { createHash } from 'node:crypto'
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
export async function makeBucket(t: Test, options: Omit<CreateBucketCommandInput, 'Bucket'> = {}): Promise<string> {
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
  const { Versions = [], DeleteMarkers = [] } = await admin.send(new ListObjectVersionsCommand({ Bucket }))
  for (const { Key, VersionId } of [...Versions, ...DeleteMarkers]) {
    const version = VersionId === undefined || VersionId === 'null' ? {} : { VersionId }
    await admin.send(
      new DeleteObjectCommand({
        Bucket,
        Key,
        ...version,
        ...(locked ? { BypassGovernanceRetention: true } : {}),
      }),
    )
  }
  await admin.send(new DeleteBucketCommand({ Bucket }))
}

export async function unfinishedUploads(Bucket: string): Promise<MultipartUpload[]> {
  const { Uploads = [] } = await admin.send(new ListMultipartUploadsCommand({ Bucket }))
  return Uploads
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

/** What a store can do, asked of the store itself: the tests run against more than one. */
export const isMinio = /minio/i.test(await serverName())

async function serverName(): Promise<string> {
  const response = await fetch(endpoint)
  return response.headers.get('server') ?? ''
}
