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
import { withThreads } from './threads.js'

/** The endpoint of the S3 under test, which test/support/run.ts has found or started. */
export const endpoint = new URL(required('S3_ENDPOINT'))
export const accessKeyId = required('AWS_ACCESS_KEY_ID')
export const secretAccessKey = required('AWS_SECRET_ACCESS_KEY')
export const region = process.env.AWS_REGION ?? 'us-east-1'

function required(name: string): string {
  const value = process.env[name]
  if (value === undefined)
    throw new Error(`${name} is not set. Run the tests with npm test, which finds an S3 for them`)
  return value
}

const clients = new Set<S3Client>()

/** Closes the connections of all clients that the test file has made. They can still be used. */
export function destroyClients(): void {
  for (const client of clients) client.destroy()
}

/** An SDK client for the S3 under test, destroyed when the test ends. */
export function s3Client(t: Test, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client(withThreads({ endpoint: endpoint.href, region, forcePathStyle: true, ...config }))
  clients.add(client)
  t.teardown(() => {
    clients.delete(client)
    client.destroy()
  })
  return client
}

const admin = new S3Client({
  endpoint: endpoint.href,
  region,
  forcePathStyle: true,
})

let buckets = 0

/** Makes a bucket, and removes it when the test ends. An upload that is left in it then fails the test. */
export async function makeBucket(
  t: Pick<Test, 'teardown'>,
  options: Omit<CreateBucketCommandInput, 'Bucket'> = {},
): Promise<string> {
  const Bucket = `test-${process.pid}-${Date.now().toString(36)}-${++buckets}`
  await admin.send(new CreateBucketCommand({ Bucket, ...options }))
  t.teardown(async () => {
    const uploads = await unfinishedUploads(Bucket)
    await removeBucket(Bucket, options.ObjectLockEnabledForBucket === true)
    if (uploads.length > 0) throw new Error(`uploads were left in ${Bucket}: ${JSON.stringify(uploads)}`)
  })
  return Bucket
}

async function removeBucket(Bucket: string, locked: boolean): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await admin.send(new ListObjectVersionsCommand({ Bucket }))
    const versions = [...Versions, ...DeleteMarkers]
    if (versions.length === 0) break
    for (const { Key, VersionId } of versions) {
      const version = VersionId === undefined || VersionId === 'null' ? {} : { VersionId }
      const bypass = locked ? { BypassGovernanceRetention: true } : {}
      await admin.send(new DeleteObjectCommand({ Bucket, Key, ...version, ...bypass }))
    }
  }
  await admin.send(new DeleteBucketCommand({ Bucket }))
}

/**
 * The unfinished uploads of a bucket, or of one key in it. MinIO lists the uploads of a bucket from a cache that may
 * contain uploads which no longer exist, so ListParts checks each one.
 */
export async function unfinishedUploads(Bucket: string, Key?: string): Promise<MultipartUpload[]> {
  const { Uploads = [] } = await admin.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }))
  const existing: MultipartUpload[] = []
  for (const upload of Uploads) {
    if ((Key ?? upload.Key) === upload.Key && (await exists(Bucket, upload))) existing.push(upload)
  }
  return existing
}

async function exists(Bucket: string, { Key, UploadId }: MultipartUpload): Promise<boolean> {
  try {
    await admin.send(new ListPartsCommand({ Bucket, Key, UploadId }))
    return true
  } catch (error) {
    if ((error as Error).name === 'NoSuchUpload') return false
    throw error
  }
}

/** HeadObject's answer; undefined if there is no such object. `parameters` are further parameters of HeadObject. */
export async function head(
  Bucket: string,
  Key: string,
  parameters: object = {},
): Promise<HeadObjectCommandOutput | undefined> {
  try {
    return await admin.send(new HeadObjectCommand({ Bucket, Key, ...parameters }))
  } catch (error) {
    if ((error as Error).name === 'NotFound') return undefined
    throw error
  }
}

/** A client that does not use the AWS SDK: what the SDK wrote is checked by another implementation. */
export const minio = new Minio({
  endPoint: endpoint.hostname,
  port: Number(endpoint.port) || (endpoint.protocol === 'https:' ? 443 : 80),
  useSSL: endpoint.protocol === 'https:',
  accessKey: accessKeyId,
  secretKey: secretAccessKey,
  region,
})

/** The SHA-256 and the size of an object, as the MinIO client reads it. */
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

/** The keys of all objects of a bucket, in order. */
export async function keysOf(Bucket: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { name } of minio.listObjectsV2(Bucket, '', true)) keys.push(name)
  return keys.sort()
}

/** Whether the S3 under test is MinIO. The tests run against several stores, which differ in what they support. */
export const isMinio = /minio/i.test(await serverName())

async function serverName(): Promise<string> {
  const response = await fetch(endpoint)
  return response.headers.get('server') ?? ''
}
