import { setTimeout as sleep } from 'node:timers/promises'
import { addToMessage, answeredStatus, isRefused, isUploadNotFound } from '../errors/causes.js'
import type { S3WritableError } from '../errors/s3-writable-error.js'
import { type Attempt, hasBegunAnswer, isUnanswered, wasNotCarriedOut } from '../requests/answer.js'
import { uploadsUnder } from '../requests/list.js'
import type { Requests } from '../requests/requests.js'
import { FIRST_PAUSE, nextPause } from '../requests/retry.js'
import { type HeadResult, headObject } from './head.js'
import { findRemainder, removeUpload } from './remove-upload.js'
import { type AnswerWithETag, type ExpectedObject, isSameObject, resultIfMadeInTime, resultIfProven } from './verify.js'

/** The request that makes the object, and what it should make. */
export interface ObjectRequest {
  operation: string
  UploadId?: string
  expected: ExpectedObject
  /** The number of parts of the object. */
  parts?: number
  /** Whether to leave the parts if the object was not made. */
  leaveParts?: boolean
  /** Whether the upload has been aborted meanwhile. */
  isAborted: () => boolean
}

/** How long finding out what S3 did may take, in ms. */
const LIMIT = 30_000
/** How long HeadObject and ListParts may be sent, in ms. The rest of LIMIT is needed to remove the upload. */
const SEARCH_LIMIT = 25_000
/** The same, in ms, if the clean-up has begun, which has 30 s in all. */
const SEARCH_LIMIT_IN_CLEANUP = 12_000
const GATEWAY_TIMEOUT = 504
const PRECONDITION_FAILED = 412
/** How long to wait for the object before the upload is removed, in ms, if S3 may be completing the upload. */
const WAIT_IF_COMPLETING = 18_000
/** How long to wait for the object, in ms, if nothing suggests that S3 is still making it. */
const WAIT_OTHERWISE = 1_000

/**
 * Finds out whether S3 made the object although the request for it failed. Returns what the answer would have been; throws
 * `failure` if there is no such object.
 *
 * 1. If S3 answered every attempt with a refusal of its own, it did not make the object. An unfulfilled condition is the
 *    exception: Deno's http, or a balancer, may send a Complete twice, of which the first makes the object, and the second
 *    is answered. Then the object and the end of the upload prove it, and nothing needs to be waited for. A PutObject has no
 *    upload whose end would distinguish it from another writer's object of the same bytes.
 * 2. Otherwise send HeadObject and ListParts. If the upload no longer exists, it was completed, or another program removed
 *    it; HeadObject's answer shows which, by the object's size and time if by nothing else (verify.ts). While the upload
 *    still has its parts, an object of this key is an older one.
 * 3. S3 may be making the object right now, so ask again: for 18 s if S3 had begun to answer, the request stalled, or a
 *    gateway timed out; otherwise for 1 s.
 * 4. If the upload still exists then, remove it, which keeps S3 from completing it later, and judge the object again. If
 *    Abort finds no upload, it was completed, although its parts are listed (OpenStack Swift).
 * 5. If S3 had begun to answer or cannot be reached, or if the caller wants to keep the parts, the outcome is unknown: remove
 *    nothing, and set `objectMayExist` on the error. The code tests this before step 4. If the object proves to be ours and
 *    ListMultipartUploads does not list the upload, it was completed after all (Swift).
 */
export async function recoverLostAnswer(
  requests: Requests,
  request: ObjectRequest,
  attempts: readonly Attempt[],
  failure: unknown,
): Promise<AnswerWithETag> {
  const { UploadId, expected } = request
  // 1.
  if (isCertainlyNotMade(requests, UploadId, attempts, failure)) {
    const result =
      UploadId &&
      answeredStatus(failure) === PRECONDITION_FAILED &&
      (await resultIfRepeated(requests, request, UploadId))
    if (result) return result
    throw failure
  }
  // 2. to 4.
  const { found, hasEnded = false } =
    UploadId === undefined
      ? { found: await objectAfterPut(requests, expected) }
      : await objectAfterComplete(requests, request, UploadId, attempts, failure as S3WritableError)
  // 5.
  if (found === 'unknown') throw undecided(failure as S3WritableError)
  if (found === 'refused')
    throw addToMessage(failure as Error, 'HeadObject was refused, so it is not known whether the object exists')
  const result =
    resultIfProven(found, expected) ??
    (hasEnded && attempts.some(isUnanswered) ? resultIfMadeInTime(found, expected) : undefined)
  if (result !== undefined) return result
  // What the key held before Complete is not known, so the object that it holds now may be ours or an older one.
  throw expected.previous === 'unknown' && typeof found === 'object' ? undecided(failure as S3WritableError) : failure
}

/** The object, if an equal request that nobody here knows of made it before the condition of this one was judged. */
async function resultIfRepeated(
  requests: Requests,
  { expected }: ObjectRequest,
  UploadId: string,
): Promise<AnswerWithETag | undefined> {
  const limit = AbortSignal.timeout(SEARCH_LIMIT_IN_CLEANUP)
  const result = resultIfProven(await headObject(requests, limit), expected)
  // While the upload exists, the object is another writer's, even if it holds the same bytes.
  if (result === undefined || (await findRemainder(requests, UploadId, limit)) !== 'not found') return undefined
  return result
}

/** Whether it is certain that no attempt made the object. */
function isCertainlyNotMade(
  requests: Requests,
  UploadId: string | undefined,
  attempts: readonly Attempt[],
  failure: unknown,
): boolean {
  // A client that ignores the middleware of a command (a mock) records no attempts, so only the failure says something.
  if (UploadId !== undefined && requests.hasUnknownAttempts) return isRefused(failure) && !isUploadNotFound(failure)
  return attempts.every(wasNotCarriedOut)
}

