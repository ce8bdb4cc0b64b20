import { crc32 } from 'node:zlib'
import type { CompletedPart, UploadPartCommandOutput } from '@aws-sdk/client-s3'
import type { Declared } from '../options/parameters.js'
import type { Part } from '../parts/cutter.js'
import { crc32Base64, crc32Bytes, crc32Combine } from './combine.js'
import { hashAtOnce } from './hash.js'

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
  const { ETag } = answer
  if (!ETag) return 'it was answered without an ETag'
  const ours = crc32Base64(part.crc)
  const wrong = wrongChecksum(answer, { ChecksumCRC32: [ours] })
  if (wrong !== undefined) return wrong
  const name = `Checksum${declared.ChecksumAlgorithm}` as keyof CompletedPart & keyof UploadPartCommandOutput
  const checksum = name === 'ChecksumCRC32' ? ours : checksumIn(answer, name)
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

/** What a checksum of S3's may be, by its parameter's name: of the whole, or of the parts' checksums. */
export type Checksums = Record<string, readonly (string | undefined)[]>

/** Base64, and how many parts it is a checksum of. */
const CHECKSUM = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?:-\d+)?$/

/** A checksum in an answer; one that is empty or malformed is none. */
export function checksumIn(answer: object, name: string): string | undefined {
  const value = (answer as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' && CHECKSUM.test(value) ? value : undefined
}

/** What the checksums of an answer say against ours; those that we do not know say nothing. */
export function wrongChecksum(answer: object, ours: Checksums): string | undefined {
  for (const [name, known] of Object.entries(ours)) {
    const stored = checksumIn(answer, name)
    // A store may give the other kind, of which we know nothing; one of another length is malformed.
    const alike = known.filter((one) => one !== undefined && shape(one) === shape(stored))
    if (alike.length === 0 || alike.includes(stored)) continue
    return `it has ${name} ${alike.join(' or ')}, but S3 stored ${stored}`
  }
  return undefined
}

/** How many bytes it has, and whether it is a checksum of checksums. */
function shape(checksum = ''): string {
  const [base64 = '', parts] = checksum.split('-')
  return `${Buffer.from(base64, 'base64').length} ${parts === undefined}`
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

/** Directory buckets and their access points, by name or by ARN. */
const DIRECTORY = /--xa?-s3$|^arn:[^:]*:s3express:/

/** Under KMS or a customer's key, and in a directory bucket, an ETag is no MD5. */
export function isOpaque({ ServerSideEncryption, SSECustomerAlgorithm }: Encrypted, Bucket: string): boolean {
  return (
    ServerSideEncryption?.startsWith('aws:') === true || SSECustomerAlgorithm !== undefined || DIRECTORY.test(Bucket)
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
  return hashAtOnce('md5', bytes).digest('hex')
}
