import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, P, pieces, sha256 } from '../support/bytes.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { holdForever, never, type StreamWithFault, streamWithFault, untilAcknowledged } from '../support/scenario.js'
import { s3Client, stored } from '../support/store.js'

interface Moment {
  fault?: (seen: RecordedRequest) => Fault | undefined
  options?: Partial<S3WritableOptions>
  /** Brings the stream to the moment at which it is destroyed. */
  prepare: (stream: StreamWithFault) => Promise<void>
}

const MOMENTS: Record<string, Moment> = {
  'before the first byte': { prepare: async () => {} },
  'before a part is full': { prepare: async ({ upload }) => void upload.write(bytes(KiB)) },
  'between two parts, with none in flight': {
    prepare: async ({ upload }) => {
      upload.write(bytes(P + 1))
      await untilAcknowledged(upload, P)
    },
  },
  'while parts are in flight': {
    fault: holdForever('UploadPart'),
    prepare: async ({ upload, proxy }) => {
      upload.write(bytes(3 * P))
      await proxy.waitFor({ operation: 'UploadPart' })
    },
  },
  'while a write waits for a free buffer': {
    fault: holdForever('UploadPart'),
    options: { concurrency: 1 },
    prepare: async ({ upload, proxy }) => {
      for (let i = 0; i < 4; i++) upload.write(bytes(P))
      await proxy.waitFor({ operation: 'UploadPart' })
    },
  },
  'while PutObject is in flight': {
    fault: holdForever('PutObject'),
    prepare: async ({ upload, proxy }) => {
      upload.end(bytes(KiB))
      await proxy.waitFor({ operation: 'PutObject' })
    },
  },
  'while the last part is in flight': {
    fault: ({ PartNumber }) => (PartNumber === 3 ? { do: 'hold', until: never } : undefined),
    prepare: async ({ upload, proxy }) => {
      upload.end(bytes(2 * P + 1))
      await proxy.waitFor({ PartNumber: 3 })
    },
  },
}

for (const [moment, { fault, options, prepare }] of Object.entries(MOMENTS)) {
  t.test(`a stream that is destroyed ${moment}, with or without an error, leaves nothing in the bucket`, async (t) => {
    for (const error of [new Error('enough'), undefined]) {
      const stream = await streamWithFault(t, fault, options)
      const { upload, Bucket } = stream
      const errors: unknown[] = []
      upload.on('error', (error) => errors.push(error))
      await prepare(stream)
      const closed = new Promise((resolve) => upload.on('close', resolve))
      upload.destroy(error)
      upload.destroy(new Error('again'))
      await closed
      if (error !== undefined) t.equal(errors[0], error)
      t.ok(errors.length <= 1)
      t.equal(upload.result, undefined)
      await t.rejects(upload.done(), error ?? { code: /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/ })
      await nothingIsLeft(t, Bucket, 'k')
    }
  })
}

t.test('if the source fails, nothing is published, however many bytes were written before', async (t) => {
  for (const size of [0, 100 * KiB, P, 6 * MiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await streamWithFault(t)
    const error = new Error('the disk failed')
    const source = Readable.from(
      (async function* () {
        yield* pieces(bytes(size), () => 64 * KiB)
        throw error
      })(),
    )
    t.equal(await pipeline(source, upload).catch((error: unknown) => error), error, 'the same error object')
    t.equal(proxy.of('PutObject').length + proxy.of('CompleteMultipartUpload').length, 0)
    await nothingIsLeft(t, Bucket, 'k')
  }
})

t.test('if the source is closed before its end, nothing is published', async (t) => {
  for (const size of [0, MiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await streamWithFault(t)
    const source = new Readable({ read() {} })
    const piped = pipeline(source, upload)
    if (size > 0) source.push(bytes(size))
    setImmediate(() => source.destroy())
    await t.rejects(piped, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    t.equal(proxy.of('PutObject').length + proxy.of('CompleteMultipartUpload').length, 0)
    await nothingIsLeft(t, Bucket, 'k')
  }
})

t.test('an existing object does not change if the upload of a new one fails', async (t) => {
  const old = bytes(KiB, 9)
  for (const size of [KiB, 12 * MiB]) {
    const { upload, Bucket } = await streamWithFault(t, ({ operation }) =>
      /PutObject|CompleteMultipart/.test(operation) ? denied : undefined,
    )
    await pipeline(Readable.from([old]), s3Writable({ client: s3Client(t), Bucket, Key: 'k' }))
    await t.rejects(pipeline(Readable.from([bytes(size)]), upload), { name: 'AccessDenied' })
    await nothingIsLeft(t, Bucket, 'k', { sha256: sha256(old), size: old.length })
  }
})

t.test('a stream that is destroyed between S3’s answer and finish still has its result', async (t) => {
  const { upload, Bucket } = await streamWithFault(t)
  upload.on('prefinish', () => upload.destroy())
  upload.on('error', () => {})
  upload.end('x')
  await new Promise((resolve) => upload.on('close', resolve))
  t.match(upload.result, { size: 1, parts: 1 })
  t.equal((await stored(Bucket, 'k')).size, 1)
})
