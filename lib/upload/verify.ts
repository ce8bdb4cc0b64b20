import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { checksumIn, checksumProblem, type ExpectedChecksums } from '../checksums/compare.js'
import { combineAll, crc32Base64, type SizeAndCrc } from '../checksums/crc32.js'
import { comparable, hasOpaqueETag, isMultipartETag } from '../checksums/etag.js'
import type { Clock } from '../requests/answer.js'
import type { Requests } from '../requests/requests.js'
import { type HeadResult, headObject } from './head.js'
import type { ObjectAnswer } from './result.js'
import type { StoredPart } from './stored-parts.js'

/** What the object on S3 must be, if S3 made it of the bytes that were written. */
export interface ExpectedObject {
  /** The size in bytes. */
  size: number
  /** The ETag by AWS's rule, without quotes; undefined where it cannot be computed. */
  ETag: () => string | undefined
  /** Another ETag, without quotes, that only an object of these parts has. The object may have yet another one. */
  otherETag?: () => string | undefined
  checksums: () => ExpectedChecksums
  /** The earliest `LastModified`, by S3's clock, in ms; undefined where it is not known. */
  notBefore?: (clock: Clock | undefined) => number | undefined
  Metadata?: Record<string, string> | undefined
  /** The earliest `LastModified` with which an object's size and time may decide, in ms; undefined if they must not. */
  madeSince?: number | undefined
  /** HeadObject's answer from before Complete. Only set if the time when the upload was created is unknown. */
  previous?: HeadResult | undefined
}

/** The answer to the request that makes the object, with an ETag. */
export type AnswerWithETag = ObjectAnswer & { ETag: string }

/** How long HeadObject may take to replace an answer without an ETag, in ms. */
const PROOF_LIMIT = 30_000
/** How long HeadObject may take to confirm an answer whose ETag is not the expected one, in ms. */
const CONFIRMATION_LIMIT = 10_000

/** Fields of HeadObject's answer that PutObject and CompleteMultipartUpload answer too. */
const SHARED =
  /^(VersionId|Expiration|ServerSideEncryption|SSE.*|BucketKeyEnabled|RequestCharged|Checksum.*|\$metadata)$/

/**
 * Why the parts must not become an object; undefined if they may. They must be 1 to N without a gap, and those after the
 * `beforePoint` parts, which a resume point skips, must hold exactly the bytes that were written.
 */
export function partsProblem(parts: StoredPart[], streamed: SizeAndCrc, beforePoint = 0): string | undefined {
  for (const [index, part] of parts.entries()) {
    if (part?.listed.PartNumber !== index + 1) return `part ${index + 1} of ${parts.length} is missing`
  }
  const sent = combineAll(parts.slice(beforePoint))
  if (sent.crc === streamed.crc && sent.size === streamed.size) return undefined
  const [ours, theirs] = [sent, streamed].map(
    ({ crc, size }) => `${size} bytes with CRC-32 ${crc32Base64(crc as number)}`,
  )
  return `the parts hold ${ours}, but ${theirs} were written to the stream`
}

/**
 * Checks an answer that says that the object was made, and returns it with an ETag.
 *
 * 1. A checksum in the answer that contradicts the bytes is an error.
 * 2. The answer is accepted if it has the expected ETag or an expected checksum. Any ETag is accepted for PutObject, and
 *    where the ETag cannot be predicted (SSE-KMS, SSE-C, a directory bucket, a part without an MD5).
 * 3. Any other ETag proves nothing, because many stores have their own rule for ETags; nor does a missing one (Ceph 16). So
 *    HeadObject is sent. Without an ETag it must prove the object; otherwise only a contradiction is an error.
 *
 * @throws S3WritableError `ERR_S3_INTEGRITY`
 */
export async function confirmAnswer(
  requests: Requests,
  {
    operation,
    UploadId,
    expected,
    parts = 1,
  }: { operation: string; UploadId?: string; expected: ExpectedObject; parts?: number },
  answer: ObjectAnswer,
): Promise<AnswerWithETag> {
  const fail = (why: string): Error => requests.error('ERR_S3_INTEGRITY', why, { operation, UploadId })
  const mismatch = (why: string): Error =>
    fail(`the object that ${operation} made is not the one that was sent: ${why}`)
  // 1.
  const problem = checksumProblem(answer, expected.checksums())
  if (problem !== undefined) throw mismatch(problem)
  // 2.
  const { ETag, VersionId } = answer
  if (ETag) {
    const confirmed = { ...answer, ETag }
    if (UploadId === undefined || mayHaveOurETag(confirmed, requests, expected) || hasOurChecksum(answer, expected)) {
      return confirmed
    }
  }
  // 3.
  const limit = AbortSignal.timeout(ETag ? CONFIRMATION_LIMIT : PROOF_LIMIT)
  const found = await headObject(requests, limit, { VersionId })
  if (!ETag) {
    const proven = resultIfProven(found, expected)
    if (proven !== undefined) return { ...answer, ...proven }
    throw fail(
      `${operation} was answered without an ETag, and HeadObject does not prove that the object holds the bytes that were written`,
    )
  }
  // S3 said that it made the object; a consumer may have removed it already.
  if (typeof found !== 'object') return { ...answer, ETag }
  // Another writer has replaced the object meanwhile.
  if (found.head.ETag !== undefined && comparable(found.head.ETag) !== comparable(ETag)) return { ...answer, ETag }
  const against = contradiction(found.head, expected)
  if (against !== undefined) throw mismatch(against)
  if (!hasOurChecksum(found.head, expected)) {
    const { PartsCount = parts } = await requests
      .head(limit, { VersionId, PartNumber: 1, ChecksumMode: undefined })
      .catch(() => ({ PartsCount: parts }))
    if (PartsCount !== parts) throw mismatch(`it has ${PartsCount} parts, and ${parts} were sent`)
  }
  return { ...answer, ETag }
}

