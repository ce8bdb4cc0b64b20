import { createHash } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'
import t from 'tap'
import { Crc } from '../../lib/checksums/crc.js'
import { type S3WritableOptions, type S3WritableResult, s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P } from '../support/bytes.js'
import { type Answer, type SmallStore, type StoreRequest, smallStore, xml } from '../support/small-store.js'

const SIZES = { PutObject: bytes(KiB), UploadPart: bytes(6 * MiB), CompleteMultipartUpload: bytes(6 * MiB) }
type Operation = keyof typeof SIZES
const COMPLETE = 'CompleteMultipartUpload'

async function uploadWith(
  { client }: SmallStore,
  operation: Operation,
  options: Partial<S3WritableOptions> = {},
): Promise<S3WritableResult> {
  const upload = s3Writable({ client, Bucket: 'b', Key: 'k', partSize: P, ...options } as S3WritableOptions)
  upload.end(SIZES[operation])
  return await upload.done()
}

/** An answer to Complete that makes the object, with `change` applied, and has this ETag and the XML of `more`. */
function makesObject(store: () => SmallStore, ETag: string, more = '', change: object = {}): Answer {
  return ({ response }) => {
    Object.assign(store().complete('k'), { ETag: `"${ETag}"`, ...change })
    xml(response, 200, `<CompleteMultipartUploadResult><ETag>"${ETag}"</ETag>${more}</CompleteMultipartUploadResult>`)
  }
}

/** Formats of ETags of multipart objects in SeaweedFS, Garage, s3gw, Riak, NooBaa, Alibaba, GCS and others. */
const OTHER_ETAGS = [
  `${'0'.repeat(32)}-2`,
  `${'0'.repeat(32)}-1`,
  '9b2d6a3e-7c1f-4e0a-8d5b-123456789012',
  'random-1',
  '0123456789abcdef0123456789abcdef',
  'CJ3Yx7m2wZADEAE=',
]

t.test('an ETag that does not follow AWS’s rule proves nothing, and HeadObject confirms the object', async (t) => {
  for (const ETag of OTHER_ETAGS) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: makesObject(() => store, ETag) })
    const result = await uploadWith(store, COMPLETE)
    t.match(result, { ETag: `"${ETag}"`, size: SIZES[COMPLETE].length, parts: 2 })
    t.equal(store.of('HeadObject').length, 2, 'one HeadObject for the object, one for its number of parts')
  }
})

t.test('a HeadObject answer that contradicts the bytes sent is an error', async (t) => {
  const changes = [
    [{ size: 5 }, /it has 5 bytes, and 6291456 were sent/],
    [
      { headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } },
      /the bytes sent have ChecksumCRC32 .*, but S3 stored AAAAAA==/,
    ],
    [{ headers: { 'x-amz-checksum-crc32': 'AAAAAA==-2' } }, /ChecksumCRC32 .{8}-2, but S3 stored AAAAAA==-2/],
    [{ headers: { 'x-amz-mp-parts-count': '3' } }, /it has 3 parts, and 2 were sent/],
  ] as const
  for (const [change, message] of changes) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: makesObject(() => store, 'x-2', '', change) })
    await t.rejects(uploadWith(store, COMPLETE), { code: 'ERR_S3_INTEGRITY', operation: COMPLETE, message })
  }
})

/** The CRC-32 of the data in base64, as S3 writes it. */
function crc32(data: Buffer): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(zlibCrc32(data))
  return bytes.toString('base64')
}

t.test('the ETag of an object that is encrypted with KMS is not verified, and no request is sent for it', async (t) => {
  const store: SmallStore = await smallStore(t, {
    [COMPLETE]: (request) => {
      request.response.setHeader('x-amz-server-side-encryption', 'aws:kms')
      return makesObject(() => store, 'x-2')(request)
    },
  })
  t.match(await uploadWith(store, COMPLETE), { ETag: '"x-2"', ServerSideEncryption: 'aws:kms' })
  t.equal(store.of('HeadObject').length, 0)
})

