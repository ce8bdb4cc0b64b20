import { setTimeout as sleep } from 'node:timers/promises'
import { addToMessage, isRefused, type S3WritableError } from '../errors/s3-writable-error.js'
import { type Attempt, hasBegunAnswer, isNotCarriedOut } from '../requests/answer.js'
import type { Requests } from '../requests/requests.js'
import { isGone, longer, look, PAUSE, removeUpload } from './cleanup.js'
import { type Answer, type HeadResult, headObject, isSame, type Proof, provenObject } from './verify.js'

/** The request that makes the object. */
export interface Commit {
  operation: string
  UploadId?: string
  proof: Proof
  /** How many parts it has. */
  parts?: number
  /** Leave what is stored where the object was not made. */
  leaveParts?: boolean
  /** Whether the upload has been given up meanwhile. */
  isOver: () => boolean
}

/** How long it may take to find out what S3 made of a request, in milliseconds. */
const LIMIT = 30_000
/** How much of that S3 may take to answer what it made; less where the clean-up, which has as long, has begun. */
const LOOKING = 25_000
const LOOKING_FOR_CLEANUP = 12_000
/** What a gateway answers that S3 kept waiting. */
const GATEWAY_TIMEOUT = 504
/** How long an upload that is still there is watched before it is removed: where S3 seems to be at work on it … */
const PATIENCE = 18_000
/** … and where nothing tells so. */
const IMPATIENCE = 1_000

/**
 * The object that S3 made although the request for it failed with `failure`; throws that where it did not.
 *
 * 1. Where S3 answered each attempt, in its own words, that it will not, it did not.
 * 2. Otherwise HeadObject and ListParts are asked. An upload that is gone was completed, or removed by somebody else, and the
 *    object that is there then proves to be ours or not. An object beside an upload that still has its parts is an old one.
 * 3. S3 may be at work on it at this moment, so they are asked again: for 18 s where it began to answer, stood still, or a
 *    gateway gave up waiting for it, else for 1 s.
 * 4. An upload that is still there then is removed, which keeps S3 from completing it later, and then the object decides.
 * 5. Where S3 began to answer that it makes the object, or cannot be asked, it stays open: nothing is removed, and the
 *    error says that the object may be there.
 */
export async function recoverObject(
  requests: Requests,
  commit: Commit,
  attempts: readonly Attempt[],
  failure: unknown,
): Promise<Answer & { ETag: string }> {
  const { UploadId, proof } = commit
  if (isSettled(requests, UploadId, attempts, failure)) throw failure
  const found =
    UploadId === undefined
      ? await afterPut(requests, proof)
      : await afterComplete(requests, commit, UploadId, attempts, failure as S3WritableError)
  if (found === 'unknown') throw open(failure as S3WritableError)
  if (found === 'refused') throw addToMessage(failure as Error, 'HeadObject is refused, so the object may be there')
  const made = provenObject(found, proof)
  if (made === undefined) throw failure
  return made
}

/** Whether no attempt made the object, for sure. */
function isSettled(
  requests: Requests,
  UploadId: string | undefined,
  attempts: readonly Attempt[],
  failure: unknown,
): boolean {
  // A client that does not run the middleware of a command notes no attempt.
  if (UploadId !== undefined && requests.notesNothing) return isRefused(failure) && !isGone(failure)
  return attempts.every(isNotCarriedOut)
}

function open(failure: S3WritableError): S3WritableError {
  const { UploadId } = failure
  const left =
    UploadId === undefined ? '' : `. Look for it, and if it is not there, abort upload ${UploadId}: its parts are left`
  const why = `Whether S3 made the object could not be found out: it may be there${left}`
  return Object.assign(addToMessage(failure, why), { objectMayExist: true })
}

/** S3 stores an object that it got whole, and may do so when the connection is gone. */
async function afterPut(requests: Requests, proof: Proof): Promise<HeadResult> {
  const limit = AbortSignal.timeout(LIMIT)
  const until = performance.now() + IMPATIENCE
  let found = await headObject(requests, limit)
  const isUnproven = (): boolean =>
    found === 'nothing' || (typeof found === 'object' && provenObject(found, proof) === undefined)
  for (let pause = PAUSE; isUnproven() && performance.now() < until; pause = longer(pause)) {
    await sleep(pause)
    found = await headObject(requests, limit)
  }
  return found
}

/** The object once nothing of the upload is left that S3 could still make another of. */
async function afterComplete(
  requests: Requests,
  commit: Commit,
  UploadId: string,
  attempts: readonly Attempt[],
  failure: S3WritableError,
): Promise<HeadResult> {
  const { leaveParts, isOver, proof } = commit
  const limit = AbortSignal.timeout(LIMIT)
  const looking = AbortSignal.timeout(isOver() ? LOOKING_FOR_CLEANUP : LOOKING)
  const atWork = attempts.some(hasBegunAnswer)
  const seemsAtWork = atWork || failure.code === 'ERR_S3_STALLED' || attempts.at(-1)?.status === GATEWAY_TIMEOUT
  const until = performance.now() + (seemsAtWork && !isOver() ? PATIENCE : IMPATIENCE)
  for (let pause = PAUSE; ; pause = longer(pause)) {
    const before = await headObject(requests, looking)
    const left = isGone(failure) ? 'gone' : await look(requests, UploadId, looking)
    const isProven = provenObject(before, proof) !== undefined
    if (left === 'gone') return isProven || before === 'refused' ? before : await headObject(requests, limit)
    if (left === 'nothing' || (left === 'unknown' && isProven)) {
      // MinIO, whose client goes away while it completes, makes the object and may leave the upload without its parts.
      await removeUpload(requests, UploadId, limit).catch(() => {})
      return await headObject(requests, limit)
    }
    if (performance.now() < until && !looking.aborted) {
      await sleep(pause)
      continue
    }
    const isSilent = before === 'unknown' && left === 'unknown'
    if (atWork || leaveParts || isSilent) return 'unknown'
    // A Complete that S3 was about to carry out shows a moment after the Abort.
    const removed = await removeUpload(requests, UploadId, limit, true).catch(() => undefined)
    const after = await headObject(requests, limit)
    if (removed === false || after === 'unknown' || isOther(before, after)) return after
    return removed === undefined ? 'unknown' : 'nothing'
  }
}

/** Whether the object has changed: an old one may hold the same bytes in the same parts. */
function isOther(before: HeadResult, after: HeadResult): boolean {
  if (typeof after !== 'object') return false
  return before === 'nothing' || (typeof before === 'object' && !isSame(before.head, after.head))
}

/**
 * Asked after a Complete that stood still: whether to send it again. Not where S3 began to answer, nor where the upload is
 * gone or the object proves to be there.
 */
export async function shouldSendAgain(
  requests: Requests,
  UploadId: string,
  proof: Proof,
  attempts: readonly Attempt[],
): Promise<boolean> {
  if (attempts.some(hasBegunAnswer)) return false
  const limit = AbortSignal.timeout(LOOKING_FOR_CLEANUP)
  const found = await headObject(requests, limit)
  const left = await look(requests, UploadId, limit)
  return left === 'parts' || (left === 'unknown' && provenObject(found, proof) === undefined)
}
