import { crc32Base64 } from './checksum.js'
import {
  compositeChecksum,
  md5,
  multipartETag,
  type StoredPart,
  type Whole,
  whatIsMissing,
  wrongETag,
} from './integrity.js'
import { type Answer, type Proof, proven, settled } from './lost-answer.js'
import type { Requests, SentBody } from './requests.js'

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
  /** Leave the parts where the object was not made. */
  leaveParts: boolean
}

/** Makes the object out of its parts, and checks that S3 made it of what the producer wrote. */
export async function completeUpload(
  requests: Requests,
  { UploadId, parts, whole, came, before, leaveParts }: FullUpload,
  signal: AbortSignal,
): Promise<S3WritableResult> {
  const missing = whatIsMissing(parts, came, before)
  if (missing !== undefined) throw requests.error('ERR_S3_INTEGRITY', missing, { UploadId })
  const proof = proofOf(parts, whole)
  const operation = 'CompleteMultipartUpload'
  const listed = parts.map((part) => part.listed)
  const send = (): Promise<Answer> => requests.complete(UploadId, listed, whole, signal)
  const answer = await settled(requests, { operation, UploadId, send, proof, leaveParts })
  const wrong = wrongETag(answer, parts, requests.names.Bucket)
  if (wrong !== undefined) throw requests.error('ERR_S3_INTEGRITY', wrong, { UploadId, operation })
  const Location = answer.Location ?? requests.url
  return Object.assign(answer, requests.names, { Location, UploadId, size: whole.size, parts: parts.length })
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
