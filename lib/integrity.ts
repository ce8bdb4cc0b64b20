import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { CompletedPart, UploadPartCommandOutput } from '@aws-sdk/client-s3'
import { crc32Base64, crc32Bytes, crc32Combine } from './checksum.js'
import type { Declared } from './parameters.js'
import type { Part } from './part-cutter.js'

/** All that arrived, as the stream saw it. */
export interface Whole {
  crc: number
  size: number
}

/** A part that S3 has: what Complete lists, and what it takes to check the object afterwards. */
export interface StoredPart extends Whole {
  listed: CompletedPart
  /** The part's MD5, where its ETag is one: not under KMS or a customer's key, and not in a directory bucket. */
  md5: string | undefined
}

/** The part as S3 answered it, or what the answer says against it. */
export function storedPart(
  part: Part,
  answer: UploadPartCommandOutput,
  declared: Declared,
  Bucket: string,
): StoredPart | string {
  const { ETag, ServerSideEncryption, SSECustomerAlgorithm, ChecksumCRC32 } = answer
  if (!ETag) return 'it was answered without an ETag'
  const ours = crc32Base64(part.crc)
  if (ChecksumCRC32 !== undefined && ChecksumCRC32 !== ours)
    return `it has CRC-32 ${ours}, but S3 stored ${ChecksumCRC32}`
  const name = `Checksum${declared.ChecksumAlgorithm}` as keyof CompletedPart & keyof UploadPartCommandOutput
  const checksum = name === 'ChecksumCRC32' ? ours : answer[name]
  const opaque =
    ServerSideEncryption?.startsWith('aws:') || SSECustomerAlgorithm !== undefined || Bucket.endsWith('--x-s3')
  return {
    listed: {
      PartNumber: part.PartNumber,
      ETag,
      ...(checksum === undefined ? {} : { [name]: checksum }),
    },
    crc: part.crc,
    size: part.body.length,
    md5: !opaque && /^[0-9a-f]{32}$/.test(bare(ETag)) ? bare(ETag) : undefined,
  }
}

/** The parts must be 1 to N without a hole, and their bytes the producer's: nothing else may become an object. */
export function whatIsMissing(parts: StoredPart[], whole: Whole): string | undefined {
  let crc = 0
  let size = 0
  for (const [index, part] of parts.entries()) {
    if (part?.listed.PartNumber !== index + 1) return `part ${index + 1} of ${parts.length} is missing`
    crc = crc32Combine(crc, part.crc, part.size)
    size += part.size
  }
  if (crc === whole.crc && size === whole.size) return undefined
  return `the parts sent hold ${size} bytes with CRC-32 ${crc32Base64(crc)}, the stream had ${whole.size} with ${crc32Base64(whole.crc)}`
}

/** What an ETag says against the object being made of these parts. */
export function wrongETag(ETag: string, parts: StoredPart[]): string | undefined {
  const count = /-(\d+)$/.exec(bare(ETag))?.[1]
  if (count === undefined) return undefined
  if (Number(count) !== parts.length)
    return `the object's ETag ${ETag} is of ${count} parts, but ${parts.length} were sent`
  const expected = multipartETag(parts)
  if (expected === undefined || expected === bare(ETag)) return undefined
  return `the object's ETag ${ETag} is not that of the parts sent, which is "${expected}"`
}

/** The MD5 of the parts' MD5s, as S3 makes it; undefined where the parts' ETags are not MD5s. */
export function multipartETag(parts: StoredPart[]): string | undefined {
  const hashes = parts.map((part) => part.md5)
  if (hashes.includes(undefined)) return undefined
  return `${md5(Buffer.from(hashes.join(''), 'hex'))}-${parts.length}`
}

/** S3's checksum of checksums. */
export function compositeChecksum(parts: StoredPart[]): string {
  const all = Buffer.concat(parts.map((part) => crc32Bytes(part.crc)))
  return `${crc32Base64(crc32(all))}-${parts.length}`
}

/** An ETag without its quotes, which Ceph leaves out. */
export function bare(ETag: string): string {
  return ETag.replaceAll('"', '')
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
