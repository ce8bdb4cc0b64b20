import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../../lib/index.js'
import type { BodyToSend } from '../../../lib/requests/body.js'
import { Progress, type S3WritableProgress } from '../../../lib/upload/progress.js'
import { bytes, KiB, MiB, P, pieces } from '../../support/bytes.js'
import { head, makeBucket, s3Client } from '../../support/store.js'

const source = (size: number): Readable => Readable.from(pieces(bytes(size), () => 64 * KiB))

/** A body whose attempts are counted in the progress. */
const counted = (progress: Progress, size: number): BodyToSend =>
  progress.bodyToSend(bytes(size), 0, new AbortController().signal)

t.test('bytes that an attempt sends again are not counted again, but as sent again', async (t) => {
  const events: S3WritableProgress[] = []
  const progress = new Progress(100, (event) => events.push(event))
  const part = counted(progress, 100)
  part.onSent(60, 60)
  part.onSent(20, 20)
  t.equal(progress.sent, 60)
  t.equal(progress.resent, 20)
  part.onSent(100, 80)
  t.equal(progress.resent, 60)
  progress.acknowledged(part)
  t.equal(progress.resent, 60)
  t.same(events.at(-1), { loaded: 100, sent: 100, total: 100, parts: 1 })
})

t.test('between parts, progress is emitted at most ten times a second', async (t) => {
  let events = 0
  const progress = new Progress(undefined, () => events++)
  const part = counted(progress, 10_000)
  const start = performance.now()
  for (let bytes = 1; bytes <= 10_000; bytes++) part.onSent(bytes, 1)
  t.ok(events <= 1 + (performance.now() - start) / 100)
  progress.acknowledged(part)
  progress.acknowledged(counted(progress, 0))
  t.ok(events >= 3, 'and for every part')
})

t.test('progress never decreases, and ends at the size of the object', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  for (const size of [0, KiB, P, 7 * P + 3]) {
    for (const ContentLength of [undefined, size]) {
      const events: S3WritableProgress[] = []
      const upload: Writable = s3Writable({ client, Bucket, Key: 'k', partSize: P, ContentLength }).on(
        'progress',
        (event) => events.push(event),
      )
      upload.on('finish', () => events.push({ loaded: -1, sent: -1, parts: -1 }))
      await pipeline(source(size), upload)
      t.equal(events.pop()?.loaded, -1, 'no progress is emitted after finish')
      const parts = Math.max(1, Math.ceil(size / P))
      t.ok(events.length >= parts)
      t.same(events.at(-1), {
        loaded: size,
        sent: size,
        parts,
        ...(ContentLength === undefined ? {} : { total: size }),
      })
      for (const [i, event] of events.entries()) {
        const before = events[i - 1] ?? { loaded: 0, sent: 0, parts: 0 }
        t.ok(
          event.loaded >= before.loaded &&
            event.sent >= before.sent &&
            event.parts >= before.parts &&
            event.sent >= event.loaded,
        )
      }
    }
  }
})

t.test('an exception of a progress listener does not fail the upload', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const caught: unknown[] = []
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P })
  upload.on('progress', () => {
    throw new Error('in the listener')
  })
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => caught.push(error))
  await pipeline(source(12 * MiB), upload)
  process.removeAllListeners('uncaughtException')
  for (const listener of listeners) process.on('uncaughtException', listener)
  t.ok(caught.length >= 3)
  t.match(caught[0], { message: 'in the listener' })
  t.ok(await head(Bucket, 'k'))
})