/** What the answer to PutObject or Complete would have been, if HeadObject proves that the object is ours; else undefined. */
export function resultIfProven(found: HeadResult, expected: ExpectedObject): AnswerWithETag | undefined {
  if (typeof found !== 'object' || contradiction(found.head, expected) !== undefined || !mayBeOurs(found, expected))
    return undefined
  const { head } = found
  const expectedETag = expected.ETag()
  const sameETag = head.ETag !== undefined && [expectedETag, expected.otherETag?.()].includes(comparable(head.ETag))
  if (!sameETag && !hasOurChecksum(head, expected)) return undefined
  const { ETag = expectedETag && `"${expectedETag}"` } = head
  return ETag === undefined ? undefined : resultOf(head, ETag)
}

/**
 * What Complete's answer would have been, where the store gives an object in parts neither an ETag by AWS's rule nor a
 * checksum (rclone): its size and time show that it is ours. That is less than a proof, so it counts only for an upload that
 * no longer exists although this stream did not abort it, and whose Complete was sent and not answered.
 *
 * It would be wrong if all of this happened between Create and HeadObject: another program aborted this upload, Complete was
 * lost on its way, and another writer made an object of the same size and metadata. So it never counts
 * - with a condition (`IfNoneMatch`, `IfMatch`), which the caller gives because of other writers (`madeSince` is undefined);
 * - if the ETag has the form of AWS's, because then the ETag decides;
 * - if the store reports any checksum of the object: AWS does so for every object.
 */
export function resultIfMadeInTime(found: HeadResult, expected: ExpectedObject): AnswerWithETag | undefined {
  if (typeof found !== 'object' || expected.madeSince === undefined) return undefined
  const { head } = found
  const { ETag, ContentLength, LastModified } = head
  if (!ETag || isMultipartETag(ETag) || hasAnyChecksum(head)) return undefined
  const isInTime = LastModified !== undefined && LastModified.getTime() >= expected.madeSince
  return isInTime && ContentLength === expected.size && mayBeOurs(found, expected) ? resultOf(head, ETag) : undefined
}

/** The fields of HeadObject's answer that the request for the object answers too. */
function resultOf(head: HeadObjectCommandOutput, ETag: string): AnswerWithETag {
  return { ...Object.fromEntries(Object.entries(head).filter(([name]) => SHARED.test(name))), ETag }
}

/** Whether the ETag is the expected one, or nothing is known about the expected one, as under SSE-KMS or SSE-C. */
function mayHaveOurETag(answer: AnswerWithETag, requests: Requests, { ETag }: ExpectedObject): boolean {
  const expected = hasOpaqueETag(answer, requests.target.Bucket) ? undefined : ETag()
  return expected === undefined || expected === comparable(answer.ETag)
}

function hasOurChecksum(answer: object, { checksums }: ExpectedObject): boolean {
  return Object.entries(checksums()).some(([name, expected]) => {
    const stored = checksumIn(answer, name)
    return stored !== undefined && expected.includes(stored)
  })
}

function hasAnyChecksum(head: HeadObjectCommandOutput): boolean {
  return Object.entries(head).some(([name, value]) => /^Checksum(?!Type$)/.test(name) && Boolean(value))
}

/** Why the object cannot be ours, by its size and checksums; undefined where nothing contradicts. */
function contradiction(head: HeadObjectCommandOutput, { size, checksums }: ExpectedObject): string | undefined {
  const { ContentLength = size } = head
  if (ContentLength !== size) return `it has ${ContentLength} bytes, and ${size} were sent`
  return checksumProblem(head, checksums())
}

/** Whether the object may be the one just made, by its time, its metadata, and the object that was there before. */
function mayBeOurs({ head, clock }: Exclude<HeadResult, string>, expected: ExpectedObject): boolean {
  const { notBefore, Metadata = {}, previous } = expected
  const earliest = notBefore?.(clock)
  if (earliest !== undefined && Number(head.LastModified ?? earliest) < earliest) return false
  if (previous === 'unknown' || (typeof previous === 'object' && isSameObject(previous.head, head))) return false
  const entries = Object.entries({ ...head.Metadata }).map(([name, value]) => [name.toLowerCase(), value.trim()])
  const stored: Record<string, string | undefined> = Object.fromEntries(entries)
  // HTTP strips the space around a header's value, and some stores drop empty values.
  return Object.entries(Metadata).every(([name, value]) => (stored[name.toLowerCase()] ?? '') === value.trim())
}

/** Whether both answers describe the same version of the object. */
export function isSameObject(one: HeadObjectCommandOutput, other: HeadObjectCommandOutput): boolean {
  return (
    one.VersionId === other.VersionId &&
    one.ETag === other.ETag &&
    one.LastModified?.getTime() === other.LastModified?.getTime()
  )
}