t.test('a matching full-object checksum is proof enough', async (t) => {
  const checksum = `<ChecksumCRC32>${crc32(SIZES[COMPLETE])}</ChecksumCRC32>`
  const inAnswer: SmallStore = await smallStore(t, { [COMPLETE]: makesObject(() => inAnswer, 'x-2', checksum) })
  await uploadWith(inAnswer, COMPLETE)
  t.equal(inAnswer.of('HeadObject').length, 0)
  const headers = { 'x-amz-checksum-crc32': crc32(SIZES[COMPLETE]) }
  const inHead: SmallStore = await smallStore(t, { [COMPLETE]: makesObject(() => inHead, 'x-2', '', { headers }) })
  await uploadWith(inHead, COMPLETE)
  t.equal(inHead.of('HeadObject').length, 1)
})

t.test('an object that another writer has stored under the key meanwhile proves nothing', async (t) => {
  const store: SmallStore = await smallStore(t, {
    [COMPLETE]: (request) => {
      makesObject(() => store, 'x-2')(request)
      store.put('k', bytes(5))
    },
  })
  t.match(await uploadWith(store, COMPLETE), { ETag: '"x-2"' })
})

t.test('if HeadObject is denied, or the object is already deleted, the answer of Complete is trusted', async (t) => {
  for (const status of [403, 404]) {
    const store: SmallStore = await smallStore(t, {
      [COMPLETE]: makesObject(() => store, 'x-2'),
      HeadObject: ({ response }) => response.writeHead(status).end(),
    })
    t.match(await uploadWith(store, COMPLETE), { ETag: '"x-2"' })
  }
})

t.test('an object is confirmed even if the store does not report its number of parts', async (t) => {
  const store: SmallStore = await smallStore(t, {
    [COMPLETE]: makesObject(() => store, 'x-2'),
    HeadObject: ({ query, response }) => (query.has('partNumber') ? response.writeHead(501).end() : 'as usual'),
  })
  t.match(await uploadWith(store, COMPLETE), { ETag: '"x-2"' })
})

t.test('an ETag that Complete’s answer lacks is taken from HeadObject if that proves the object', async (t) => {
  const answerWithoutETag = ({ response }: StoreRequest): void =>
    xml(response, 200, '<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>')
  const changes = [
    [{}, undefined],
    [{ ETag: '"opaque"', headers: { 'x-amz-checksum-crc32': crc32(SIZES[COMPLETE]) } }, undefined],
    [{ ETag: '"opaque"' }, /answered without an ETag/],
    [{ size: 5 }, /answered without an ETag/],
    [{ LastModified: new Date('2025-11-01') }, /answered without an ETag/],
  ] as const
  for (const [change, message] of changes) {
    const store: SmallStore = await smallStore(t, {
      [COMPLETE]: (request) => {
        Object.assign(store.complete('k'), change)
        answerWithoutETag(request)
      },
    })
    const result = uploadWith(store, COMPLETE)
    if (message === undefined) t.equal((await result).ETag, store.objects.get('k')?.ETag)
    else await t.rejects(result, { code: 'ERR_S3_INTEGRITY', message })
  }
})

t.test('if neither Complete’s answer nor HeadObject has an ETag, the upload fails', async (t) => {
  const store: SmallStore = await smallStore(t, {
    UploadPart: ({ response }) => response.writeHead(200, { etag: '"opaque"' }).end(),
    [COMPLETE]: ({ response }) =>
      xml(response, 200, '<CompleteMultipartUploadResult><ETag/></CompleteMultipartUploadResult>'),
    HeadObject: ({ response }) => {
      const checksum = crc32(SIZES[COMPLETE])
      response.writeHead(200, { 'content-length': SIZES[COMPLETE].length, 'x-amz-checksum-crc32': checksum }).end()
    },
  })
  await t.rejects(uploadWith(store, COMPLETE), { code: 'ERR_S3_INTEGRITY', message: /answered without an ETag/ })
})

