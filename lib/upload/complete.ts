import { crc32Base64 } from '../checksums/combine.js'
import {
  bare,
  type Checksums,
  compositeChecksum,
  isOpaque,
  md5,
  multipartETag,
  type StoredPart,
  type Whole,
  whatIsMissing,
  wrongChecksum,
} from '../checksums/etag.js'
import { givenChecksums } from '../options/parameters.js'
import type { Attempt } from '../requests/answer.js'
import { type Requests, type SentBody, TOLERANCE } from '../requests/requests.js'
import { type Commit, recoverObject, shouldSendAgain } from './lost-answer.js'
import { type Answer, contradiction, hasOurChecksum, headObject, headOnce, type Proof, provenObject } from './verify.js'

/** Everything S3 answered about the object, and what this module knows of it. */
export interface S3WritableResult extends Omit<Answer, 'Bucket' | 'Key' | 'ETag' | 'Location'> {
  Bucket: string
  Key: string
  /** As S3 wrote it, quotes included. Never the MD5 of an object that was stored in parts. */
  ETag: string
  /** The object's URL: S3's own answer, else where the object was sent to. */
  Location: string
  /** The multipart upload that made the object; absent where one PutObject did. */
  UploadId?: string
  /** Bytes in the object. */
  size: number
  /** Parts in the object; 1 where one PutObject made it. */
  parts: number
  /** With `resume`: bytes that S3 held before, and that were not sent again. */
  skipped?: number
}

/** How long HeadObject may take to prove what S3 did not answer, in milliseconds … */
const LIMIT = 30_000
/** … and to confirm what it did. */
const CONFIRMATION = 10_000

/** One request for an object of at most one part. */
export async function putObject(requests: Requests, sent: SentBody, isOver: () => boolean): Promise<S3WritableResult> {
  const size = sent.body.length
  const began = Date.now()
  const proof: Proof = {
    size,
    ETag: () => md5(sent.body),
    checksums: () => ({ ...givenChecksums(requests.s3), ChecksumCRC32: [crc32Base64(sent.crc)] }),
    // By S3's clock at the moment of the look, less what has gone by since.
    since: (clock) => clock && clock.s3 - (clock.here - began) - TOLERANCE,
    ...metadataOf(requests),
  }
  const attempts: Attempt[] = []
  const commit: Commit = { operation: 'PutObject', proof, isOver }
  const answer = await completeOrRecover(requests, commit, attempts, () => requests.put(sent, attempts))
  return Object.assign(answer, requests.names, { Location: requests.url, size, parts: 1 })
}

/** An upload whose parts are all stored. */
export interface FullUpload {
  UploadId: string
  parts: StoredPart[]
  /** All that the parts hold. */
  whole: Whole
  /** What the stream brought of it … */
  came: Whole
  /** … behind so many parts that an earlier one had stored. */
  before: number
  /** Leave the parts where the object was not made. */
  leaveParts: boolean
  isOver: () => boolean
}

/** Makes the object out of its parts, and checks that S3 made it of what the producer wrote. */
export async function completeUpload(
  requests: Requests,
  { UploadId, parts, whole, came, before, leaveParts, isOver }: FullUpload,
  signal: AbortSignal,
): Promise<S3WritableResult> {
  const missing = whatIsMissing(parts, came, before)
  if (missing !== undefined) throw requests.error('ERR_S3_INTEGRITY', missing, { UploadId })
  const { begun } = requests
  const proof: Proof = { ...proofOf(requests, parts, whole), since: () => begun, ...metadataOf(requests) }
  // Where nothing tells when the upload was begun, the object that is there now is an old one.
  if (requests.isResumed && begun === undefined) proof.before = await headOnce(requests, signal)
  const commit: Commit = {
    operation: 'CompleteMultipartUpload',
    UploadId,
    proof,
    parts: parts.length,
    leaveParts,
    isOver,
  }
  const listed = parts.map((part) => part.listed)
  const attempts: Attempt[] = []
  const again = (): Promise<boolean> => shouldSendAgain(requests, UploadId, proof, attempts)
  const answer = await completeOrRecover(requests, commit, attempts, () =>
    requests.complete(UploadId, listed, whole, { signal, attempts, again }),
  )
  const Location = answer.Location ?? requests.url
  return Object.assign(answer, requests.names, { Location, UploadId, size: whole.size, parts: parts.length })
}

