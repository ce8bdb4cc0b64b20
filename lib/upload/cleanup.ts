import { type CleanUpMessage, cleanUpChannel, publish } from '../diagnostics/channels.js'
import { describeCause } from '../errors/causes.js'
import { S3WritableError } from '../errors/s3-writable-error.js'
import type { Requests } from '../requests/requests.js'
import { orLimit } from '../requests/retry.js'
import { REMOVAL_LIMIT, removeUpload } from './remove-upload.js'
import type { S3WritableResult } from './result.js'

/** How long to wait for Complete's answer, in ms. The rest of the 30 s is needed to remove the parts. */
const ANSWER_LIMIT = 8_000

/** What an upload was doing when it was aborted. */
export interface InProgress {
  UploadId: string | undefined
  /** The answer to CreateMultipartUpload, if it is pending. */
  created: Promise<string> | undefined
  /** The answer to PutObject or CompleteMultipartUpload, if it is pending. */
  answered: Promise<S3WritableResult> | undefined
  /**
   * Resolves when the requests of the parts, which have been cancelled, have ended: whether S3 may store one of these parts
   * after the upload was aborted.
   */
  partsEnded: Promise<boolean>
  /** Cancels Create, PutObject and Complete. */
  cancelAnswers: () => void
  /** Whether to leave the stored parts, so that the upload can be resumed. */
  leaveParts: boolean
  /** The first failure: what the stream fails with. */
  reason: Error
  /** The parts that S3 has acknowledged so far. */
  storedParts: () => { size: number }[]
}

/** How the clean-up ended. */
export interface CleanupResult {
  /** The upload, if there was one. */
  UploadId?: string | undefined
  /** Whether the upload was removed. */
  removed?: boolean
  /** The upload whose parts were left because the caller asked for it. */
  leftUploadId?: string | undefined
  /** Why something of the upload may be left. */
  cleanupError?: Error
  /** The object, if S3 had already been asked for it and made it. */
  result?: S3WritableResult
}

/**
 * Removes everything that S3 has stored of an upload that was aborted. Never rejects, and takes 30 s at most.
 * `Upload.abort` (upload.ts) has already dropped the queued parts and cancelled the requests of the parts.
 *
 * 1. Wait for the pending answer to PutObject or Complete, because S3 may have made the object. If it did, there is nothing
 *    to remove. After 8 s the request is cancelled; it then finds out by itself what S3 did (lost-answer.ts).
 * 2. Wait for the pending answer to Create, because only that holds the UploadId, without which the upload cannot be removed.
 * 3. Wait until the cancelled requests of the parts have ended, because a part that arrives after the Abort is stored again.
 * 4. Leave the parts if the caller asked for it, or if S3 may still be making the object of them.
 * 5. Remove the upload, and look until nothing of it is left (remove-upload.ts).
 * 6. Cancel Create after all: a request that is still unanswered must not keep the process alive.
 *
 * If a step fails or the 30 s are over, the error says that something may be left.
 */
export async function cleanUp(requests: Requests, inProgress: InProgress): Promise<CleanupResult> {
  const result = await waitAndRemove(requests, inProgress)
  // 6.
  inProgress.cancelAnswers()
  publish(cleanUpChannel, () => ({ ...requests.target, ...messageOf(result, inProgress.storedParts()) }))
  return result
}

function messageOf(
  { UploadId, removed, leftUploadId, cleanupError, result }: CleanupResult,
  storedParts: { size: number }[],
): Omit<CleanUpMessage, 'Bucket' | 'Key'> {
  const outcomes = { failed: cleanupError, published: result, left: leftUploadId, removed: removed || undefined }
  const [outcome = 'nothing'] = Object.entries(outcomes).find(([, fact]) => fact !== undefined) ?? []
  const bytes = storedParts.reduce((sum, { size }) => sum + size, 0)
  return { UploadId, outcome: outcome as CleanUpMessage['outcome'], parts: storedParts.length, bytes, cleanupError }
}

async function waitAndRemove(requests: Requests, inProgress: InProgress): Promise<CleanupResult> {
  const { created, answered, partsEnded, leaveParts, cancelAnswers, reason } = inProgress
  const limit = AbortSignal.timeout(REMOVAL_LIMIT)
  let { UploadId } = inProgress
  try {
    // 1.
    const outcome = answered && (await orLimit(limit, resultOrError(answered, cancelAnswers)))
    if (outcome !== undefined && 'ETag' in outcome) return { UploadId, result: outcome }
    // 2.
    if (created !== undefined) UploadId = await orLimit(limit, orUndefined(created))
    // 3.
    const mayArriveLate = await orLimit(limit, partsEnded)
    // 4.
    if (leaveParts) return { UploadId, leftUploadId: UploadId }
    if (UploadId !== undefined && (objectMayExist(reason) || objectMayExist(outcome))) {
      throw new Error('S3 may still be completing the upload, so its parts were not removed')
    }
    // 5.
    const removed = UploadId !== undefined && (await removeUpload(requests, UploadId, limit, mayArriveLate))
    return { UploadId, removed }
  } catch (cause) {
    const why = `parts of ${UploadId === undefined ? 'an upload whose UploadId is not known' : `upload ${UploadId}`} may be left. ${describeCause(cause)}`
    return { UploadId, cleanupError: requests.error('ERR_S3_REQUEST', why, { UploadId, cause }) }
  }
}

function objectMayExist(error: unknown): boolean {
  return error instanceof S3WritableError && error.objectMayExist === true
}

/** The object, or the error of the request for it, which is cancelled after ANSWER_LIMIT. */
async function resultOrError(
  answered: Promise<S3WritableResult>,
  cancel: () => void,
): Promise<S3WritableResult | Error> {
  const timer = setTimeout(cancel, ANSWER_LIMIT)
  const outcome = await answered.catch((error: Error) => error)
  clearTimeout(timer)
  return outcome
}

function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch(() => undefined)
}
