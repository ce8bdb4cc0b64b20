import { compositeCrc32, crc32Base64, type SizeAndCrc } from '../checksums/crc32.js'
import { md5, md5OfETag, multipartETag } from '../checksums/etag.js'
import { callerChecksums } from '../options/checksums.js'
import type { Attempt } from '../requests/answer.js'
import type { BodyToSend } from '../requests/body.js'
import { CLOCK_TOLERANCE } from '../requests/clock.js'
import type { Requests } from '../requests/requests.js'
import { headObject } from './head.js'
import { locationOf } from './location.js'
import { type ObjectRequest, recoverLostAnswer, shouldSendAgain } from './lost-answer.js'
import { sendComplete } from './part-list.js'
import type { ObjectAnswer, PublishedObject } from './result.js'
import type { StoredPart } from './stored-parts.js'
import { warnIfUnverified } from './unverified.js'
import { type AnswerWithETag, confirmAnswer, type ExpectedObject, partsProblem, resultIfProven } from './verify.js'

/** How long HeadObject may take in `isObjectMadeOf`, in ms. */
const COMPARISON_LIMIT = 30_000
/** How long the object from before Complete is asked for, in ms. */
const PREVIOUS_LIMIT = 10_000
/** By how much a store may round `LastModified` down, in ms. */
const ONE_SECOND = 1_000

/** Makes an object of at most one part by a single request. */
export async function putObject(
  requests: Requests,
  body: BodyToSend,
  isAborted: () => boolean,
): Promise<PublishedObject> {
  const size = body.body.length
  const startedAt = Date.now()
  const expected: ExpectedObject = {
    size,
    ETag: () => md5(body.body),
    checksums: () => ({ ...callerChecksums(requests.s3), ChecksumCRC32: [crc32Base64(body.crc)] }),
    // S3's clock at the time of HeadObject, less the time that has passed since the request was sent.
    notBefore: (clock) => clock && clock.s3 - (clock.here - startedAt) - CLOCK_TOLERANCE,
    ...metadataOf(requests),
  }
  const attempts: Attempt[] = []
  const request: ObjectRequest = { operation: 'PutObject', expected, isAborted }
  const answer = await completeOrRecover(requests, request, attempts, () => requests.put(body, attempts))
  warnIfUnverified(requests.s3, answer, true)
  return Object.assign(answer, requests.target, { Location: requests.url, size, parts: 1 })
}

/** An upload whose parts are all stored. */
export interface FullUpload {
  UploadId: string
  parts: StoredPart[]
  /** The bytes of all parts. */
  full: SizeAndCrc
  /** The bytes that were written to this stream: those of the parts after the first `partsBeforePoint`. */
  streamed: SizeAndCrc
  /** How many parts, from the first on, an earlier stream stored and this one did not read again. */
  partsBeforePoint: number
  /** Whether to leave the parts if the object is not made. */
  leaveParts: boolean
  isAborted: () => boolean
}

/**
 * Publishes an upload whose parts are all stored. `Upload.end` (upload.ts) has checked the length and the caller's
 * checksums, waited for all parts, and awaited `beforeComplete`.
 *
 * 1. The list of parts has no gap, and its CRC-32 is that of the bytes written (verify.ts).
 * 2. Send CompleteMultipartUpload (part-list.ts).
 * 3. Verify its answer (verify.ts).
 * 4. If there was no answer, find out what S3 did (lost-answer.ts).
 */
export async function completeUpload(
  requests: Requests,
  { UploadId, parts, full, streamed, partsBeforePoint, leaveParts, isAborted }: FullUpload,
  signal: AbortSignal,
): Promise<PublishedObject> {
  const problem = partsProblem(parts, streamed, partsBeforePoint)
  if (problem !== undefined) throw requests.error('ERR_S3_INTEGRITY', problem, { UploadId })
  const { createdAt } = requests
  const expected: ExpectedObject = {
    ...expectedOfParts(requests, parts, full),
    otherETag: () => etagOfListed(parts),
    notBefore: () => createdAt,
    madeSince: madeSince(requests),
    ...metadataOf(requests),
  }
  // If it is not known when the upload was created, only a change shows that the object is a new one.
  if (requests.isResumed && createdAt === undefined)
    expected.previous = await headObject(requests, AbortSignal.timeout(PREVIOUS_LIMIT))
  const operation = 'CompleteMultipartUpload'
  const request: ObjectRequest = { operation, UploadId, expected, parts: parts.length, leaveParts, isAborted }
  const attempts: Attempt[] = []
  const options = {
    signal,
    attempts,
    shouldSendAgain: () => shouldSendAgain(requests, UploadId, expected, attempts),
  }
  const answer = await completeOrRecover(requests, request, attempts, () =>
    sendComplete(requests, { UploadId, parts, full }, options),
  )
  warnIfUnverified(requests.s3, answer, partsBeforePoint === 0)
  const Location = locationOf(answer.Location, requests.url, requests.target.Key)
  return Object.assign(answer, requests.target, { Location, UploadId, size: full.size, parts: parts.length })
}

/** Sends the request for the object. Confirms its answer, or finds out what S3 did if no answer arrived. */
async function completeOrRecover(
  requests: Requests,
  request: ObjectRequest,
  attempts: Attempt[],
  send: () => Promise<ObjectAnswer>,
): Promise<AnswerWithETag> {
  let answer: ObjectAnswer
  try {
    answer = await send()
  } catch (failure) {
    return await recoverLostAnswer(requests, request, attempts, failure)
  }
  return await confirmAnswer(requests, request, answer)
}

function expectedOfParts(requests: Requests, parts: StoredPart[], { crc, size }: SizeAndCrc): ExpectedObject {
  const composite = compositeCrc32(parts.map((part) => part.crc))
  const checksums = {
    ...callerChecksums(requests.s3),
    // Some stores omit the number of parts.
    ChecksumCRC32: [composite, composite?.split('-')[0], crc === undefined ? undefined : crc32Base64(crc)],
  }
  return { size, ETag: () => multipartETag(parts.map((part) => part.md5)), checksums: () => checksums }
}

/**
 * The ETag by AWS's rule, of the ETags that Complete lists, whatever they are: under a customer's key (SSE-C) they are no
 * MD5s of the parts, but Ceph computes the object's ETag from them all the same.
 */
function etagOfListed(parts: StoredPart[]): string | undefined {
  return multipartETag(parts.map(({ listed }) => md5OfETag(String(listed.ETag))))
}

/**
 * The earliest time of an object that may be recognized by its size and time, without tolerance for another clock. A caller
 * who gives a condition has other writers, whose object may have the same size.
 */
function madeSince({ s3, createdAt, isResumed }: Requests): number | undefined {
  if (s3.IfNoneMatch !== undefined || s3.IfMatch !== undefined) return undefined
  // If the time is not known, the object from before Complete shows whether this one is new.
  if (isResumed) return createdAt ?? 0
  return createdAt && createdAt + CLOCK_TOLERANCE - ONE_SECOND
}

function metadataOf({ s3 }: Requests): Pick<ExpectedObject, 'Metadata'> {
  return { Metadata: s3.Metadata as Record<string, string> | undefined }
}

/** Whether the object on S3 holds these bytes in these parts. */
export async function isObjectMadeOf(requests: Requests, parts: StoredPart[], full: SizeAndCrc): Promise<boolean> {
  const found = await headObject(requests, AbortSignal.timeout(COMPARISON_LIMIT))
  return resultIfProven(found, expectedOfParts(requests, parts, full)) !== undefined
}
