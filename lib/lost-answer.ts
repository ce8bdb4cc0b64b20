import type {
  CompleteMultipartUploadCommandOutput,
  HeadObjectCommandOutput,
  PutObjectCommandOutput,
} from '@aws-sdk/client-s3'
import { look, persistently, removeUpload } from './abort.js'
import { answeredStatus, isRefused, type ServiceException } from './errors.js'
import { bare } from './integrity.js'
import type { Requests } from './requests.js'

export type Answer = Partial<PutObjectCommandOutput & CompleteMultipartUploadCommandOutput>

/** What an object must show to be known as ours: the size, and the ETag or a checksum. */
export interface Proof {
  size: number
  ETag: () => string | undefined
  checksums: () => (string | undefined)[]
}

/** The request that makes the object. */
export interface Commit {
  operation: string
  UploadId?: string
  send: () => Promise<Answer>
  proof: Proof
  /** Leave what is stored where the object was not made. */
  leaveParts?: boolean
}

/** What a look at the object tells, where it is ours. */
type Found = Pick<Answer, 'ServerSideEncryption'> & { ETag: string }

/** How long it may take to find out what S3 made of a request, in milliseconds. */
const LIMIT = 10_000

/** Sends the request, and settles what an answer without an ETag (Ceph 16) or no answer at all leaves open. */
export async function settled(requests: Requests, commit: Commit): Promise<Answer & { ETag: string }> {
  const { operation, proof } = commit
  let answer: Answer = {}
  let failure: unknown
  let found: Found | undefined
  try {
    answer = await commit.send()
    if (answer.ETag) return { ...answer, ETag: answer.ETag }
    failure = requests.error('ERR_S3_INTEGRITY', `${operation} was answered without an ETag`, { operation })
    found = await proven(requests, proof)
  } catch (error) {
    failure = error
    found = await madeAfterAll(requests, commit, error as ServiceException)
  }
  if (found === undefined) throw failure
  return { ...answer, ...found }
}

/**
 * The object, where S3 made it although the request failed. An answer lost on the way shows up as what the repeated
 * request is answered: MinIO knows the upload no more, or none of its parts, and a condition fails on our own object.
 * Where Complete had no answer at all, or only a server's error, the upload tells: one that is gone was completed. One
 * that is still there may be completed at this moment, so it is removed first, and then the object tells.
 */
async function madeAfterAll(requests: Requests, commit: Commit, error: ServiceException): Promise<Found | undefined> {
  const { UploadId, proof, leaveParts } = commit
  const { name, $metadata: { attempts = 1 } = {} } = error
  const again = attempts > 1
  if (UploadId === undefined) return answeredStatus(error) === 412 && again ? await proven(requests, proof) : undefined
  if (isRefused(error) && !again) return undefined
  const limit = AbortSignal.timeout(LIMIT)
  const told = name === 'NoSuchUpload'
  const before = told ? 'unknown' : await headed(requests, limit)
  const gone = told || (await look(requests, UploadId, limit)) === 'nothing'
  if (leaveParts && !gone) return undefined
  // Also one that is gone: MinIO, whose client goes away while it completes, makes the object and may leave the upload
  // without its parts. Should this fail, the object decides all the same.
  await removeUpload(requests, UploadId, limit).catch(() => {})
  const after = await headed(requests, limit)
  return gone || isOther(before, after) ? proves(after, proof) : undefined
}

/** The object that is there, where it proves to be ours. */
export async function proven(requests: Requests, proof: Proof): Promise<Found | undefined> {
  return proves(await headed(requests, AbortSignal.timeout(LIMIT)), proof)
}

/** What HeadObject tells; nothing also where there is an object that may not be looked at. */
type Headed = HeadObjectCommandOutput | 'nothing' | 'unknown'

async function headed(requests: Requests, limit: AbortSignal): Promise<Headed> {
  try {
    return await persistently(limit, () => requests.head(limit))
  } catch (error) {
    return isRefused(error) ? 'nothing' : 'unknown'
  }
}

/** Whether the object has changed: an old one may hold the same bytes in the same parts. */
function isOther(before: Headed, after: Headed): boolean {
  if (typeof before !== 'object' || typeof after !== 'object') return before === 'nothing'
  return before.VersionId !== after.VersionId || before.LastModified?.getTime() !== after.LastModified?.getTime()
}

/** Where HEAD is forbidden or fails there is no proof, and the first error stands. */
function proves(head: Headed, proof: Proof): Found | undefined {
  if (typeof head !== 'object' || head.ContentLength !== proof.size) return undefined
  const known = proof.ETag()
  const { ETag = known && `"${known}"` } = head
  const sameETag = head.ETag !== undefined && bare(head.ETag) === known
  const sameChecksum = head.ChecksumCRC32 !== undefined && proof.checksums().includes(head.ChecksumCRC32)
  if (ETag === undefined || !(sameETag || sameChecksum)) return undefined
  const { ServerSideEncryption } = head
  return { ETag, ...(ServerSideEncryption === undefined ? {} : { ServerSideEncryption }) }
}
