import t from 'tap'
import { crc32Base64, type SizeAndCrc } from '../../../lib/checksums/crc32.js'
import { PartCutter } from '../../../lib/parts/cutter.js'
import type { StoredPart } from '../../../lib/upload/stored-parts.js'
import { partsProblem } from '../../../lib/upload/verify.js'
import { bytes, MiB, P } from '../../support/bytes.js'

const data = bytes(12 * MiB)

/** The parts of `data` as S3 would have stored them, and the size and the CRC-32 of the stream. */
function storedParts(): { parts: StoredPart[]; streamed: SizeAndCrc } {
  const parts: StoredPart[] = []
  const add = (PartNumber: number, body: Buffer, crc: number): void => {
    parts.push({ listed: { PartNumber, ETag: 'e' }, crc, size: body.length, md5: undefined })
  }
  const cutter = new PartCutter(
    () => P,
    () => 10,
    ({ PartNumber, body, crc }) => add(PartNumber, body, crc),
  )
  for (let taken = 0; taken < data.length; ) taken += cutter.take(data.subarray(taken))
  const { crc, size } = cutter
  const last = cutter.end()
  if (last !== undefined) add(last.PartNumber, last.body, last.crc)
  return { parts, streamed: { crc, size } }
}

t.test('parts 1 to N that hold the bytes of the stream have no problem', async (t) => {
  const { parts, streamed } = storedParts()
  t.equal(parts.length, 3)
  t.equal(partsProblem(parts, streamed), undefined)
})

t.test('a part that is missing, or that holds other bytes, is a problem', async (t) => {
  const { parts, streamed } = storedParts()
  const [first, second, third] = parts as [StoredPart, StoredPart, StoredPart]
  t.equal(partsProblem([first, third], streamed), 'part 2 of 2 is missing')
  const sparse: StoredPart[] = [first, second]
  sparse[3] = third
  t.equal(partsProblem(sparse, streamed), 'part 3 of 4 is missing')
  t.match(partsProblem([first, second], streamed), /^the parts hold 10485760 bytes .*, but 12582912 /)
  t.match(
    partsProblem([{ ...first, crc: 1 }, second, third], streamed),
    new RegExp(`but .* ${crc32Base64(streamed.crc as number)}`),
  )
})
