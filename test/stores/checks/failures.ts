import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Writable } from 's3-writable'
import { MiB, P } from '../../support/bytes.js'
import { equal, failure, inOneLine, ok, settled } from './assert.js'
import type { Checks } from './check.js'
import {
  closed,
  data,
  exists,
  failedWith,
  holds,
  newKey,
  nothingIsLeft,
  nothingIsThere,
  proxied,
  put,
  source,
  upload,
} from './target.js'

/** Uploads from a source that fails behind this many bytes, and asserts that nothing is there afterwards. */
async function sourceFails(size: number, acknowledged = 0): Promise<void> {
  const Key = newKey()
  const error = new Error('The source failed')
  const stream = upload(Key)
  const until = (): Promise<void> => untilAcknowledged(stream, acknowledged)
  failedWith(await failure(pipeline(source(data(size), error, until), stream)), error)
  await closed(stream)
  failedWith(error, error)
  await nothingIsThere(Key)
}

/** Resolves once S3 has acknowledged this many bytes of the stream. */
export async function untilAcknowledged(stream: S3Writable, size: number): Promise<void> {
  while (stream.bytesUploaded < size && !stream.destroyed) await sleep(20)
}

/** Destroys a stream at an event of it, and asserts that nothing is there, at once and later. */
async function destroyed(Key: string, stream: S3Writable, error: Error, ms: number): Promise<void> {
  failedWith(await failure(pipeline(source(data(6 * P)), stream)), error)
  await closed(stream)
  failedWith(error, error)
  await nothingIsThere(Key)
  await sleep(ms)
  await nothingIsThere(Key)
}

/** Asserts that the key has the object if the stream has a result, and nothing otherwise. */
async function resultIsTrue(Key: string, stream: S3Writable, bytes: Buffer, promise: Promise<unknown>): Promise<void> {
  const { error } = await settled(promise)
  await closed(stream)
  ok(error?.cleanupError === undefined, `the clean-up failed: ${inOneLine(error?.cleanupError)}`)
  ok(error !== undefined || stream.result !== undefined, 'it succeeded without a result')
  equal(await exists(Key), stream.result !== undefined, `after ${error ? inOneLine(error) : 'success'}, the object`)
  if (stream.result !== undefined) await holds(Key, bytes)
  await nothingIsLeft(Key)
}

export const failures: Checks = {
  'a source that fails in the first part publishes nothing': () => sourceFails(1 * MiB),
  'a source that fails while parts are sent publishes nothing': () => sourceFails(3.5 * P),
  'a source that fails behind two stored parts publishes nothing': () => sourceFails(3.5 * P, 2 * P),
  'a source that fails behind its last byte publishes nothing': () => sourceFails(3 * P),
  'a failed upload leaves the old object as it was': async () => {
    const Key = newKey()
    await put(Key, data(1000))
    const stream = upload(Key)
    await failure(pipeline(source(data(2.5 * P), new Error('The source failed')), stream))
    await closed(stream)
    await holds(Key, data(1000))
    await nothingIsLeft(Key)
  },
  'beforeComplete that throws publishes nothing': async () => {
    for (const size of [100, 2 * P]) {
      const Key = newKey()
      const error = new Error('No')
      const beforeComplete = (): never => {
        throw error
      }
      failedWith(await failure(put(Key, data(size), { beforeComplete })), error)
      await nothingIsThere(Key)
    }
  },
  'a stream destroyed while parts are sent leaves nothing': async () => {
    const Key = newKey()
    const error = new Error('Enough')
    const stream = upload(Key)
    stream.once('progress', () => stream.destroy(error))
    await destroyed(Key, stream, error, 1000)
  },
  'a stream destroyed before its parts arrive leaves nothing': async () => {
    const Key = newKey('parts-late')
    const error = new Error('Enough')
    const stream = upload(Key, { client: proxied() })
    stream.on('progress', ({ sent }) => {
      if (sent >= 3 * P) stream.destroy(error)
    })
    await destroyed(Key, stream, error, 2000)
  },
  'an AbortSignal at any moment leaves the object or nothing': async () => {
    for (const ms of [5, 40, 75, 110, 145, 180]) {
      const Key = newKey()
      const stream = upload(Key, { signal: AbortSignal.timeout(ms) })
      await resultIsTrue(Key, stream, data(6 * P), pipeline(source(data(6 * P)), stream))
    }
  },
  'a stream destroyed while it completes has a result or no object': async () => {
    for (const ms of [0, 5, 20, 60]) {
      const Key = newKey()
      const stream: S3Writable = upload(Key, {
        beforeComplete: () => {
          setTimeout(() => stream.destroy(new Error('Too late')), ms)
        },
      })
      await resultIsTrue(Key, stream, data(3 * P), pipeline(source(data(3 * P)), stream))
    }
  },
}
