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

/** Asks HeadObject until there is an answer. */
export async function headObject(requests: Requests, limit: AbortSignal, params?: Params): Promise<HeadResult> {
  const attempts: Attempt[] = []
  return await headResult(attempts, () => retryUntil(limit, () => requests.head(limit, params, attempts)))
}

/** Asks HeadObject once, with the client's own retries. */
export async function headOnce(requests: Requests, signal: AbortSignal): Promise<HeadResult> {
  const attempts: Attempt[] = []
  return await headResult(attempts, () => requests.head(signal, {}, attempts))
}

async function headResult(attempts: Attempt[], send: () => Promise<HeadObjectCommandOutput>): Promise<HeadResult> {
  try {
    const head = await send()
    return { head, clock: attempts.at(-1)?.clock }
  } catch (error) {
    if (!isRefused(error)) return 'unknown'
    return answeredStatus(error) === 404 ? 'not found' : 'refused'
  }
}
