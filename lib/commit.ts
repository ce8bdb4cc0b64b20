import type { CompleteMultipartUploadCommandOutput, PutObjectCommandOutput } from '@aws-sdk/client-s3'
import { look } from './abort.js'
import { crc32Base64 } from './checksum.js'
import type { ServiceException } from './errors.js'
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
  return {
    ...answer,
    ...requests.names,
    Location: requests.url,
    size,
    parts: 1,
  }
}

/** Makes the object out of its parts, and checks that S3 made it of what the producer wrote. */
export async function completeUpload(
  requests: Requests,
  UploadId: string,
  parts: StoredPart[],
  whole: Whole,
  signal: AbortSignal,
): Promise<S3WritableResult> {
  const missing = whatIsMissing(parts, whole)
  if (missing !== undefined) throw requests.error('ERR_S3_INTEGRITY', missing, { UploadId })
  const proof = {
    size: whole.size,
    ETag: () => multipartETag(parts),
    checksums: () => [compositeChecksum(parts), crc32Base64(whole.crc)],
  }
  const operation = 'CompleteMultipartUpload'
  const listed = parts.map((part) => part.listed)
  const send = (): Promise<Answer> => requests.complete(UploadId, listed, whole, signal)
  const answer = await settled(requests, { operation, UploadId, send, proof })
  const wrong = wrongETag(answer.ETag, parts)
  if (wrong !== undefined) throw requests.error('ERR_S3_INTEGRITY', wrong, { UploadId, operation })
  const Location = answer.Location ?? requests.url
  return {
    ...answer,
    ...requests.names,
    Location,
    UploadId,
    size: whole.size,
    parts: parts.length,
  }
}

/** What an object must show to be known as ours: the size, and the ETag or a checksum. */
interface Proof {
  size: number
  ETag: () => string | undefined
  checksums: () => string[]
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
  const { operation } = commit
  let answer: Answer = {}
  let failure: unknown
  try {
    answer = await commit.send()
    if (answer.ETag) return { ...answer, ETag: answer.ETag }
    failure = requests.error('ERR_S3_INTEGRITY', `${operation} was answered without an ETag`, { operation })
  } catch (error) {
    if (!(await mayHaveBeenDone(requests, commit, error as ServiceException))) throw error
    failure = error
  }
  const ETag = await provenETag(requests, commit.proof)
  if (ETag === undefined) throw failure
  return { ...answer, ETag }
}

/**
 * Whether S3 may have made the object although the request failed. An answer lost on the way shows up as what the
 * repeated request is answered: MinIO knows the upload no more, and a condition fails on our own object. Where Complete
 * had no answer at all, or only a server's error, the upload that is gone tells that it was carried out.
 */
async function mayHaveBeenDone(requests: Requests, { UploadId }: Commit, error: ServiceException): Promise<boolean> {
  const { name, $metadata: { httpStatusCode: status, attempts = 1 } = {} } = error
  if (name === 'NoSuchUpload') return attempts > 1
  if (UploadId === undefined) return status === 412 && attempts > 1
  const vague = status === undefined || status >= 500 || (status === 412 && attempts > 1)
  return vague && (await look(requests, UploadId, AbortSignal.timeout(LIMIT))) === 'nothing'
}

/** The ETag of the object that is there, where it proves to be ours. */
async function provenETag(requests: Requests, proof: Proof): Promise<string | undefined> {
  // Where HEAD is forbidden or fails there is no proof, and the first error stands.
  const head = await requests.head(AbortSignal.timeout(LIMIT)).catch(() => undefined)
  if (head?.ETag === undefined || head.ContentLength !== proof.size) return undefined
  const sameETag = bare(head.ETag) === proof.ETag()
  const sameChecksum = head.ChecksumCRC32 !== undefined && proof.checksums().includes(head.ChecksumCRC32)
  return sameETag || sameChecksum ? head.ETag : undefined
}
