import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { crc32Base64 } from '../../lib/checksums/crc32.js'
import { resumePoint } from '../../lib/index.js'
import { MiB, P, zeros } from '../support/bytes.js'
import { scenario } from '../support/scenario.js'

/** A page of ListParts: up to 1,000 parts, as on AWS, of 5 MiB of zeros. MinIO lists up to 10,000 in a page. */
function listPage(count: number, url: string): string {
  const after = Number(new URL(url, 'http://s3').searchParams.get('part-number-marker') ?? 0)
  const last = Math.min(count, after + 1000)
  const zeros = Buffer.alloc(P)
  const fields = `<Size>${P}</Size><ETag>"${createHash('md5').update(zeros).digest('hex')}"</ETag><ChecksumCRC32>${crc32Base64(crc32(zeros))}</ChecksumCRC32>`
  const parts = Array.from(
    { length: last - after },
    (_, i) => `<Part><PartNumber>${after + i + 1}</PartNumber>${fields}</Part>`,
  )
  const truncated = `<IsTruncated>${last < count}</IsTruncated><NextPartNumberMarker>${last}</NextPartNumberMarker>`
  const declared = '<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</ChecksumType>'
  return `<ListPartsResult>${declared}${truncated}${parts.join('')}</ListPartsResult>`
}

t.test('1,001 and 2,500 stored parts are read from all pages of ListParts, and listed at Complete', async (t) => {
  for (const [count, pages] of [
    [1001, 2],
    [2500, 3],
  ] as const) {
    let completedParts = 0
    const ETag = `"${createHash('md5')
      .update(Buffer.concat(Array<Buffer>(count).fill(createHash('md5').update(Buffer.alloc(P)).digest())))
      .digest('hex')}-${count}"`
    const { client, Bucket, upload, proxy } = await scenario(t, {
      fault: ({ operation, url }) => {
        if (operation === 'ListParts') return { do: 'answer', status: 200, body: listPage(count, url) }
        const body = `<CompleteMultipartUploadResult><ETag>${ETag}</ETag></CompleteMultipartUploadResult>`
        return operation === 'CompleteMultipartUpload' ? { do: 'answer', status: 200, body } : undefined
      },
      onXml: ({ operation }, xml) => {
        if (operation === 'CompleteMultipartUpload') completedParts = xml.match(/<PartNumber>/g)?.length ?? 0
      },
    })
    const point = await resumePoint({ client, Bucket, Key: 'k', UploadId: 'many' })
    t.same(point, { UploadId: 'many', offset: count * P, parts: count, partSize: P })
    t.equal(proxy.of('ListParts').length, pages)
    const fromStart = upload({ resume: { UploadId: 'many' } })
    if (count === 1001) await pipeline(zeros(count * P, MiB), fromStart)
    else fromStart.destroy()
    const fromPoint = upload({ resume: point })
    fromPoint.end()
    t.match(await fromPoint.done(), { parts: count, size: count * P, ETag })
    t.equal(completedParts, count)
    t.equal(proxy.of('UploadPart').length, 0)
  }
})
