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
  reach: (given: StreamWithFault) => Promise<void>
}

const MOMENTS: Record<string, Moment> = {
  'before the first byte': { reach: async () => {} },
  'before a part is full': { reach: async ({ upload }) => void upload.write(bytes(KiB)) },
  'between two parts, with none on its way': {
    reach: async ({ upload }) => {
      upload.write(bytes(P + 1))
      await untilAcknowledged(upload, P)
    },
  },
  'while parts are on their way': {
    fault: holdForever('UploadPart'),
    reach: async ({ upload, proxy }) => {
      upload.write(bytes(3 * P))
      await proxy.waitFor({ operation: 'UploadPart' })
    },
  },
  'while a write waits for a buffer': {
    fault: holdForever('UploadPart'),
    options: { concurrency: 1 },
    reach: async ({ upload, proxy }) => {
      for (let i = 0; i < 4; i++) upload.write(bytes(P))
      await proxy.waitFor({ operation: 'UploadPart' })
    },
  },
  'while PutObject is on its way': {
    fault: holdForever('PutObject'),
    reach: async ({ upload, proxy }) => {
      upload.end(bytes(KiB))
      await proxy.waitFor({ operation: 'PutObject' })
    },
  },
  'while the last part is on its way': {
    fault: ({ PartNumber }) => (PartNumber === 3 ? { do: 'hold', until: never } : undefined),
    reach: async ({ upload, proxy }) => {
      upload.end(bytes(2 * P + 1))
      await proxy.waitFor({ PartNumber: 3 })
    },
  },
}

for (const [moment, { fault, options, reach }] of Object.entries(MOMENTS)) {
  t.test(`destroyed ${moment}, with and without an error, it leaves nothing`, async (t) => {
    for (const error of [new Error('enough'), undefined]) {
      const all = await streamWithFault(t, fault, options)
      const { upload, Bucket } = all
      const errors: unknown[] = []
      upload.on('error', (error) => errors.push(error))
      await reach(all)
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

t.test('a source that fails publishes nothing, however much of it had come', async (t) => {
  for (const size of [0, 100 * KiB, P, 6 * MiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await streamWithFault(t)
    const error = new Error('the disk is gone')
    const failing = Readable.from(
      (async function* () {
        yield* pieces(bytes(size), () => 64 * KiB)
        throw error
      })(),
    )
    t.equal(await pipeline(failing, upload).catch((error: unknown) => error), error, 'the same error object')
    t.equal(proxy.of('PutObject').length + proxy.of('CompleteMultipartUpload').length, 0)
    await nothingIsLeft(t, Bucket, 'k')
  }
})

t.test('a source that is closed too early publishes nothing', async (t) => {
  for (const size of [0, MiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await streamWithFault(t)
    const source = new Readable({ read() {} })
    const sent = pipeline(source, upload)
    if (size > 0) source.push(bytes(size))
    setImmediate(() => source.destroy())
    await t.rejects(sent, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    t.equal(proxy.of('PutObject').length + proxy.of('CompleteMultipartUpload').length, 0)
    await nothingIsLeft(t, Bucket, 'k')
  }
})

t.test('an old object stays as it was when a new one fails', async (t) => {
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

t.test('a destroy between S3’s answer and finish ends the stream, which has the result', async (t) => {
  const { upload, Bucket } = await streamWithFault(t)
  upload.on('prefinish', () => upload.destroy())
  upload.on('error', () => {})
  upload.end('x')
  await new Promise((resolve) => upload.on('close', resolve))
  t.match(upload.result, { size: 1, parts: 1 })
  t.equal((await stored(Bucket, 'k')).size, 1)
})
