import { setTimeout as sleep } from 'node:timers/promises'
import { isUploadNotFound } from '../errors/causes.js'
import { type Attempt, isUnanswered } from '../requests/answer.js'
import type { Requests } from '../requests/requests.js'
import { FIRST_PAUSE, nextPause, orLimit, retryUntil } from '../requests/retry.js'

/** How long removing an upload may take, in ms. */
export const REMOVAL_LIMIT = 30_000
/** How long after AbortMultipartUpload a cancelled part may still be stored, in ms. */
const LATE_PART = 1_000
/** After this many Aborts in a row that found no upload, parts that are still listed cannot be removed. */
const MAX_NOT_FOUND = 3

/** What S3 still holds of an upload, as far as ListParts says: nothing of it, no parts, parts, or `unknown`. */
export type Remainder = 'not found' | 'no parts' | 'parts' | 'unknown'

/**
 * Removes an upload and all its parts. Resolves with whether the upload existed. `mayArriveLate`: whether a request was
 * cancelled just before that S3 has not answered and may still carry out.
 *
 * 1. AbortMultipartUpload.
 * 2. ListParts, because a part that was in flight may be stored after the Abort, and would cost money for ever. If one may
 *    arrive late, it is repeated after a second, even if the upload no longer exists: S3Proxy stores such a part all the same.
 * 3. While parts are listed, abort and list again.
 *    - If neither the first Abort nor this one found the upload, it was completed or removed before, and the parts are those
 *      of the object: OpenStack Swift lists them for as long as the object exists.
 *    - If the first Abort removed the upload, and no later one finds it, the parts cannot be removed (S3Proxy).
 * 4. Where ListParts is forbidden or fails, abort once more instead, which is all that can be done.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 */
export async function removeUpload(
  requests: Requests,
  UploadId: string,
  limit: AbortSignal,
  mayArriveLate = false,
): Promise<boolean> {
  // 1.
  const existed = await abortUpload(requests, UploadId, limit)
  // 2. Half of the time, so that the rest suffices for the second Abort of step 4.
  const listing = AbortSignal.timeout(REMOVAL_LIMIT / 2)
  let remainder = await orLimit(limit, findRemainder(requests, UploadId, listing))
  if (mayArriveLate && remainder !== 'parts') {
    await sleep(LATE_PART, undefined, { signal: limit })
    if (remainder !== 'unknown') remainder = await findRemainder(requests, UploadId, limit)
  }
  // 3.
  let notFound = 0
  for (let pause = FIRST_PAUSE; remainder === 'parts'; pause = nextPause(pause)) {
    if (notFound === MAX_NOT_FOUND) throw new Error('ListParts lists parts of it, but Abort finds no such upload')
    await sleep(pause, undefined, { signal: limit }).catch(() => {
      throw new Error('ListParts lists parts of it after every Abort')
    })
    notFound = (await abortUpload(requests, UploadId, limit)) ? 0 : notFound + 1
    if (!existed && notFound > 0) return false
    remainder = await findRemainder(requests, UploadId, limit)
  }
  // 4.
  if (remainder === 'unknown') await abortUpload(requests, UploadId, limit)
  return existed
}

/** Resolves with whether the upload existed, or may have existed: an earlier attempt without an answer may have removed it. */
async function abortUpload(requests: Requests, UploadId: string, limit: AbortSignal): Promise<boolean> {
  const attempts: Attempt[] = []
  try {
    await retryUntil(limit, () => requests.abort(UploadId, limit, attempts))
    return true
  } catch (error) {
    if (isUploadNotFound(error)) return attempts.some(isUnanswered)
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
