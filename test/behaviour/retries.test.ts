import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { S3WritableProgress } from '../../lib/index.js'
import { bytes, KiB, MiB, P, pieces, sha256, zeros } from '../support/bytes.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { type Scenario, scenario } from '../support/scenario.js'
import { accessKeyId, secretAccessKey, stored, unfinishedUploads } from '../support/store.js'

const DATA = bytes(4 * P + 1)
const failing = (status: number, Code: string): Fault => ({
  do: 'answer',
  status,
  body: `<Error><Code>${Code}</Code><Message>For now</Message></Error>`,
})

async function isWhole({ Bucket }: Scenario, data = DATA): Promise<void> {
  t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  t.same(await unfinishedUploads(Bucket), [])
}

t.test('a part whose connection breaks twice is sent again, and the object is complete', async (t) => {
  const fault = ({ PartNumber, attempt }: RecordedRequest): Fault | undefined =>
    PartNumber === 3 && attempt < 3 ? { do: 'reset', after: MiB } : undefined
  const all = await scenario(t, { fault, config: { maxAttempts: 3 } })
  await pipeline(Readable.from([DATA]), all.upload())
  await isWhole(all)
  t.equal(all.proxy.of('UploadPart').length, 7)
})

t.test('a part whose connection always breaks fails the stream, and Complete is not sent', async (t) => {
  const { upload, fails, proxy } = await scenario(t, {
    fault: ({ PartNumber }) => (PartNumber === 3 ? { do: 'reset', after: MiB } : undefined),
  })
  await fails(pipeline(zeros(DATA.length), upload()), { PartNumber: 3, cause: { code: 'ECONNRESET' } })
  t.equal(proxy.of('CompleteMultipartUpload').length, 0)
})

for (const [operation, PartNumber] of [
  ['CreateMultipartUpload', undefined],
  ['UploadPart', 1],
  ['UploadPart', 5],
  ['CompleteMultipartUpload', undefined],
] as const) {
  const what = PartNumber === undefined ? operation : `${operation} ${PartNumber}`
  t.test(`${what} that fails in every attempt leaves nothing`, async (t) => {
    const { upload, fails } = await scenario(t, {
      fault: (seen) =>
        seen.operation === operation && seen.PartNumber === PartNumber ? failing(500, 'InternalError') : undefined,
    })
    await fails(pipeline(zeros(DATA.length), upload()), {
      name: 'InternalError',
      operation,
      $metadata: { httpStatusCode: 500, attempts: 2 },
    })
  })
}

t.test('an upload in which two of three part requests get 503 SlowDown succeeds with five attempts', async (t) => {
  let asked = 0
  const fault = ({ operation }: RecordedRequest): Fault | undefined =>
    operation === 'UploadPart' && ++asked % 3 !== 0 ? failing(503, 'SlowDown') : undefined
  const all = await scenario(t, { fault, config: { maxAttempts: 5 } })
  await pipeline(Readable.from([DATA]), all.upload({ concurrency: 1 }))
  await isWhole(all)
  t.equal(all.proxy.of('UploadPart').length, 15)
})

t.test(
  '503 SlowDown on every request of a part fails the stream, after as many attempts as the client makes',
  async (t) => {
    const { upload, fails, proxy } = await scenario(t, {
      fault: ({ operation }) => (operation === 'UploadPart' ? failing(503, 'SlowDown') : undefined),
      config: { maxAttempts: 3 },
    })
    const error = await fails(pipeline(zeros(DATA.length), upload()), { name: 'SlowDown', operation: 'UploadPart' })
    const { PartNumber } = error as Error & { PartNumber: number }
    t.equal(proxy.of('UploadPart').filter((one) => one.PartNumber === PartNumber).length, 3)
  },
)

t.test('several parts that fail at the same time cause one error and one Abort', async (t) => {
  const { upload, fails, proxy } = await scenario(t, {
    fault: ({ operation }) => (operation === 'UploadPart' ? denied : undefined),
  })
  await fails(pipeline(zeros(DATA.length), upload()), { name: 'AccessDenied', operation: 'UploadPart' })
  t.same(proxy.cleanUpOperations(), ['AbortMultipartUpload', 'ListParts'])
})

