import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { CompletedPart, UploadPartCommandOutput } from '@aws-sdk/client-s3'
import { crc32Base64, crc32Bytes, crc32Combine } from './checksum.js'
import type { Declared } from './parameters.js'
import type { Part } from './part-cutter.js'

/** All the bytes of something. */
export interface Whole {
  /** Undefined where an earlier stream brought some of them, and S3 has no CRC-32 of those. */
  crc: number | undefined
  size: number
}

/** A part that S3 has: what Complete lists, and what it takes to check the object afterwards. */
export interface StoredPart extends Whole {
  listed: CompletedPart
  /** The part's MD5, where its ETag is one: not under KMS or a customer's key, and not in a directory bucket. */
  md5: string | undefined
}

/** What makes an ETag something else than an MD5. */
export interface Encrypted {
  ServerSideEncryption?: string | undefined
  SSECustomerAlgorithm?: string | undefined
}

/** The part as S3 answered it, or what the answer says against it. */
export function storedPart(
  part: Part,
  answer: UploadPartCommandOutput,
  declared: Declared,
  Bucket: string,
): StoredPart | string {
  const { ETag, ChecksumCRC32 } = answer
  if (!ETag) return 'it was answered without an ETag'
  const ours = crc32Base64(part.crc)
  if (ChecksumCRC32 !== undefined && ChecksumCRC32 !== ours)
    return `it has CRC-32 ${ours}, but S3 stored ${ChecksumCRC32}`
  const name = `Checksum${declared.ChecksumAlgorithm}` as keyof CompletedPart & keyof UploadPartCommandOutput
  const checksum = name === 'ChecksumCRC32' ? ours : answer[name]
  return {
    listed: {
      PartNumber: part.PartNumber,
      ETag,
      ...(checksum === undefined ? {} : { [name]: checksum }),
    },
    crc: part.crc,
    size: part.body.length,
    md5: isOpaque(answer, Bucket) ? undefined : md5In(ETag),
  }
}

/** Pieces of bytes, one after the other. */
export function allOf(pieces: readonly Whole[]): Whole {
  return pieces.reduce<Whole>(joined, { crc: 0, size: 0 })
}

function joined(first: Whole, second: Whole): Whole {
  const size = first.size + second.size
  if (first.crc === undefined || second.crc === undefined) return { crc: undefined, size }
  return { crc: crc32Combine(first.crc, second.crc, second.size), size }
}

/**
 * The parts must be 1 to N without a hole, and the bytes of those after the first `before`, which an earlier stream
 * sent, the producer's: nothing else may become an object.
 */
export function whatIsMissing(parts: StoredPart[], came: Whole, before = 0): string | undefined {
  for (const [index, part] of parts.entries()) {
    if (part?.listed.PartNumber !== index + 1) return `part ${index + 1} of ${parts.length} is missing`
  }
  const sent = allOf(parts.slice(before))
  if (sent.crc === came.crc && sent.size === came.size) return undefined
  const [ours, theirs] = [sent, came].map(({ crc, size }) => `${size} bytes with CRC-32 ${crc32Base64(crc as number)}`)
  return `the parts sent hold ${ours}, the stream had ${theirs}`
}

/** What the answer to Complete says against the object being made of these parts. */
export function wrongETag(
  answer: Encrypted & { ETag: string },
  parts: StoredPart[],
  Bucket: string,
): string | undefined {
  const { ETag } = answer
  const count = /-(\d+)$/.exec(bare(ETag))?.[1]
  if (count === undefined) return undefined
  if (Number(count) !== parts.length)
    return `the object's ETag ${ETag} is of ${count} parts, but ${parts.length} were sent`
  const expected = isOpaque(answer, Bucket) ? undefined : multipartETag(parts)
  if (expected === undefined || expected === bare(ETag)) return undefined
  return `the object's ETag ${ETag} is not that of the parts sent, which is "${expected}"`
}

/** The MD5 of the parts' MD5s, as S3 makes it; undefined where the parts' ETags are not MD5s. */
export function multipartETag(parts: StoredPart[]): string | undefined {
  const hashes = parts.map((part) => part.md5)
  if (hashes.includes(undefined)) return undefined
  return `${md5(Buffer.from(hashes.join(''), 'hex'))}-${parts.length}`
}

/** S3's checksum of checksums; undefined where a part's is not known. */
export function compositeChecksum(parts: StoredPart[]): string | undefined {
  const crcs = parts.flatMap(({ crc }) => crc ?? [])
  if (crcs.length < parts.length) return undefined
  const all = Buffer.concat(crcs.map(crc32Bytes))
  return `${crc32Base64(crc32(all))}-${parts.length}`
}

/** Under KMS or a customer's key, and in a directory bucket, an ETag is no MD5. */
export function isOpaque({ ServerSideEncryption, SSECustomerAlgorithm }: Encrypted, Bucket: string): boolean {
  return (
    ServerSideEncryption?.startsWith('aws:') === true || SSECustomerAlgorithm !== undefined || Bucket.endsWith('--x-s3')
  )
}

export function md5In(ETag: string): string | undefined {
  return /^[0-9a-f]{32}$/.test(bare(ETag)) ? bare(ETag) : undefined
}

/** An ETag without its quotes, which Ceph leaves out. */
export function bare(ETag: string): string {
  return ETag.replaceAll('"', '')
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
