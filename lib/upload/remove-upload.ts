import { setTimeout as sleep } from 'node:timers/promises'
import { isUploadNotFound } from '../errors/causes.js'
import type { Requests } from '../requests/requests.js'
import { FIRST_PAUSE, nextPause, orLimit, retryUntil } from '../requests/retry.js'

/** How long removing an upload may take, in ms. */
export const REMOVAL_LIMIT = 30_000
/** How long after AbortMultipartUpload a cancelled part may still be stored, in ms. */
const LATE_PART = 1_000

/** What S3 still holds of an upload, as far as ListParts says: nothing of it, no parts, parts, or `unknown`. */
export type Remainder = 'not found' | 'no parts' | 'parts' | 'unknown'

/**
 * Removes an upload and all its parts. Resolves with whether the upload existed. `partsInFlight`: whether requests of parts
 * were cancelled just before.
 *
 * 1. AbortMultipartUpload.
 * 2. ListParts, because a part that was in flight may be stored after the Abort, and would cost money for ever. If parts
 *    were in flight, it is repeated after a second.
 * 3. While parts are listed, abort and list again.
 * 4. Where ListParts is forbidden or fails, abort once more instead, which is all that can be done.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 */
export async function removeUpload(
  requests: Requests,
  UploadId: string,
  limit: AbortSignal,
  partsInFlight = false,
): Promise<boolean> {
  // 1.
  const existed = await abortUpload(requests, UploadId, limit)
  // 2. Half of the time, so that the rest suffices for the second Abort of step 4.
  const listing = AbortSignal.timeout(REMOVAL_LIMIT / 2)
  let remainder = await orLimit(limit, findRemainder(requests, UploadId, listing))
  if (partsInFlight && remainder !== 'parts') {
    await sleep(LATE_PART, undefined, { signal: limit })
    if (remainder !== 'unknown') remainder = await findRemainder(requests, UploadId, limit)
  }
  // 3.
  for (let pause = FIRST_PAUSE; remainder === 'parts'; pause = nextPause(pause)) {
    await sleep(pause, undefined, { signal: limit })
    await abortUpload(requests, UploadId, limit)
    remainder = await findRemainder(requests, UploadId, limit)
  }
  // 4.
  if (remainder === 'unknown') await abortUpload(requests, UploadId, limit)
  return existed
}

/** Resolves with whether the upload existed. */
async function abortUpload(requests: Requests, UploadId: string, limit: AbortSignal): Promise<boolean> {
  try {
    await retryUntil(limit, () => requests.abort(UploadId, limit))
    return true
  } catch (error) {
    if (isUploadNotFound(error)) return false
    throw error
  }
}

/** Asks ListParts what S3 still holds of an upload. Never rejects. */
export async function findRemainder(requests: Requests, UploadId: string, limit: AbortSignal): Promise<Remainder> {
  try {
    const { Parts = [] } = await retryUntil(limit, () => requests.listParts(UploadId, limit))
    return Parts.length === 0 ? 'no parts' : 'parts'
  } catch (error) {
    return isUploadNotFound(error) ? 'not found' : 'unknown'
  }
}
