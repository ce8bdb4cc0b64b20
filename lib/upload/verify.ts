import type {
  CompleteMultipartUploadCommandOutput,
  HeadObjectCommandOutput,
  PutObjectCommandOutput,
} from '@aws-sdk/client-s3'
import { bare, type Checksums, checksumIn, wrongChecksum } from '../checksums/etag.js'
import { answeredStatus, isRefused } from '../errors/s3-writable-error.js'
import type { Params } from '../options/parameters.js'
import type { Attempt, Clock } from '../requests/answer.js'
import type { Requests } from '../requests/requests.js'
import { persistently } from './cleanup.js'

export type Answer = Partial<PutObjectCommandOutput & CompleteMultipartUploadCommandOutput>

/** What the object is, where it is ours. */
export interface Proof {
  size: number
  /** By AWS's rule; undefined where that is not known. */
  ETag: () => string | undefined
  checksums: () => Checksums
  /** The least that its LastModified may be, by S3's clock, in ms; undefined where nothing tells. */
  since?: (clock: Clock | undefined) => number | undefined
  Metadata?: Record<string, string> | undefined
  /** What was there before Complete, where it is not known when the upload was begun. */
  before?: HeadResult | undefined
}

/** What HeadObject tells: `nothing` is HTTP 404, `refused` another answer that will not, `unknown` none. */
export type HeadResult = { head: HeadObjectCommandOutput; clock: Clock | undefined } | 'nothing' | 'refused' | 'unknown'

/** What of HeadObject's answer is in the answer of a request that makes an object, too. */
const SHARED =
  /^(VersionId|Expiration|ServerSideEncryption|SSE.*|BucketKeyEnabled|RequestCharged|Checksum.*|\$metadata)$/

/** Asks until there is an answer. */
export async function headObject(requests: Requests, limit: AbortSignal, more?: Params): Promise<HeadResult> {
  const attempts: Attempt[] = []
  return await told(attempts, () => persistently(limit, () => requests.head(limit, more, attempts)))
}

/** Asks once, as often as the client tries. */
export async function headOnce(requests: Requests, signal: AbortSignal): Promise<HeadResult> {
  const attempts: Attempt[] = []
  return await told(attempts, () => requests.head(signal, {}, attempts))
}

async function told(attempts: Attempt[], ask: () => Promise<HeadObjectCommandOutput>): Promise<HeadResult> {
  try {
    const head = await ask()
    return { head, clock: attempts.at(-1)?.clock }
  } catch (error) {
    if (!isRefused(error)) return 'unknown'
    return answeredStatus(error) === 404 ? 'nothing' : 'refused'
  }
}

/** What HeadObject tells of the object where it proves to be ours: by its ETag or a checksum, and not an old one. */
export function provenObject(found: HeadResult, proof: Proof): (Answer & { ETag: string }) | undefined {
  if (typeof found !== 'object' || contradiction(found.head, proof) !== undefined || !mayBeOurs(found, proof))
    return undefined
  const { head } = found
  const known = proof.ETag()
  const sameETag = head.ETag !== undefined && bare(head.ETag) === known
  if (!sameETag && !hasOurChecksum(head, proof)) return undefined
  return resultFromHead(head, known)
}

/** Its ETag, HeadObject's or else the one that AWS's rule gives, and what else the answer to the request would have told. */
function resultFromHead(head: HeadObjectCommandOutput, known?: string): (Answer & { ETag: string }) | undefined {
  const { ETag = known && `"${known}"` } = head
  if (ETag === undefined) return undefined
  return { ...Object.fromEntries(Object.entries(head).filter(([name]) => SHARED.test(name))), ETag }
}

export function hasOurChecksum(answer: object, { checksums }: Proof): boolean {
  return Object.entries(checksums()).some(([name, ours]) => {
    const theirs = checksumIn(answer, name)
    return theirs !== undefined && ours.includes(theirs)
  })
}

/** What HeadObject says against the object being ours. */
export function contradiction(head: HeadObjectCommandOutput, { size, checksums }: Proof): string | undefined {
  const { ContentLength = size } = head
  if (ContentLength !== size) return `it has ${ContentLength} bytes, and ${size} were sent`
  return wrongChecksum(head, checksums())
}

/** Whether nothing shows that the object is an older one, or another's: its time, its metadata, what was there before. */
function mayBeOurs({ head, clock }: Exclude<HeadResult, string>, { since, Metadata = {}, before }: Proof): boolean {
  const least = since?.(clock)
  if (least !== undefined && Number(head.LastModified ?? least) < least) return false
  if (before === 'unknown' || (typeof before === 'object' && isSame(before.head, head))) return false
  const theirs = Object.entries({ ...head.Metadata }).map(([name, value]) => [name.toLowerCase(), value.trim()])
  const found: Record<string, string | undefined> = Object.fromEntries(theirs)
  // A header has no space around its value, and some stores keep none that is empty.
  return Object.entries(Metadata).every(([name, value]) => (found[name.toLowerCase()] ?? '') === value.trim())
}

/** Whether it is one and the same object. */
export function isSame(one: HeadObjectCommandOutput, other: HeadObjectCommandOutput): boolean {
  return (
    one.VersionId === other.VersionId &&
    one.ETag === other.ETag &&
    one.LastModified?.getTime() === other.LastModified?.getTime()
  )
}
