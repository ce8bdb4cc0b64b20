import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { answeredStatus, isRefused } from '../errors/causes.js'
import type { Params } from '../options/types.js'
import type { Attempt, Clock } from '../requests/answer.js'
import type { Requests } from '../requests/requests.js'
import { retryUntil } from '../requests/retry.js'

/** HeadObject's outcome: the object, `not found` (HTTP 404), `refused` (another final error of S3), `unknown` (no answer). */
export type HeadResult =
  | { head: HeadObjectCommandOutput; clock: Clock | undefined }
  | 'not found'
  | 'refused'
  | 'unknown'

/** The answers to a header that the store does not know. */
const NOT_KNOWN: unknown[] = [400, 501]

/**
 * HeadObject, with the object's checksums. Backblaze B2 refuses to be asked for them. It refuses every other checksum
 * header too, so an upload to it declares none, and the object is asked for without checksums then.
 */
export async function head(
  requests: Requests,
  signal: AbortSignal,
  params: Params = {},
  attempts: Attempt[] = [],
): Promise<HeadObjectCommandOutput> {
  try {
    return await requests.head(signal, params, attempts)
  } catch (error) {
    const { ChecksumAlgorithm } = await requests.declared()
    if (ChecksumAlgorithm !== undefined || !NOT_KNOWN.includes(answeredStatus(error))) throw error
    return await requests.head(signal, { ...params, ChecksumMode: undefined }, attempts)
  }
}

/** Asks HeadObject until there is an answer. */
export async function headObject(requests: Requests, limit: AbortSignal, params?: Params): Promise<HeadResult> {
  const attempts: Attempt[] = []
  return await headResult(attempts, () => retryUntil(limit, () => head(requests, limit, params, attempts)))
}

async function headResult(attempts: Attempt[], send: () => Promise<HeadObjectCommandOutput>): Promise<HeadResult> {
  try {
    return { head: await send(), clock: attempts.at(-1)?.clock }
  } catch (error) {
    if (!isRefused(error)) return 'unknown'
    return answeredStatus(error) === 404 ? 'not found' : 'refused'
  }
}
