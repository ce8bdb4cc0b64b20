import type { CompletedPart, Part as ListedPart, ListPartsCommandOutput } from '@aws-sdk/client-s3'
import { checksumIn } from '../checksums/compare.js'
import { combineAll } from '../checksums/crc32.js'
import { type EncryptionParams, hasOpaqueETag, md5OfETag } from '../checksums/etag.js'
import { isComputedHere } from '../checksums/hash.js'
import { algorithmVerifiedByS3, type DeclaredChecksums, declaredChecksums, isAlgorithm } from '../options/checksums.js'
import type { CheckedOptions, ResumePoint } from '../options/types.js'
import { inferPartSizes } from '../parts/sizes.js'
import type { Requests } from '../requests/requests.js'
import type { StoredPart, StoredUpload } from '../upload/stored-parts.js'

/** The length of a CRC-32 in base64. */
const CRC32_LENGTH = 8

/** A stored upload as ListParts describes it: without the time of its creation, which only ListMultipartUploads knows. */
export type ListedUpload = Omit<StoredUpload, 'createdAt'>

/**
 * What S3 holds of an upload, from the pages of ListParts.
 *
 * @throws Error if the upload cannot be continued with these options.
 */
export async function readStoredUpload(
  options: CheckedOptions,
  requests: Requests,
  UploadId: string,
  pages: ListPartsCommandOutput[],
): Promise<ListedUpload> {
  const declared = declaredBy(pages[0] as ListPartsCommandOutput)
  const algorithm = algorithmVerifiedByS3(options.s3)
  if (
    algorithm !== undefined &&
    (algorithm !== declared.ChecksumAlgorithm || declared.ChecksumType !== 'FULL_OBJECT')
  ) {
    throw new Error(
      `Checksum${algorithm} is given, but the upload was not created with this ChecksumAlgorithm and ChecksumType FULL_OBJECT`,
    )
  }
  const lacksChecksum = declared.ChecksumAlgorithm === undefined && (await mayHideChecksums(requests, options))
  const stored = pages
    .flatMap(({ Parts = [] }) => Parts)
    .flatMap((part) => partFromListing(part, declared, options) ?? [])
    .map((part) => (lacksChecksum ? { ...part, lacksChecksum } : part))
  const sizes = stored.map(({ listed, size }) => ({ PartNumber: listed.PartNumber as number, size }))
  const inferred = inferPartSizes(sizes, options.maxParts, options.equalParts)
  const upload: ListedUpload = {
    UploadId,
    declared,
    sizeOfPart: inferred ?? options.sizeOfPart,
    partSize: inferred?.(1),
    parts: new Map(stored.map((part) => [part.listed.PartNumber as number, part])),
    partsBeforePoint: 0,
  }
  const { resume } = options
  if (typeof resume !== 'object' || resume.offset === undefined) return upload
  return resumeAtPoint(resume, upload, options, requests)
}

/**
 * Whether the store demands checksums of parts at Complete that ListParts does not show, if the upload was created with
 * them: SeaweedFS does. Nothing shows whether this one was, so what this client declares decides.
 * https://github.com/seaweedfs/seaweedfs/blob/master/weed/s3api/filer_multipart.go
 */
async function mayHideChecksums({ server }: Requests, options: CheckedOptions): Promise<boolean> {
  return server.name.startsWith('SeaweedFS') && (await declaredChecksums(options)).ChecksumAlgorithm !== undefined
}

/** The checksums that Create declared. */
function declaredBy({ ChecksumAlgorithm, ChecksumType }: ListPartsCommandOutput): DeclaredChecksums {
  const entries = Object.entries({ ChecksumAlgorithm, ChecksumType })
  return Object.fromEntries(entries.filter(([, value]) => isAlgorithm(value)))
}

/**
 * A stored part, from ListParts; undefined if a field is missing that CompleteMultipartUpload must list, and that cannot be
 * computed when the part's bytes are written again. Under SSE-KMS the ETag only looks like an MD5, and ListParts does not
 * show whether SSE-KMS is in use, so `md5` may be wrong here; Complete's answer shows it.
 */
