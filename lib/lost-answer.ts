import { setTimeout as sleep } from 'node:timers/promises'
import { longer, look, PAUSE, removeUpload } from './abort.js'
import { type Attempt, hasBegunAnswer, isNotCarriedOut } from './answer.js'
import type { S3WritableError } from './errors.js'
import { type Answer, type HeadResult, headObject, isSame, type Proof, provenObject } from './proof.js'
import type { Requests } from './requests.js'

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
/** How long an upload that is still there is watched before it is removed: where S3 seems to be at work on it … */
const PATIENCE = 18_000
/** … and where nothing tells so. */
const IMPATIENCE = 1_000

/**
 * The object that S3 made although the request for it failed with `failure`; throws that where it did not.
 *
 * 1. Where S3 answered each attempt, in its own words, that it will not, it did not.
 * 2. Otherwise the object and the upload tell: an upload that is gone was completed, or removed by somebody else, and the
 *    object that is there then proves to be ours or not. An object beside an upload that still has its parts is an old one.
 * 3. S3 may be at work on it at this moment, so this is asked for a while, the longer the more there is to tell so.
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
  if (attempts.every(isNotCarriedOut)) throw failure
  const { UploadId } = commit
  const found =
    UploadId === undefined
      ? await headObject(requests, AbortSignal.timeout(LIMIT))
      : await afterComplete(requests, commit, UploadId, attempts, failure)
  if (found === 'unknown') throw open(failure)
  if (found === 'refused') throw mayBeThere(failure, 'HeadObject is refused, so the object may be there')
  const made = provenObject(found, commit.proof)
  if (made === undefined) throw failure
  return made
}

function open(failure: unknown): unknown {
  const { UploadId } = failure as S3WritableError
  const left = UploadId === undefined ? '' : `. If it is not, abort upload ${UploadId}, whose parts are left`
  const why = `Whether S3 made the object could not be found out: it may be there${left}`
  return Object.assign(mayBeThere(failure, why), { objectMayExist: true })
}

function mayBeThere(failure: unknown, why: string): object {
  const { message } = failure as Error
  return Object.assign(failure as object, { message: `${message}. ${why}` })
}

/** The object once nothing of the upload is left that S3 could still make another of. */
async function afterComplete(
  requests: Requests,
  commit: Commit,
  UploadId: string,
  attempts: readonly Attempt[],
  failure: unknown,
): Promise<HeadResult> {
  const { leaveParts, isOver, proof } = commit
  const limit = AbortSignal.timeout(LIMIT)
  const atWork = attempts.some(hasBegunAnswer)
  const isGone = attempts.at(-1)?.Code === 'NoSuchUpload'
  const isPatient = (atWork || (failure as S3WritableError).code === 'ERR_S3_STALLED') && !isOver()
  const until = performance.now() + (isPatient ? PATIENCE : IMPATIENCE)
  const looking = AbortSignal.any([limit, AbortSignal.timeout(isOver() ? LOOKING_FOR_CLEANUP : LOOKING)])
  for (let pause = PAUSE; ; pause = longer(pause)) {
    const before = await headObject(requests, looking)
    const left = isGone ? 'gone' : await look(requests, UploadId, looking)
    if (left === 'gone' && (before === 'refused' || provenObject(before, proof))) return before
    if (left === 'gone') return await headObject(requests, limit)
    if (left === 'nothing') {
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
    const removed = await removeUpload(requests, UploadId, limit).catch(() => undefined)
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
  const limit = AbortSignal.timeout(LIMIT)
  const found = await headObject(requests, limit)
  const left = await look(requests, UploadId, limit)
  return left === 'parts' || (left === 'unknown' && provenObject(found, proof) === undefined)
}
