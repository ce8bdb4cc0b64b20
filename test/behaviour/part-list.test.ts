import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import { crc32Base64 } from '../../lib/checksums/crc32.js'
import { newDigest } from '../../lib/checksums/hash.js'
import { resumePoint, type S3WritableOptions, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { COMPLETE } from '../support/object-requests.js'
import { untilAcknowledged } from '../support/scenario.js'
import { type Answer, type SmallStore, s3Error, smallStore, xml } from '../support/small-store.js'

const DATA = bytes(2 * P + 1000)
const PARTS = [DATA.subarray(0, P), DATA.subarray(P, 2 * P), DATA.subarray(2 * P)] as const
const CRCS = PARTS.map((part) => crc32Base64(crc32(part)))

/** How a store handles the checksums of parts. */
interface Rules {
  /** Whether the answer to Create names the algorithm. */
  echoes?: boolean
  /** Answers Complete with this error code, or `undefined` to make the object. `checksums` are those in the list. */
  refusal?: (checksums: string[]) => string | undefined
  more?: Record<string, Answer>
}

interface Played extends SmallStore {
  /** The checksums in the list of each Complete. */
  lists: string[][]
  upload: (options?: Partial<S3WritableOptions>) => Promise<unknown>
  /** Leaves an unfinished upload with the first two parts. */
  leaveParts: () => Promise<void>
}

async function storeWith(t: Test, { echoes = false, refusal = () => undefined, more }: Rules): Promise<Played> {
  const lists: string[][] = []
  const store = await smallStore(t, {
    CreateMultipartUpload: ({ response, request }) => {
      const algorithm = request.headers['x-amz-checksum-algorithm']
      if (echoes && algorithm !== undefined) response.setHeader('x-amz-checksum-algorithm', algorithm)
      return 'as usual'
    },
    [COMPLETE]: ({ response, body }) => {
      const checksums = [...body.toString().matchAll(/<Checksum[A-Z0-9]+>(.*?)<\/Checksum/g)].map(
        ([, value = '']) => value,
      )
      lists.push(checksums)
      const Code = refusal(checksums)
      if (Code === undefined) return 'as usual'
      return s3Error(response, 400, Code)
    },
    ...more,
  })
  const { client } = store
  const stream = (options: Partial<S3WritableOptions> = {}) =>
    s3Writable({ client, Bucket: 'b', Key: 'k', partSize: P, concurrency: 1, ...options } as S3WritableOptions)
  return Object.assign(store, {
    lists,
    upload: async (options: Partial<S3WritableOptions> = {}) => {
      const { offset = 0 } = Object(options.resume) as { offset?: number }
      const upload = stream(options)
      await pipeline(Readable.from([DATA.subarray(offset)]), upload)
      return upload.result
    },
    leaveParts: async () => {
      const upload = stream({ leavePartsOnError: true })
      upload.on('error', () => {}).write(DATA)
      await untilAcknowledged(upload, 2 * P)
      upload.destroy(new Error('killed'))
      await failureOf(upload.done())
      store.seen.length = 0
    },
  })
}

/** SeaweedFS demands the checksums that Create declared. */
const demands = (checksums: string[]): string | undefined => (checksums.length === 3 ? undefined : 'InvalidRequest')
/** Swift does not know the element. */
const refusesAny = (checksums: string[]): string | undefined => (checksums.length === 0 ? undefined : 'MalformedXML')

t.test('Complete lists the checksums of the parts only if the answer to Create names their algorithm', async (t) => {
  const echoing = await storeWith(t, { echoes: true, refusal: demands })
  await echoing.upload()
  t.same(echoing.lists, [CRCS])
  for (const options of [{}, { ChecksumType: 'FULL_OBJECT' }] as const) {
    const swift = await storeWith(t, { refusal: refusesAny })
    t.match(await swift.upload(options), { size: DATA.length, parts: 3 })
    t.same(swift.lists, [[]])
  }
})

t.test('a store that demands the checksums although it has not named the algorithm gets them', async (t) => {
  const store = await storeWith(t, { refusal: demands })
  t.match(await store.upload(), { size: DATA.length, parts: 3 })
  t.same(store.lists, [[], CRCS])
})

t.test(
  'if the list is refused with and without checksums, the first refusal is the error, and nothing is left',
  async (t) => {
    const store = await storeWith(t, { refusal: ({ length }) => (length === 0 ? 'InvalidRequest' : 'MalformedXML') })
    t.match(await failureOf(store.upload()), { code: 'ERR_S3_REQUEST', name: 'InvalidRequest' })
    t.equal(store.lists.length, 2)
    t.equal(store.parts, undefined)
  },
)

t.test('the list is sent once if there are no checksums, or the refusal has another reason', async (t) => {
  const undeclared = await storeWith(t, { refusal: demands })
  undeclared.client.config.requestChecksumCalculation = async () => 'WHEN_REQUIRED'
  t.match(await failureOf(undeclared.upload()), { name: 'InvalidRequest' })
  t.same(undeclared.lists, [[]])
  const invalid = await storeWith(t, { refusal: () => 'InvalidPart' })
  t.match(await failureOf(invalid.upload()), { name: 'InvalidPart' })
  t.same(invalid.lists, [[]])
})

t.test('if the answer to the second list is lost, HeadObject decides', async (t) => {
  const store: Played = await storeWith(t, {
    more: {
      [COMPLETE]: ({ response, body }) => {
        if (!body.includes('ChecksumCRC32')) s3Error(response, 400, 'InvalidRequest')
        else {
          if (store.parts !== undefined) store.complete('k')
          response.destroy()
        }
      },
    },
  })
  t.match(await store.upload(), { size: DATA.length, parts: 3, ETag: /-3"$/ })
})

t.test('an upload is resumed although ListParts shows neither its algorithm nor its checksums', async (t) => {
  const store = await storeWith(t, { echoes: true, refusal: demands })
  await store.leaveParts()
  t.match(await store.upload({ resume: { UploadId: 'u1' } }), { size: DATA.length, parts: 3, skipped: 2 * P })
  t.same(
    store.of('UploadPart').map(({ PartNumber }) => PartNumber),
    [3],
  )
  t.same(store.lists, [[], CRCS])
})

t.test('such an upload is left if a checksum that Complete demands is not known', async (t) => {
  const store = await storeWith(t, { echoes: true, refusal: demands })
  await store.leaveParts()
  const point = await resumePoint({ client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' })
  t.equal(point.offset, 2 * P)
  const error = await failureOf(store.upload({ resume: point }))
  t.match(error, { code: 'ERR_S3_RESUME', UploadId: 'u1', message: /Resume from the start, by \{ UploadId \}/ })
  t.equal(store.parts?.size, 3)
  t.equal(store.of('AbortMultipartUpload').length, 0)
  t.match(await store.upload({ resume: { UploadId: 'u1' } }), { skipped: DATA.length })
})

t.test('SeaweedFS shows no checksums, so an upload goes on there only with all the bytes', async (t) => {
  const store: Played = await storeWith(t, {
    echoes: true,
    refusal: demands,
    more: {
      ListParts: ({ response }) => {
        response.setHeader('server', 'SeaweedFS 4.53')
        return 'as usual'
      },
    },
  })
  const object = { client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' }
  await store.leaveParts()
  const beyond = { UploadId: 'u1', offset: 2 * P, parts: 2, partSize: P }
  const error = await failureOf(store.upload({ resume: beyond }))
  t.match(error, { code: 'ERR_S3_RESUME', UploadId: 'u1', message: /Write all the bytes, with resume: \{ UploadId \}/ })
  t.same(
    store.seen.map(({ operation }) => operation),
    ['ListParts'],
  )
  const point = await resumePoint(object)
  t.match(point, { offset: 0, parts: 0 })
  t.match(await store.upload({ resume: point }), { size: DATA.length, parts: 3, skipped: 2 * P })
  t.same(store.lists, [[], CRCS])

  await store.leaveParts()
  store.client.config.requestChecksumCalculation = async () => 'WHEN_REQUIRED'
  t.match(await resumePoint(object), { offset: 2 * P, parts: 2 })
})

t.test('such an upload is left if it was created with another algorithm', async (t) => {
  const store = await storeWith(t, { echoes: true, refusal: () => 'InvalidRequest' })
  await store.leaveParts()
  const error = await failureOf(store.upload({ resume: { UploadId: 'u1' } }))
  t.match(error, { code: 'ERR_S3_RESUME', message: /another ChecksumAlgorithm/, cause: { name: 'InvalidRequest' } })
  t.equal(store.parts?.size, 3)
})

/** S3Mock's ListParts names the algorithm, and shows no checksums. */
const withoutChecksums =
  (algorithm: string, store: () => SmallStore, ETag?: string): Answer =>
  ({ response }) => {
    const parts = [...(store().parts ?? [])].map(
      ([n, part]) =>
        `<Part><PartNumber>${n}</PartNumber><ETag>${ETag ?? part.ETag}</ETag><Size>${part.size}</Size></Part>`,
    )
    xml(
      response,
      200,
      `<ListPartsResult><ChecksumAlgorithm>${algorithm}</ChecksumAlgorithm>${parts.join('')}</ListPartsResult>`,
    )
  }

t.test(
  'checksums that ListParts does not show are computed from the same bytes, which are not sent again',
  async (t) => {
    for (const algorithm of ['CRC32', 'CRC32C', 'SHA256']) {
      const store: Played = await storeWith(t, { more: { ListParts: withoutChecksums(algorithm, () => store) } })
      await store.leaveParts()
      const point = await resumePoint({ client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' })
      t.match(point, { offset: 0, parts: 0 })
      for (const [n, part] of PARTS.entries()) if (n < 2) store.parts?.set(n + 1, store.part(n + 1, part))
      t.match(await store.upload({ resume: point }), { size: DATA.length, skipped: 2 * P })
      const sums = PARTS.map((part) =>
        algorithm === 'CRC32' ? crc32Base64(crc32(part)) : newDigest(algorithm).update(part).digest('base64'),
      )
      // The small store answers UploadPart without a checksum, so that of part 3 is the one that it was sent with.
      t.same(store.lists, [sums])
    }
  },
)

t.test('a part whose checksum ListParts does not show is sent again if its ETag proves nothing', async (t) => {
  for (const [algorithm, ETag] of [
    ['CRC32', '"opaque"'],
    ['XXHASH3', undefined],
  ] as const) {
    const store: Played = await storeWith(t, { more: { ListParts: withoutChecksums(algorithm, () => store, ETag) } })
    await store.leaveParts()
    const parts = (): unknown[] => store.of('UploadPart').map(({ PartNumber }) => PartNumber)
    const uploaded = store.upload({ resume: { UploadId: 'u1' } })
    if (algorithm === 'CRC32') t.match(await uploaded, { size: DATA.length })
    else t.match(await failureOf(uploaded), { message: /XXHASH3/ })
    t.same(parts(), algorithm === 'CRC32' ? [1, 2, 3] : [])
  }
})