export function partFromListing(
  part: ListedPart,
  { ChecksumAlgorithm, ChecksumType }: DeclaredChecksums,
  { Bucket, s3 }: { Bucket: string; s3: EncryptionParams },
): StoredPart | undefined {
  const { PartNumber, ETag, Size } = part
  if (PartNumber === undefined || !ETag || Size === undefined) return undefined
  const name = `Checksum${ChecksumAlgorithm}` as keyof CompletedPart & keyof ListedPart
  const checksum = checksumIn(part, name)
  const crc = checksumIn(part, 'ChecksumCRC32')
  const md5 = hasOpaqueETag(s3, Bucket) ? undefined : md5OfETag(ETag)
  // Complete must list the checksum of each part, unless the upload declared one for the full object.
  const lacksChecksum = ChecksumAlgorithm !== undefined && ChecksumType !== 'FULL_OBJECT' && !checksum
  // S3Mock lists none. Only an MD5 proves then that the stored bytes are the ones that the checksum is computed from.
  if (lacksChecksum && (md5 === undefined || !isComputedHere(ChecksumAlgorithm))) return undefined
  return {
    listed: { PartNumber, ETag, ...(checksum ? { [name]: checksum } : {}) },
    crc: crc?.length === CRC32_LENGTH ? Buffer.from(crc, 'base64').readUInt32BE() : undefined,
    size: Size,
    md5,
    ...(lacksChecksum ? { lacksChecksum } : {}),
  }
}

/**
 * The stored parts from part 1 to the first gap. A part counts as a gap if it lacks a checksum, because its bytes must be
 * written again, or if it is smaller than planned and not the last stored part.
 */
export function contiguousParts({ parts, sizeOfPart }: Pick<StoredUpload, 'parts' | 'sizeOfPart'>): StoredPart[] {
  const contiguous: StoredPart[] = []
  const last = Math.max(...parts.keys())
  for (let n = 1; parts.has(n); n++) {
    const part = parts.get(n) as StoredPart
    if (part.lacksChecksum || (part.size < sizeOfPart(n) && n < last)) break
    contiguous.push(part)
  }
  return contiguous
}

/**
 * The upload, with the parts before the resume point marked as skipped.
 *
 * @throws Error if S3 no longer holds these parts.
 */
function resumeAtPoint(
  { offset, parts: partsBeforePoint }: ResumePoint,
  upload: ListedUpload,
  { s3 }: CheckedOptions,
  requests: Requests,
): ListedUpload {
  const beforePoint = contiguousParts(upload).slice(0, partsBeforePoint)
  const { crc, size } = combineAll(beforePoint)
  if (beforePoint.length < partsBeforePoint && upload.parts.get(beforePoint.length + 1)?.lacksChecksum) {
    throw new Error(
      "Complete must list the checksums of its parts, and the store does not show them. Write all the bytes, with resume: { UploadId }. If the upload was created without a checksum, a client with requestChecksumCalculation: 'WHEN_REQUIRED' can resume it from here",
    )
  }
  if (beforePoint.length < partsBeforePoint || size !== offset) {
    throw new Error(
      `its first ${partsBeforePoint} parts should hold ${offset} bytes, but ${beforePoint.length} of them are stored, with ${size} bytes`,
    )
  }
  if (s3.ChecksumCRC32 !== undefined && crc === undefined) {
    throw new Error('ChecksumCRC32 is given, but the parts before the offset have no CRC-32')
  }
  const last = beforePoint.at(-1)
  if (last === undefined || last.size === upload.sizeOfPart(partsBeforePoint)) return { ...upload, partsBeforePoint }
  // Only the last part of an object may be smaller than the others.
  const why = `part ${partsBeforePoint}, the last that is stored, holds ${last.size} bytes, so nothing can follow it: the source is longer than it was. Resume from the start, by { UploadId }`
  const sizeOfPart = (): never => {
    throw requests.error('ERR_S3_RESUME', why, { UploadId: upload.UploadId })
  }
  return { ...upload, partsBeforePoint, sizeOfPart }
}