t.test('a checksum in any answer that differs from the CRC-32 or from a checksum option is an error', async (t) => {
  const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('base64')
  const checksum = { ChecksumSHA256: sha256(SIZES.PutObject) }
  const headers: [Operation, Record<string, string>, object][] = [
    ['PutObject', { 'x-amz-checksum-crc32': 'AAAAAA==' }, {}],
    ['PutObject', { 'x-amz-checksum-sha256': sha256(bytes(1)) }, checksum],
    ['UploadPart', { 'x-amz-checksum-crc32': 'AAAAAA==' }, {}],
    ['UploadPart', { 'x-amz-checksum-sha256': sha256(bytes(1)) }, { ChecksumAlgorithm: 'SHA256' }],
  ]
  for (const [operation, answered, options] of headers) {
    const store = await smallStore(t, {
      [operation]: ({ response }) => response.writeHead(200, { etag: '"e"', ...answered }).end(),
    })
    await t.rejects(uploadWith(store, operation, options), {
      code: 'ERR_S3_INTEGRITY',
      operation,
      message: /but S3 stored/,
    })
  }
  const CRC64NVME = { ChecksumCRC64NVME: new Crc('CRC64NVME').update(SIZES[COMPLETE]).digest('base64') }
  for (const [more, options] of [
    ['<ChecksumCRC32>AAAAAA==</ChecksumCRC32>', {}],
    ['<ChecksumCRC32>AAAAAA==-2</ChecksumCRC32>', {}],
    ['<ChecksumCRC64NVME>BBBBBBBBBBA=</ChecksumCRC64NVME>', CRC64NVME],
  ] as const) {
    const store: SmallStore = await smallStore(t, { [COMPLETE]: makesObject(() => store, 'x-2', more) })
    const error = { code: 'ERR_S3_INTEGRITY', operation: COMPLETE, message: /but S3 stored/ }
    await t.rejects(uploadWith(store, COMPLETE, options), error)
  }
})

t.test('a given checksum of the full object is verified if the store ignores checksums', async (t) => {
  for (const operation of ['PutObject', COMPLETE] as const) {
    const data = SIZES[operation]
    const crc = zlibCrc32(data)
    const right = {
      ChecksumCRC32: Buffer.from(crc.toString(16).padStart(8, '0'), 'hex').toString('base64'),
      ChecksumCRC32C: new Crc('CRC32C').update(data).digest('base64'),
      ChecksumCRC64NVME: new Crc('CRC64NVME').update(data).digest('base64'),
      ChecksumMD5: createHash('md5').update(data).digest('base64'),
      ChecksumSHA1: createHash('sha1').update(data).digest('base64'),
      ChecksumSHA256: createHash('sha256').update(data).digest('base64'),
      ChecksumSHA512: createHash('sha512').update(data).digest('base64'),
    }
    for (const [name, value] of Object.entries(right)) {
      const store = await smallStore(t)
      t.match(await uploadWith(store, operation, { [name]: value }), { size: data.length })
      store.objects.clear()
      const wrong = value.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))
      await t.rejects(uploadWith(store, operation, { [name]: wrong }), {
        code: 'ERR_S3_INTEGRITY',
        message: new RegExp(`${name} should be `),
      })
      t.equal(store.objects.size, 0)
      t.equal(store.parts, undefined, 'the parts were removed')
    }
  }
})

t.test('an empty or malformed checksum in an answer is ignored', async (t) => {
  for (const malformed of ['', 'none', '*', 'AAAA', 'AAAAAAAA']) {
    for (const operation of ['PutObject', 'UploadPart'] as const) {
      const store: SmallStore = await smallStore(t, {
        [operation]: ({ response, seen, body }) => {
          const { ETag } = seen.PartNumber === undefined ? store.put('k', body) : store.part(seen.PartNumber, body)
          response.writeHead(200, { etag: ETag, 'x-amz-checksum-crc32': malformed }).end()
        },
      })
      t.equal((await uploadWith(store, operation)).ETag, store.objects.get('k')?.ETag, `${operation} ${malformed}`)
    }
  }
})
