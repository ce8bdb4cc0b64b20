import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { type S3Writable, type S3WritableOptions, type S3WritableResult, s3Writable } from 's3-writable'
import { bytes, MiB, P, sha256 } from '../../support/bytes.js'
import { equal, type Failure, inOneLine, ok } from './assert.js'
import type { FaultyKey } from './faulty-keys.js'
import { REGION, setting } from './setting.js'

const { accessKeyId, secretAccessKey } = setting
const config: S3ClientConfig = {
  endpoint: setting.endpoint,
  region: REGION,
  forcePathStyle: true,
  credentials: { accessKeyId, secretAccessKey },
}

/** The client that the streams use, as a user of this store would make it. */
export const client = clientWith()
/** The client that looks at what the streams made. It asks for no checksum, so that every store answers it. */
export const plain = new S3Client({
  ...config,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})
export const Bucket = bucketName(`checks-${randomUUID().slice(0, 13)}`)

/** The name of a bucket with what the store demands at its end. */
export function bucketName(name: string): string {
  return `${name}${setting.bucketSuffix}`
}

/** A client with further options. */
export function clientWith(options: S3ClientConfig = {}): S3Client {
  return new S3Client({ ...config, ...setting.client, ...options })
}

/** A client whose requests go through the proxy. */
export function proxied(maxAttempts = 3): S3Client {
  return clientWith({ endpoint: setting.proxy, maxAttempts })
}

export async function makeBucket(): Promise<void> {
  // A directory bucket gives sessions only once it exists.
  const withoutSession = new S3Client({ ...config, disableS3ExpressSessionAuth: true })
  await withoutSession.send(new CreateBucketCommand({ Bucket }))
}

let keys = 0

/** A new key. The proxy disturbs the requests of a key that begins with the name of a fault. */
export function newKey(fault?: FaultyKey): string {
  return `${fault === undefined ? '' : `${fault}/`}key-${++keys}`
}

const POOL = bytes(30 * MiB)

/** The first bytes of the pool, or as many as are asked for of the pool repeated. */
export function data(size: number): Buffer {
  if (size <= POOL.length) return POOL.subarray(0, size)
  return Buffer.concat(Array.from({ length: Math.ceil(size / POOL.length) }, () => POOL)).subarray(0, size)
}

/** The `UploadId`s of the uploads that began and did not become an object, by key. */
const begun = new Map<string, Set<string>>()

/** A stream to this key, with parts of 5 MiB. */
export function upload(Key: string, options: Partial<S3WritableOptions> = {}): S3Writable {
  const stream = s3Writable({ client, Bucket, Key, partSize: P, ...options } as S3WritableOptions)
  const ids = begun.get(Key) ?? new Set()
  begun.set(Key, ids)
  stream.on('upload', ({ UploadId }) => ids.add(UploadId))
  stream.on('close', () => ids.delete(stream.result?.UploadId ?? ''))
  return stream
}

/** Uploads the bytes. */
export async function put(Key: string, bytes: Buffer, options?: Partial<S3WritableOptions>): Promise<S3WritableResult> {
  const stream = upload(Key, options)
  await pipeline(source(bytes), stream)
  return stream.result as S3WritableResult
}

/** The bytes in chunks of 64 KiB. With an error, the source fails when it has given them. */
export function source(bytes: Buffer, error?: Error, before: () => Promise<unknown> = async () => {}): Readable {
  const size = 64 * 1024
  return Readable.from(
    (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      if (error === undefined) return
      await before()
      throw error
    })(),
    { objectMode: false },
  )
}

/** Resolves when the stream has closed, which is at most 31 s later. */
export async function closed(stream: S3Writable): Promise<void> {
  if (stream.closed) return
  let timer: NodeJS.Timeout | undefined
  await new Promise<void>((resolve, reject) => {
    stream.once('close', resolve)
    timer = setTimeout(() => reject(new Error('the stream did not close within 31 s')), 31_000)
  })
  clearTimeout(timer)
}

