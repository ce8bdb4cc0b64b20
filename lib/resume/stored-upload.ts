import type { CompletedPart, Part as ListedPart } from '@aws-sdk/client-s3'
import { checksumIn, type Encrypted, isOpaque, md5In, type StoredPart } from '../checksums/etag.js'
import { hashInTurns } from '../checksums/hash.js'
import type { Declared } from '../options/parameters.js'
import type { Part } from '../parts/cutter.js'
import type { PartSizes } from '../parts/sizes.js'

/** A CRC-32 in base64. */
const CRC32_LENGTH = 8

/** What an earlier stream of the same object left on S3. */
export interface Earlier {
  UploadId: string
  /** When it was begun, by S3's clock, in ms; undefined where only its UploadId is known. */
  begun: number | undefined
  /** What its Create declared. */
  declared: Declared
  /** How it was cut, and is to be cut on. */
  sizes: PartSizes
  /** Of the first part, as the stored ones tell; undefined where they tell nothing. */
  partSize: number | undefined
  /** What is stored, by PartNumber. */
  parts: ReadonlyMap<number, StoredPart>
  /** So many parts, from the first on, are taken as they are: the stream begins behind them. */
  before: number
}

/**
 * The part as ListParts tells of it; undefined where that is too little to list it at Complete. Nothing there tells of
 * KMS, under which an ETag only looks like an MD5: the answer to Complete does.
 */
export function earlierPart(
  part: ListedPart,
  { ChecksumAlgorithm, ChecksumType }: Declared,
  { Bucket, s3 }: { Bucket: string; s3: Encrypted },
): StoredPart | undefined {
  const { PartNumber, ETag, Size } = part
  if (PartNumber === undefined || !ETag || Size === undefined) return undefined
  const name = `Checksum${ChecksumAlgorithm}` as keyof CompletedPart & keyof ListedPart
  const checksum = checksumIn(part, name)
  const crc = checksumIn(part, 'ChecksumCRC32')
  // Complete lists those of all parts, unless the checksum is of the full object.
  if (ChecksumAlgorithm !== undefined && ChecksumType !== 'FULL_OBJECT' && !checksum) return undefined
  return {
    listed: { PartNumber, ETag, ...(checksum ? { [name]: checksum } : {}) },
    crc: crc?.length === CRC32_LENGTH ? Buffer.from(crc, 'base64').readUInt32BE() : undefined,
    size: Size,
    md5: isOpaque(s3, Bucket) ? undefined : md5In(ETag),
  }
}

/** Whether S3 holds these very bytes: of the same size, with the same CRC-32, or the MD5 that is the ETag. */
export async function isSame({ body, crc }: Part, earlier: StoredPart): Promise<boolean> {
  if (earlier.size !== body.length) return false
  if (earlier.crc !== undefined) return earlier.crc === crc
  return earlier.md5 !== undefined && earlier.md5 === (await hashInTurns('md5', body)).digest('hex')
}