t.test('every write callback is called when the first part fails while other writes are waiting', async (t) => {
  const { upload, fails } = await scenario(t, { fault: ({ PartNumber }) => (PartNumber === 1 ? denied : undefined) })
  const stream = upload({ concurrency: 1 })
  stream.on('error', () => {})
  let called = 0
  for (let i = 0; i < 8; i++) stream.write(bytes(P), () => called++)
  await fails(stream.done(), { name: 'AccessDenied', PartNumber: 1 })
  t.equal(called, 8)
})

t.test(
  'a part is sent only when all its bytes are in memory, so a pausing source does not hold a connection',
  async (t) => {
    const all = await scenario(t, { dropIdle: true, config: { maxAttempts: 3 } })
    const slow = Readable.from(
      (async function* () {
        for (const piece of pieces(DATA, () => P - 64 * KiB)) {
          yield piece
          // Longer than the proxy keeps an idle connection open.
          await sleep(50)
        }
      })(),
    )
    await pipeline(slow, all.upload({ concurrency: 1 }))
    await isWhole(all)
    for (const { headers, length, complete: whole } of all.proxy.of('UploadPart')) {
      if (whole) t.equal(Number(headers['content-length']), length)
    }
    t.ok(all.proxy.connections() > 5, 'it had to connect again and again')
  },
)

t.test('expired credentials are requested from their provider again, and the upload continues', async (t) => {
  let given = 0
  const credentials = async (): Promise<object> => ({
    accessKeyId,
    secretAccessKey,
    expiration: new Date(Date.now() + 1000 * ++given),
  })
  const all = await scenario(t, { config: { credentials: credentials as never } })
  await pipeline(Readable.from([DATA]), all.upload({ concurrency: 1 }))
  await isWhole(all)
  t.ok(given > 1, `the provider was asked ${given} times`)
})

t.test('credentials that stay expired are an error that says so', async (t) => {
  const { upload, fails } = await scenario(t, {
    fault: ({ PartNumber }) => ((PartNumber ?? 0) > 2 ? failing(400, 'ExpiredToken') : undefined),
  })
  await fails(pipeline(zeros(DATA.length), upload()), {
    name: 'ExpiredToken',
    operation: 'UploadPart',
    message: /ExpiredToken: For now \(HTTP 400/,
  })
})

t.test('progress never falls and ends at the size, though a part is sent three times', async (t) => {
  const fault = ({ PartNumber, attempt }: RecordedRequest): Fault | undefined =>
    PartNumber === 2 && attempt < 3 ? { do: 'reset', after: 3 * MiB } : undefined
  const all = await scenario(t, { fault, config: { maxAttempts: 3 } })
  const told: S3WritableProgress[] = []
  await pipeline(
    Readable.from([DATA]),
    all.upload().on('progress', (now) => told.push(now)),
  )
  await isWhole(all)
  for (const [i, { loaded, sent }] of told.entries()) {
    const before = told[i - 1] ?? { loaded: 0, sent: 0 }
    t.ok(loaded >= before.loaded && sent >= before.sent && sent >= loaded && sent <= DATA.length)
  }
  t.match(told.at(-1), { loaded: DATA.length, sent: DATA.length, parts: 5 })
})

for (const [operation, trouble] of [
  ['AbortMultipartUpload', { do: 'reset', after: 0 }],
  ['AbortMultipartUpload', { do: 'cut answer' }],
  ['AbortMultipartUpload', failing(503, 'SlowDown')],
  ['ListParts', { do: 'reset', after: 0 }],
  ['ListParts', failing(500, 'InternalError')],
] as const) {
  t.test(
    `${operation} that meets ${trouble.do} is sent again, even with a client that makes one attempt`,
    async (t) => {
      const { upload, fails, proxy } = await scenario(t, {
        fault: (seen) => {
          if (seen.PartNumber === 2) return denied
          return seen.operation === operation && seen.attempt < 3 ? trouble : undefined
        },
        config: { maxAttempts: 1 },
      })
      await fails(pipeline(zeros(DATA.length), upload()), { name: 'AccessDenied', PartNumber: 2 })
      t.ok(proxy.of(operation).length >= 3)
    },
  )
}