/** Asserts that the key has an object of these bytes. Resolves with GetObject's answer. */
export async function holds(Key: string, bytes: Buffer, parameters: object = {}) {
  const answer = await plain.send(new GetObjectCommand({ Bucket, Key, ...parameters }))
  const stored = await answer.Body?.transformToByteArray()
  equal(stored?.length, bytes.length, 'the size of the object')
  equal(sha256(stored as Uint8Array), sha256(bytes), 'the SHA-256 of the object')
  return answer
}

export async function head(Key: string, parameters: object = {}): Promise<HeadObjectCommandOutput> {
  return await plain.send(new HeadObjectCommand({ Bucket, Key, ...parameters }))
}

export async function exists(Key: string): Promise<boolean> {
  try {
    await head(Key)
    return true
  } catch (error) {
    if ((error as Failure).$metadata?.httpStatusCode === 404) return false
    throw error
  }
}

/** Asserts that the key has neither an object nor an unfinished upload. */
export async function nothingIsThere(Key: string): Promise<void> {
  equal(await exists(Key), false, 'whether there is an object')
  await nothingIsLeft(Key)
}

/** Asserts that the key has no unfinished upload, by its listing and by the parts of every upload that was begun. */
export async function nothingIsLeft(Key: string): Promise<void> {
  for (const UploadId of await unfinishedUploads(Key)) throw new Error(`the upload ${UploadId} is left`)
  for (const UploadId of begun.get(Key) ?? []) {
    const parts = await partsOf(Key, UploadId)
    ok(parts === 0, `${parts} parts of an upload are left`)
  }
}

/** The unfinished uploads of a key. Some stores ignore a prefix, and some list the same page for ever. */
export async function unfinishedUploads(Key: string): Promise<string[]> {
  const found = new Set<string>()
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}
  for (let page = 0; page < 20; page++) {
    const answer = await pageOfUploads(marker)
    for (const { Key: key, UploadId } of answer.Uploads ?? []) if (key === Key && UploadId) found.add(UploadId)
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = answer
    if (!IsTruncated || !NextKeyMarker) break
    marker = { KeyMarker: NextKeyMarker, ...(NextUploadIdMarker ? { UploadIdMarker: NextUploadIdMarker } : {}) }
  }
  return [...found]
}

/** A page of ListMultipartUploads. rclone answers NoSuchUpload if the bucket never had an upload. */
async function pageOfUploads(marker: object): Promise<Partial<ListMultipartUploadsCommandOutput>> {
  try {
    return await plain.send(new ListMultipartUploadsCommand({ Bucket, ...marker }))
  } catch (error) {
    if ((error as Failure).name === 'NoSuchUpload') return {}
    throw new Error(`ListMultipartUploads: ${inOneLine(error)}`)
  }
}

/** How many parts an upload has; none if there is no such upload. */
export async function partsOf(Key: string, UploadId: string): Promise<number> {
  try {
    const { Parts = [] } = await plain.send(new ListPartsCommand({ Bucket, Key, UploadId }))
    return Parts.length
  } catch (error) {
    const { name, $metadata } = error as Failure
    if (name === 'NoSuchUpload' || $metadata?.httpStatusCode === 404) return 0
    throw new Error(`ListParts: ${inOneLine(error)}`)
  }
}

/** Begins an upload without the stream. */
export async function beginUpload(Key: string): Promise<string> {
  const { UploadId } = await plain.send(new CreateMultipartUploadCommand({ Bucket, Key }))
  ok(UploadId, 'CreateMultipartUpload gave no UploadId')
  return UploadId
}

/** Asserts that an upload failed with the source's own error, and that the clean-up did not fail. */
export function failedWith(error: Failure, expected: Error): void {
  ok(error === expected, `it failed with another error: ${inOneLine(error)}`)
  ok(error.cleanupError === undefined, `the clean-up failed: ${inOneLine(error.cleanupError)}`)
}
