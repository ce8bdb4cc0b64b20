import type { CompleteMultipartUploadCommandOutput, PutObjectCommandOutput } from '@aws-sdk/client-s3'
import { type Left, look, persistently, removeUpload } from './abort.js'
import { crc32Base64 } from './checksum.js'
import { answeredStatus, type ServiceException } from './errors.js'
import {
  bare,
  compositeChecksum,
  md5,
  multipartETag,
  type StoredPart,
  type Whole,
  whatIsMissing,
  wrongETag,
} from './integrity.js'
import type { Requests, SentBody } from './requests.js'

type Answer = Partial<PutObjectCommandOutput & CompleteMultipartUploadCommandOutput>

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

/** One request for an object of at most one part. */
export async function putObject(requests: Requests, sent: SentBody): Promise<S3WritableResult> {
  const size = sent.body.length
  const proof = {
    size,
    ETag: () => md5(sent.body),
    checksums: () => [crc32Base64(sent.crc)],
  }
  const commit = { operation: 'PutObject', send: () => requests.put(sent), proof }
  const answer = await settled(requests, commit)
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
}

/** Makes the object out of its parts, and checks that S3 made it of what the producer wrote. */
export async function completeUpload(
  requests: Requests,
  { UploadId, parts, whole, came, before }: FullUpload,
  signal: AbortSignal,
): Promise<S3WritableResult> {
  const missing = whatIsMissing(parts, came, before)
  if (missing !== undefined) throw requests.error('ERR_S3_INTEGRITY', missing, { UploadId })
  const proof = proofOf(parts, whole)
  const operation = 'CompleteMultipartUpload'
  const listed = parts.map((part) => part.listed)
  const send = (): Promise<Answer> => requests.complete(UploadId, listed, whole, signal)
  const answer = await settled(requests, { operation, UploadId, send, proof })
  const wrong = wrongETag(answer, parts, requests.names.Bucket)
  if (wrong !== undefined) throw requests.error('ERR_S3_INTEGRITY', wrong, { UploadId, operation })
  const Location = answer.Location ?? requests.url
  return Object.assign(answer, requests.names, { Location, UploadId, size: whole.size, parts: parts.length })
}

/** What an object must show to be known as ours: the size, and the ETag or a checksum. */
interface Proof {
  size: number
  ETag: () => string | undefined
  checksums: () => (string | undefined)[]
}

function proofOf(parts: StoredPart[], { crc, size }: Whole): Proof {
  return {
    size,
    ETag: () => multipartETag(parts),
    checksums: () => [compositeChecksum(parts), crc === undefined ? undefined : crc32Base64(crc)],
  }
}

/** Whether the object that is there holds what came, in these parts. */
export async function isThere(requests: Requests, parts: StoredPart[], came: Whole): Promise<boolean> {
  return (await proven(requests, proofOf(parts, came))) !== undefined
}

/** The request that makes the object. */
interface Commit {
  operation: string
  UploadId?: string
  send: () => Promise<Answer>
  proof: Proof
}

/** How long a look at what S3 made of a request may take, in milliseconds. */
const LIMIT = 10_000

/** Sends the request, and settles what an answer without an ETag (Ceph 16) or no answer at all leaves open. */
async function settled(requests: Requests, commit: Commit): Promise<Answer & { ETag: string }> {
  const { operation, UploadId } = commit
  let answer: Answer = {}
  let failure: unknown
  let left: Left = 'nothing'
  try {
    answer = await commit.send()
    if (answer.ETag) return { ...answer, ETag: answer.ETag }
    failure = requests.error('ERR_S3_INTEGRITY', `${operation} was answered without an ETag`, { operation })
  } catch (error) {
    left = await whatIsLeft(requests, commit, error as ServiceException)
    if (left === 'parts' || left === 'unknown') throw error
    failure = error
  }
  const found = await proven(requests, commit.proof)
  if (found === undefined) throw failure
  if (UploadId !== undefined && left === 'no parts') await removeEmpty(requests, UploadId)
  return { ...answer, ...found }
}

/**
 * What the failed request left: where that is no part, S3 may have made the object. An answer lost on the way shows up
 * as what the repeated request is answered: MinIO knows the upload no more, or none of its parts, and a condition fails
 * on our own object. Where Complete had no answer at all, or only a server's error, the upload itself tells.
 */
async function whatIsLeft(requests: Requests, { UploadId }: Commit, error: ServiceException): Promise<Left> {
  const { name, $metadata: { attempts = 1 } = {} } = error
  const status = answeredStatus(error)
  const again = attempts > 1
  if (UploadId === undefined) return status === 412 && again ? 'nothing' : 'unknown'
  if (name === 'NoSuchUpload') return again ? 'nothing' : 'unknown'
  const vague = again || status === undefined || status >= 500
  return vague ? await look(requests, UploadId, AbortSignal.timeout(LIMIT)) : 'unknown'
}

/** MinIO may make the object and leave the upload, emptied. The object is there, so whether this succeeds is no matter. */
async function removeEmpty(requests: Requests, UploadId: string): Promise<void> {
  await removeUpload(requests, UploadId, AbortSignal.timeout(LIMIT)).catch(() => {})
}

/** The ETag of the object that is there, and what it means, where it proves to be ours. */
async function proven(
  requests: Requests,
  proof: Proof,
): Promise<(Pick<Answer, 'ServerSideEncryption'> & { ETag: string }) | undefined> {
  // Where HEAD is forbidden or fails there is no proof, and the first error stands.
  const limit = AbortSignal.timeout(LIMIT)
  const head = await persistently(limit, () => requests.head(limit)).catch(() => undefined)
  if (head === undefined || head.ContentLength !== proof.size) return undefined
  const known = proof.ETag()
  const { ETag = known && `"${known}"` } = head
  const sameETag = head.ETag !== undefined && bare(head.ETag) === known
  const sameChecksum = head.ChecksumCRC32 !== undefined && proof.checksums().includes(head.ChecksumCRC32)
  if (ETag === undefined || !(sameETag || sameChecksum)) return undefined
  const { ServerSideEncryption } = head
  return { ETag, ...(ServerSideEncryption === undefined ? {} : { ServerSideEncryption }) }
}
