import { once } from 'node:events'
import t from 'tap'
import { newDigest } from '../../lib/checksums/hash.js'
import { type S3WritableOptions, type S3WritableResult, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { type SmallStore, smallStore, xml } from '../support/small-store.js'

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

/** The messages of process warnings about this parameter, as `run` causes them. */
async function warningsOf(name: string, run: () => Promise<unknown>): Promise<string[]> {
  const messages: string[] = []
  const listener = ({ message }: Error): void => void (message.includes(name) && messages.push(message))
  process.on('warning', listener)
  await run()
  // Node emits warnings in a later tick.
  await new Promise(setImmediate)
  process.off('warning', listener)
  return messages
}

/** A checksum for the SDK's client, which is that of no algorithm. */
class Constant {
  update(): void {}
  async digest(): Promise<Uint8Array> {
    return Uint8Array.of(1, 2, 3)
  }
  reset(): void {}
}

t.test('an algorithm that the client cannot compute is refused before anything is sent', async (t) => {
  const store = await smallStore(t)
  const error = await failureOf(upload(store, { ChecksumAlgorithm: 'XXHASH64' }))
  t.match(error, { operation: 'CreateMultipartUpload', cause: { code: 'ERR_INVALID_ARG_VALUE' } })
  t.match(error.message, /"ChecksumAlgorithm" option must be an algorithm that the client can compute \(.*XXHASH64/s)
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
  t.same(await warningsOf('ChecksumXXHASH64', put(confirming)), [])
  t.match(await warningsOf('ChecksumXXHASH64', put(silent)), [/could not verify ChecksumXXHASH64: its algorithm/])
  t.same(await warningsOf('ChecksumXXHASH64', put(silent)), [])
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
  while (first.bytesUploaded < P) await once(first, 'progress')
  first.destroy(new Error('killed'))
  await failureOf(first.done())
  const digest = newDigest('CRC64NVME')
  digest.update(DATA)
  const resume = { UploadId: 'u1', offset: P, parts: 1, partSize: P }
  const resumed = () => upload(store, { resume, ChecksumCRC64NVME: digest.digest('base64') }, DATA.subarray(P))
  t.match(await warningsOf('ChecksumCRC64NVME', resumed), [/the bytes before the resume point were not read/])
  t.equal(store.objects.get('k')?.size, DATA.length)
})