/** Sends the request, and settles what an answer that proves nothing or no answer at all leaves open. */
async function completeOrRecover(
  requests: Requests,
  commit: Commit,
  attempts: Attempt[],
  send: () => Promise<Answer>,
): Promise<Answer & { ETag: string }> {
  let answer: Answer
  try {
    answer = await send()
  } catch (failure) {
    return await recoverObject(requests, commit, attempts, failure)
  }
  return await confirm(requests, commit, answer)
}

/**
 * An equal ETag proves that the object is ours, and so does an equal checksum. Another ETag proves nothing, since many stores
 * have a rule of their own, and neither does none (Ceph 16): then HeadObject tells, and only what it says against our bytes
 * is an error.
 */
async function confirm(requests: Requests, commit: Commit, answer: Answer): Promise<Answer & { ETag: string }> {
  const { operation, UploadId, proof, parts = 1 } = commit
  const wrong = (why: string): Error =>
    requests.error('ERR_S3_INTEGRITY', `${operation} made another object than was sent: ${why}`, {
      operation,
      UploadId,
    })
  const checksum = wrongChecksum(answer, proof.checksums())
  if (checksum !== undefined) throw wrong(checksum)
  const { ETag } = answer
  if (
    ETag &&
    (UploadId === undefined || hasOurETag({ ...answer, ETag }, requests, proof) || hasOurChecksum(answer, proof))
  ) {
    return { ...answer, ETag }
  }
  const { VersionId } = answer
  const limit = AbortSignal.timeout(ETag ? CONFIRMATION : LIMIT)
  const found = await headObject(requests, limit, { VersionId })
  if (!ETag) {
    const proven = provenObject(found, proof)
    if (proven !== undefined) return { ...answer, ...proven }
    const why = `${operation} was answered without an ETag, and HeadObject does not prove that the object is ours`
    throw requests.error('ERR_S3_INTEGRITY', why, { operation, UploadId })
  }
  // S3 said that it made the object; whoever consumes it may have removed it already.
  if (typeof found !== 'object') return { ...answer, ETag }
  // Of another object, which has been put in its place meanwhile, it says nothing.
  if (found.head.ETag !== undefined && bare(found.head.ETag) !== bare(ETag)) return { ...answer, ETag }
  const against = contradiction(found.head, proof)
  if (against !== undefined) throw wrong(against)
  if (!hasOurChecksum(found.head, proof)) {
    const { PartsCount = parts } = await requests
      .head(limit, { VersionId, PartNumber: 1 })
      .catch(() => ({ PartsCount: parts }))
    if (PartsCount !== parts) throw wrong(`it has ${PartsCount} parts, and ${parts} were sent`)
  }
  return { ...answer, ETag }
}

/** Whether it is that of our parts; true also where that cannot be known, as under KMS or a customer's key. */
function hasOurETag(answer: Answer & { ETag: string }, requests: Requests, { ETag }: Proof): boolean {
  const ours = isOpaque(answer, requests.names.Bucket) ? undefined : ETag()
  return ours === undefined || ours === bare(answer.ETag)
}

function proofOf(requests: Requests, parts: StoredPart[], { crc, size }: Whole): Proof {
  const composite = compositeChecksum(parts)
  const checksums = (): Checksums => ({
    ...givenChecksums(requests.s3),
    // Some stores leave out the number of parts.
    ChecksumCRC32: [composite, composite?.split('-')[0], crc === undefined ? undefined : crc32Base64(crc)],
  })
  return { size, ETag: () => multipartETag(parts), checksums }
}

function metadataOf({ s3 }: Requests): Pick<Proof, 'Metadata'> {
  return { Metadata: s3.Metadata as Record<string, string> | undefined }
}

/** Whether the object that is there holds what came, in these parts. */
export async function isThere(requests: Requests, parts: StoredPart[], came: Whole): Promise<boolean> {
  return (
    provenObject(await headObject(requests, AbortSignal.timeout(LIMIT)), proofOf(requests, parts, came)) !== undefined
  )
}
