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
import { destroyClients, head, makeBucket, s3Client } from './store.js'

/** A bucket, a proxy in front of the S3 under test, and a client whose requests go through the proxy. */
export interface Scenario {
  proxy: FaultProxy
  client: S3Client
  Bucket: string
  /** Makes a stream to the key `k` with parts of 5 MiB, unless the options say otherwise. */
  upload: (options?: Partial<S3WritableOptions>) => S3Writable
  /**
   * Asserts that the promise rejects as expected, that no object, upload or memory is left, and that no stream has a
   * result. Resolves with the error. `old` is the object that the key had before.
   */
  fails: (promise: Promise<unknown>, expected: object, old?: StoredObject) => Promise<Error>
}

/** Makes a bucket, a proxy and a client for one test. */
export async function scenario(t: Test, options: ProxyOptions & { config?: S3ClientConfig } = {}): Promise<Scenario> {
  const before = await heldBytes()
  const { config, ...proxyOptions } = options
  const proxy = await faultProxy(t, proxyOptions)
  const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 2, ...config })
  const Bucket = await makeBucket(t)
  const uploads: S3Writable[] = []
  return {
    proxy,
    client,
    Bucket,
    upload: (options) => {
      const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options } as S3WritableOptions)
      uploads.push(upload)
      return upload
    },
    fails: async (promise, expected, old) => {
      const error = await failureOf(promise)
      if (expected instanceof Error) t.equal(error, expected, 'the error is the same object')
      else t.match(error, expected)
      t.same(Object.keys(error).includes('cleanupError'), false, 'the clean-up did not fail')
      for (const upload of uploads) t.equal(upload.result, undefined)
      await nothingIsLeft(t, Bucket, 'k', old)
      // A kept-alive connection references its last request, and with it the body. A request handler with threads keeps
      // the memory that it shares with them for a minute.
      destroyClients()
      const more = await heldBytesSince(before, P)
      t.ok(more < P, `${uploads.length} streams and their errors hold no part's memory: ${more} bytes`)
      return error
    },
  }
}

/** A promise that never settles. */
export const never = new Promise<never>(() => {})

/** A fault that holds every request of the operation and never passes it on. */
export const holdForever =
  (operation: string) =>
  (seen: RecordedRequest): Fault | undefined =>
    seen.operation === operation ? { do: 'hold', until: never } : undefined

/** One stream, and the proxy that injects faults into its requests. */
export interface StreamWithFault extends Pick<Scenario, 'proxy' | 'Bucket'> {
  upload: S3Writable
}

/** Makes a stream whose requests go through a proxy with the given fault. */
export async function streamWithFault(
  t: Test,
  fault: (seen: RecordedRequest) => Fault | undefined = () => undefined,
  options: Partial<S3WritableOptions> = {},
): Promise<StreamWithFault> {
  const { proxy, Bucket, upload } = await scenario(t, { fault })
  return { upload: upload(options), proxy, Bucket }
}

/** Resolves once S3 has acknowledged `size` bytes of the stream. */
export async function untilAcknowledged(upload: S3Writable, size: number): Promise<void> {
  while (upload.bytesUploaded < size) await new Promise((resolve) => upload.once('progress', resolve))
}

/** Runs a multipart upload that the fault makes fail, and asserts that it made no object. */
export async function failedUpload(
  t: Test,
  fault: (seen: RecordedRequest) => Fault | undefined,
  options: Partial<S3WritableOptions> = {},
) {
  const stream = await streamWithFault(t, fault, options)
  const error = (await failureOf(pipeline(zeros(12 * MiB), stream.upload))) as S3WritableError
  t.notOk(await head(stream.Bucket, 'k'))
  return { ...stream, error }
}
