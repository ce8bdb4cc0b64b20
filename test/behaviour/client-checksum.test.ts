import t, { type Test } from 'tap'
import { newDigest } from '../../lib/checksums/hash.js'
import { type S3WritableOptions, type S3WritableResult, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { untilAcknowledged } from '../support/scenario.js'
import { type SmallStore, smallStore, xml } from '../support/small-store.js'
import { processWarnings } from '../support/warnings.js'

const DATA = bytes(P + 1000)

async function upload(
  { client }: SmallStore,
  options: Partial<S3WritableOptions> = {},
  data: Buffer = DATA,
): Promise<S3WritableResult> {
  const stream = s3Writable({ client, Bucket: 'b', Key: 'k', partSize: P, ...options } as S3WritableOptions)
  stream.end(data)
  return await stream.done()
}

/** Returns a function that runs an upload, and resolves with the process warnings about this parameter since then. */
function warningsAbout(t: Test, name: string): (run: () => Promise<unknown>) => Promise<string[]> {
  const warnings = processWarnings(t, ({ message }) => message.includes(name))
  return async (run) => {
    await run()
    await new Promise(setImmediate)
    return warnings.splice(0).map(({ message }) => message)
  }
}

/** A checksum for the SDK's client, which is that of no algorithm. */
class Constant {
  update(): void {}
  async digest(): Promise<Uint8Array> {
    return Uint8Array.of(1, 2, 3)
  }
  reset(): void {}
}

const CANNOT_COMPUTE = /"ChecksumAlgorithm" option must be an algorithm that the client can compute \(.*XXHASH64/s

t.test('an algorithm that the client cannot compute fails the stream before a byte is written', async (t) => {
  const store = await smallStore(t)
  const { client } = store
  const stream = s3Writable({ client, Bucket: 'b', Key: 'k', ChecksumAlgorithm: 'XXHASH64' } as S3WritableOptions)
  const error = await failureOf(stream.done())
  t.match(error, { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: CANNOT_COMPUTE })
  for (const data of [DATA, bytes(10), bytes(0)])
    t.match(await failureOf(upload(store, { ChecksumAlgorithm: 'XXHASH64' }, data)), { message: CANNOT_COMPUTE })
  t.same(store.seen, [])
})

t.test('such an algorithm that a given checksum names is refused before there is an upload', async (t) => {
  const store = await smallStore(t)
  const error = await failureOf(upload(store, { ChecksumXXHASH64: 'AAAAAAAAAAA=' }))
  t.match(error, { operation: 'CreateMultipartUpload', cause: { code: 'ERR_INVALID_ARG_VALUE' } })
  t.match(error.message, CANNOT_COMPUTE)
  t.same(store.seen, [])
})

t.test('an algorithm that the client was given is used', async (t) => {
  const config = { checksumAlgorithms: { XXHASH64: Constant } } as object
  const store = await smallStore(t, {}, config)
  t.match(await upload(store, { ChecksumAlgorithm: 'XXHASH64' }), { size: DATA.length, parts: 2 })
  for (const { headers } of store.of('UploadPart')) t.equal(headers['x-amz-checksum-xxhash64'], 'AQID')
})

t.test('another failure of the client is that of the request', async (t) => {
  const endpoint = async (): Promise<never> => {
    throw new Error('there is no server')
  }
  const store = await smallStore(t, {}, { endpoint })
  const error = await failureOf(upload(store, { ChecksumAlgorithm: 'XXHASH64' }))
  t.match(error, { operation: 'CreateMultipartUpload', message: /there is no server/ })
})

t.test('a given checksum of an unknown algorithm that no answer has is a warning, once', async (t) => {
  const silent = await smallStore(t)
  const confirming: SmallStore = await smallStore(t, {
    PutObject: ({ response, body }) =>
      response
        .writeHead(200, { etag: confirming.put('k', body).ETag, 'x-amz-checksum-xxhash64': 'AAAAAAAAAAA=' })
        .end(),
  })
  const small = bytes(10)
  const put = (store: SmallStore) => () => upload(store, { ChecksumXXHASH64: 'AAAAAAAAAAA=' }, small)
  const warningsOf = warningsAbout(t, 'ChecksumXXHASH64')
  t.same(await warningsOf(put(confirming)), [])
  t.match(await warningsOf(put(silent)), [/could not verify ChecksumXXHASH64: its algorithm/])
  t.same(await warningsOf(put(silent)), [])
})

t.test('a given CRC-64/NVME is a warning if a resume point skips bytes and no answer has it', async (t) => {
  const store: SmallStore = await smallStore(t, {
    ListParts: ({ response }) => {
      const { ETag } = store.parts?.get(1) ?? {}
      const part = `<Part><PartNumber>1</PartNumber><ETag>${ETag}</ETag><Size>${P}</Size></Part>`
      const algorithm = '<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>'
      xml(response, 200, `<ListPartsResult>${algorithm}${part}</ListPartsResult>`)
    },
  })
  const { client } = store
  const first = s3Writable({ client, Bucket: 'b', Key: 'k', partSize: P, leavePartsOnError: true })
  first.on('error', () => {}).write(DATA)
  await untilAcknowledged(first, P)
  first.destroy(new Error('killed'))
  await failureOf(first.done())
  const ChecksumCRC64NVME = newDigest('CRC64NVME').update(DATA).digest('base64')
  const resume = { UploadId: 'u1', offset: P, parts: 1, partSize: P }
  const resumed = () => upload(store, { resume, ChecksumCRC64NVME }, DATA.subarray(P))
  const warningsOf = warningsAbout(t, 'ChecksumCRC64NVME')
  t.match(await warningsOf(resumed), [/the bytes before the resume point were not read/])
  t.equal(store.objects.get('k')?.size, DATA.length)
})
