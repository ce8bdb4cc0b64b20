import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { crc32Base64 } from '../../lib/checksums/crc32.js'
import { type ResumePoint, resumePoint, type S3Writable, type S3WritableResult } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { P, sha256 } from '../support/bytes.js'
import { DATA, remainingBytes } from '../support/resumed-upload.js'
import { scenario } from '../support/scenario.js'
import { head, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

async function uploadFrom(point: ResumePoint, upload: S3Writable): Promise<S3WritableResult> {
  await pipeline(remainingBytes(point), upload)
  return upload.result as S3WritableResult
}

t.test('an upload is resumed at a point with every checksum, and without one', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  for (const create of [
    {},
    { ChecksumAlgorithm: 'CRC32' },
    { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' },
    { ChecksumAlgorithm: 'SHA256' },
    { ChecksumAlgorithm: 'CRC32C' },
    { ChecksumAlgorithm: 'CRC64NVME' },
  ] as const) {
    let checksum: object = {}
    for (const round of [1, 2]) {
      const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 3), create)
      const point = await resumePoint({ client, Bucket, Key: 'k', UploadId })
      t.equal(point.offset, 3 * P)
      const { ChecksumCRC64NVME } = await uploadFrom(point, upload({ resume: point, ...checksum }))
      t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA), `${JSON.stringify(create)}, round ${round}`)
      // In round 2 the checksum is given, so that S3 verifies it. Some stores also return one that was not declared.
      if ('ChecksumAlgorithm' in create && create.ChecksumAlgorithm === 'CRC64NVME') checksum = { ChecksumCRC64NVME }
    }
  }
})

t.test('Complete sends the CRC-32 of the full object for FULL_OBJECT, and a given CRC-32 is verified', async (t) => {
  const { client, Bucket, upload, proxy } = await scenario(t)
  const ChecksumCRC32 = crc32Base64(crc32(DATA))
  for (const given of [undefined, ChecksumCRC32, crc32Base64(crc32(DATA.subarray(1)))]) {
    const create = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const
    const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2), create)
    const point = await resumePoint({ client, Bucket, Key: 'k', UploadId })
    const piped = pipeline(remainingBytes(point), upload({ resume: point, ChecksumCRC32: given }))
    if (given === undefined || given === ChecksumCRC32) await piped
    else t.match(await failureOf(piped), { code: 'ERR_S3_INTEGRITY', message: /ChecksumCRC32 should be/ })
    const [complete] = proxy.of('CompleteMultipartUpload')
    t.equal(complete?.headers['x-amz-checksum-crc32'], ChecksumCRC32)
    t.equal((await head(Bucket, 'k', { ChecksumMode: 'ENABLED' }))?.ChecksumCRC32, ChecksumCRC32)
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a given CRC of the full object is refused if the parts have none, and the upload is left', async (t) => {
  const { client, Bucket, upload } = await scenario(t, { config: { requestChecksumCalculation: 'WHEN_REQUIRED' } })
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1), { ChecksumAlgorithm: 'SHA256' })
  const point = await resumePoint({ client, Bucket, Key: 'k' })
  for (const [given, message] of [
    [{ ChecksumCRC32: 'AAAAAA==' }, /ChecksumCRC32 is given, but the parts before the offset have no CRC-32/],
    [
      { ChecksumCRC64NVME: 'AAAAAAAAAAA=' },
      /ChecksumCRC64NVME is given, but the upload was not created with this ChecksumAlgorithm/,
    ],
  ] as const) {
    const error = await failureOf(pipeline(remainingBytes(point), upload({ resume: point, ...given })))
    t.match(error, { code: 'ERR_S3_RESUME', message, UploadId })
  }
  await pipeline(remainingBytes(point), upload({ resume: point }))
  t.equal((await stored(Bucket, 'k')).sha256, sha256(DATA))
})