function undecided(failure: S3WritableError): S3WritableError {
  const { UploadId } = failure
  const left =
    UploadId === undefined ? '' : `. Look for it; if it does not exist, abort upload ${UploadId}, whose parts are left`
  const why = `It is not known whether S3 made the object, so it may exist${left}`
  return Object.assign(addToMessage(failure, why), { objectMayExist: true })
}

/**
 * HeadObject's answer after a PutObject without an answer. HeadObject is repeated for WAIT_OTHERWISE, because S3 may still
 * store an object whose bytes had all arrived when the connection broke.
 */
async function objectAfterPut(requests: Requests, expected: ExpectedObject): Promise<HeadResult> {
  const limit = AbortSignal.timeout(LIMIT)
  const until = performance.now() + WAIT_OTHERWISE
  let found = await headObject(requests, limit)
  const mayAppear = (): boolean =>
    found === 'not found' || (typeof found === 'object' && resultIfProven(found, expected) === undefined)
  for (let pause = FIRST_PAUSE; mayAppear() && performance.now() < until; pause = nextPause(pause)) {
    await sleep(pause)
    found = await headObject(requests, limit)
  }
  return found
}

/** HeadObject's answer, and whether the upload had ended by then, although this stream did not abort it. */
interface Outcome {
  found: HeadResult
  hasEnded?: boolean
}

/**
 * HeadObject's answer from a moment when S3 can no longer make the object, because the upload no longer exists; `unknown`
 * if the outcome stays open.
 */
async function objectAfterComplete(
  requests: Requests,
  request: ObjectRequest,
  UploadId: string,
  attempts: readonly Attempt[],
  failure: S3WritableError,
): Promise<Outcome> {
  const { leaveParts, isAborted, expected } = request
  const limit = AbortSignal.timeout(LIMIT)
  const searchLimit = AbortSignal.timeout(isAborted() ? SEARCH_LIMIT_IN_CLEANUP : SEARCH_LIMIT)
  const answerHadBegun = attempts.some(hasBegunAnswer)
  const mayBeCompleting =
    answerHadBegun || failure.code === 'ERR_S3_STALLED' || attempts.at(-1)?.status === GATEWAY_TIMEOUT
  const until = performance.now() + (mayBeCompleting && !isAborted() ? WAIT_IF_COMPLETING : WAIT_OTHERWISE)
  for (let pause = FIRST_PAUSE; ; pause = nextPause(pause)) {
    // 2.
    const before = await headObject(requests, searchLimit)
    const remainder = isUploadNotFound(failure) ? 'not found' : await findRemainder(requests, UploadId, searchLimit)
    const isProven = resultIfProven(before, expected) !== undefined
    if (remainder === 'not found') {
      return { found: isProven || before === 'refused' ? before : await headObject(requests, limit), hasEnded: true }
    }
    if (remainder === 'no parts' || (remainder === 'unknown' && isProven)) {
      // When its client disconnects during Complete, MinIO makes the object and may leave the upload without parts.
      await removeUpload(requests, UploadId, limit).catch(() => {})
      return { found: await headObject(requests, limit) }
    }
    // 3.
    if (performance.now() < until && !searchLimit.aborted) {
      await sleep(pause)
      continue
    }
    // 5.
    const isUnreachable = before === 'unknown' && remainder === 'unknown'
    if (answerHadBegun || leaveParts || isUnreachable) {
      const hasEnded = isProven && !(await isListed(requests, UploadId, limit))
      return { found: hasEnded ? before : 'unknown', hasEnded }
    }
    // 4. If S3 was already completing the upload, the object appears shortly after the Abort.
    const existed = await removeUpload(requests, UploadId, limit, true).catch(() => undefined)
    const after = await headObject(requests, limit)
    if (existed === false) return { found: after, hasEnded: true }
    if (after === 'unknown' || isAnotherObject(before, after)) return { found: after }
    return { found: existed === undefined ? 'unknown' : 'not found' }
  }
}

/** Whether ListMultipartUploads lists the upload, or is refused, so that the upload may exist. */
async function isListed(requests: Requests, UploadId: string, limit: AbortSignal): Promise<boolean> {
  try {
    for await (const upload of uploadsUnder(requests, requests.target.Key, () => limit)) {
      if (upload.UploadId === UploadId) return true
    }
    return false
  } catch {
    return true
  }
}

/** Whether the object has changed: an old one may hold the same bytes in the same parts. */
function isAnotherObject(before: HeadResult, after: HeadResult): boolean {
  if (typeof after !== 'object') return false
  return before === 'not found' || (typeof before === 'object' && !isSameObject(before.head, after.head))
}

/**
 * Whether a Complete that stalled should be sent again: not if S3 had begun to answer, the upload no longer exists, or the
 * object proves to be ours.
 */
export async function shouldSendAgain(
  requests: Requests,
  UploadId: string,
  expected: ExpectedObject,
  attempts: readonly Attempt[],
): Promise<boolean> {
  if (attempts.some(hasBegunAnswer)) return false
  const limit = AbortSignal.timeout(SEARCH_LIMIT_IN_CLEANUP)
  const found = await headObject(requests, limit)
  const remainder = await findRemainder(requests, UploadId, limit)
  return remainder === 'parts' || (remainder === 'unknown' && resultIfProven(found, expected) === undefined)
}
