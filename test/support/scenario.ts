import { pipeline } from 'node:stream/promises'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Test } from 'tap'
import { type S3Writable, type S3WritableError, type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { failureOf, nothingIsLeft, type StoredObject } from './assertions.js'
import { MiB, P, zeros } from './bytes.js'
import { type FaultProxy, faultProxy, type ProxyOptions } from './fault-proxy.js'
import type { Fault } from './faults.js'
import { heldBytes, heldBytesSince } from './memory.js'
import type { RecordedRequest } from './recorded-request.js'
import { head, makeBucket, s3Client } from './store.js'

/** A bucket, the proxy in front of it, and a client that goes through it. */
export interface Scenario {
  proxy: FaultProxy
  client: S3Client
  Bucket: string
  /** A stream to the key `k`, in parts of 5 MiB where nothing else is said. */
  upload: (options?: Partial<S3WritableOptions>) => S3Writable
  /** The promise fails as expected, and then all holds that must hold after a failure. Gives the failure back. */
  fails: (promise: Promise<unknown>, expected: object, old?: StoredObject) => Promise<Error>
}

export async function scenario(t: Test, options: ProxyOptions & { config?: S3ClientConfig } = {}): Promise<Scenario> {
  const before = await heldBytes()
  const { config, ...proxied } = options
  const proxy = await faultProxy(t, proxied)
  const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 2, ...config })
  const Bucket = await makeBucket(t)
  const made: S3Writable[] = []
  return {
    proxy,
    client,
    Bucket,
    upload: (options) => {
      const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options } as S3WritableOptions)
      made.push(upload)
      return upload
    },
    fails: async (promise, expected, old) => {
      const error = await failureOf(promise)
      if (expected instanceof Error) t.equal(error, expected, 'the very same error')
      else t.match(error, expected)
      t.same(Object.keys(error).includes('cleanupError'), false, 'the clean-up did not fail')
      for (const upload of made) t.equal(upload.result, undefined)
      await nothingIsLeft(t, Bucket, 'k', old)
      // A connection that is kept for the next request holds the last one.
      client.destroy()
      const more = await heldBytesSince(before, P)
      t.ok(more < P, `no part's memory is held, of ${made.length} streams and their errors: ${more} bytes`)
      return error
    },
  }
}

export const never = new Promise<never>(() => {})
export const holdForever =
  (operation: string) =>
  (seen: RecordedRequest): Fault | undefined =>
    seen.operation === operation ? { do: 'hold', until: never } : undefined

/** One stream on its way through a proxy with a fault. */
export interface StreamWithFault extends Pick<Scenario, 'proxy' | 'Bucket'> {
  upload: S3Writable
}

export async function streamWithFault(
  t: Test,
  fault: (seen: RecordedRequest) => Fault | undefined = () => undefined,
  options: Partial<S3WritableOptions> = {},
): Promise<StreamWithFault> {
  const { proxy, Bucket, upload } = await scenario(t, { fault })
  return { upload: upload(options), proxy, Bucket }
}

export async function untilAcknowledged(upload: S3Writable, size: number): Promise<void> {
  while (upload.bytesUploaded < size) await new Promise((resolve) => upload.once('progress', resolve))
}

/** A large upload on which one operation always fails. */
export async function failedUpload(t: Test, fault: (seen: RecordedRequest) => Fault | undefined) {
  const all = await streamWithFault(t, fault)
  const error = (await failureOf(pipeline(zeros(12 * MiB), all.upload))) as S3WritableError
  t.notOk(await head(all.Bucket, 'k'))
  return { ...all, error }
}
