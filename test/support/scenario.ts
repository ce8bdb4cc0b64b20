import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Test } from 'tap'
import { type S3Writable, type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { endedWell, type Stored } from './assertions.js'
import { P } from './bytes.js'
import { failureOf } from './failure.js'
import { type FaultProxy, faultProxy, type ProxyOptions } from './fault-proxy.js'
import { held, heldSince } from './memory.js'
import { makeBucket, s3Client } from './store.js'

/** A bucket, the proxy in front of it, and a client that goes through it. */
export interface Way {
  proxy: FaultProxy
  client: S3Client
  Bucket: string
  /** A stream to the key `k`, in parts of 5 MiB where nothing else is said. */
  upload: (options?: Partial<S3WritableOptions>) => S3Writable
  /** The promise fails as expected, and then all holds that must hold after a failure. Gives the failure back. */
  fails: (promise: Promise<unknown>, expected: object, old?: Stored) => Promise<Error>
}

export async function way(t: Test, options: ProxyOptions & { config?: S3ClientConfig } = {}): Promise<Way> {
  const before = await held()
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
      await endedWell(t, Bucket, 'k', old)
      // A connection that is kept for the next request holds the last one.
      client.destroy()
      const more = await heldSince(before, P)
      t.ok(more < P, `no part's memory is held, of ${made.length} streams and their errors: ${more} bytes`)
      return error
    },
  }
}
