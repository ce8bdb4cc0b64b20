import { setTimeout as sleep } from 'node:timers/promises'
import { describeCause, isRefused, S3WritableError, type ServiceException } from '../errors/s3-writable-error.js'
import { isPage } from '../requests/answer.js'
import type { Requests } from '../requests/requests.js'
import type { S3WritableResult } from './complete.js'

/** All of the clean-up ends within this time, in milliseconds. */
const LIMIT = 30_000
/** So long the answer to Complete is waited for, in milliseconds: what is stored has still to be removed. */
const ANSWER_LIMIT = 8_000
/** Between two looks, or two tries, in milliseconds: it doubles, up to the longest. */
export const PAUSE = 100
const LONGEST_PAUSE = 2_000
/** A part that was cancelled may be stored so long after the upload was aborted, in milliseconds. */
const LATE = 1_000

/** What an upload had under way when it was given up. */
export interface UnderWay {
  UploadId: string | undefined
  /** Create, not answered yet: only its answer tells what there is to remove, so it is waited for. */
  created: Promise<string> | undefined
  /** The request for the object: it may have been carried out, so its answer decides. */
  answered: Promise<S3WritableResult> | undefined
  /** Settles when the parts' requests, which have been cancelled, have really ended. */
  ended: Promise<unknown>
  /** Whether a part was on its way: it may be stored after the upload was aborted. */
  late: boolean
  /** Cancels Create and Complete after all. */
  giveUp: () => void
  /** Leave what is stored, to resume. */
  leaveParts: boolean
  /** What the stream fails with. */
  reason: Error
}

/** How an abort ended. */
export interface Aborted {
  /** The upload whose parts were left because that was asked for. */
  left?: string | undefined
  /** Why something of the upload may be left. */
  cleanupError?: Error
  /** The object, where S3 had already been asked for it and made it. */
  result?: S3WritableResult
}

/** Waits for what is under way, then removes what S3 has. Never rejects, and takes 30 s at most. */
export async function cleanUp(requests: Requests, underWay: UnderWay): Promise<Aborted> {
  const aborted = await endUpload(requests, underWay)
  // A Create that has not answered within the limit must not keep the process.
  underWay.giveUp()
  return aborted
}

async function endUpload(requests: Requests, underWay: UnderWay): Promise<Aborted> {
  const { created, answered, ended, late, leaveParts, giveUp } = underWay
  const limit = AbortSignal.timeout(LIMIT)
  let { UploadId } = underWay
  try {
    const settled = answered && (await within(limit, answerOf(answered, giveUp)))
    if (settled !== undefined && 'ETag' in settled) return { result: settled }
    const mayBeThere = isOpen(underWay.reason) || isOpen(settled)
    if (created !== undefined) UploadId = await within(limit, orNothing(created))
    await within(limit, ended)
    if (leaveParts) return { left: UploadId }
    if (UploadId !== undefined && mayBeThere) throw new Error('S3 may still be completing it, so it was not aborted')
    if (UploadId !== undefined) await removeUpload(requests, UploadId, limit, late)
    return {}
  } catch (cause) {
    const why = `what was stored of upload ${UploadId ?? '(not named yet)'} may be left. ${describeCause(cause)}`
    return { cleanupError: requests.error('ERR_S3_REQUEST', why, { UploadId, cause }) }
  }
}

/** Whether S3 may still make the object, whatever the error is. */
function isOpen(error: unknown): boolean {
  return error instanceof S3WritableError && error.objectMayExist === true
}

/** The object, where Complete was carried out. Cancelled in time, its own look at what S3 made of it still decides. */
async function answerOf(answered: Promise<S3WritableResult>, giveUp: () => void): Promise<S3WritableResult | Error> {
  const timer = setTimeout(giveUp, ANSWER_LIMIT)
  const result = await answered.catch((error: Error) => error)
  clearTimeout(timer)
  return result
}

function orNothing<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch(() => undefined)
}

/**
 * Removes the upload and every part of it. A part that was on its way may be stored after an Abort, and would cost
 * money for ever: so look, and abort again, until nothing is left. Resolves with whether there was such an upload.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 */
export async function removeUpload(
  requests: Requests,
  UploadId: string,
  limit: AbortSignal,
  late = false,
): Promise<boolean> {
  const wasThere = await abort(requests, UploadId, limit)
  // Where the store does not say, there must be time to abort again.
  const looking = AbortSignal.timeout(LIMIT / 2)
  let left = await within(limit, look(requests, UploadId, looking))
  if (late && left !== 'parts') {
    await sleep(LATE, undefined, { signal: limit })
    if (left !== 'unknown') left = await look(requests, UploadId, limit)
  }
  for (let pause = PAUSE; left === 'parts'; pause = longer(pause)) {
    await sleep(pause, undefined, { signal: limit })
    await abort(requests, UploadId, limit)
    left = await look(requests, UploadId, limit)
  }
  // Who may not look can only make sure by asking twice.
  if (left === 'unknown') await abort(requests, UploadId, limit)
  return wasThere
}

/** Whether there was one. */
async function abort(requests: Requests, UploadId: string, limit: AbortSignal): Promise<boolean> {
  try {
    await persistently(limit, () => requests.abort(UploadId, limit))
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

export function longer(pause: number): number {
  return Math.min(LONGEST_PAUSE, pause * 2)
}

/** How often a request is sent that a 4xx answers which is not S3's: it may pass, or be there for ever. */
const TRIES_AT_A_PAGE = 4

/**
 * Sends again what S3 has not refused, beside the client's own attempts, until the limit: what ended the upload, a network
 * that was away for a while say, must not end its clean-up too.
 */
export async function persistently<T>(limit: AbortSignal, send: () => Promise<T>): Promise<T> {
  let pages = 0
  for (let pause = PAUSE; ; pause = longer(pause)) {
    try {
      return await send()
    } catch (error) {
      if (isPage(error)) pages++
      if (isRefused(error) || pages === TRIES_AT_A_PAGE || limit.aborted) throw error
      // Its end tells less than what went wrong.
      await sleep(pause, undefined, { signal: limit }).catch(() => {
        throw error
      })
    }
  }
}

/** What the store still has of an upload: it is gone, or has no parts, or some; unknown where the store does not say. */
export async function look(
  requests: Requests,
  UploadId: string,
  limit: AbortSignal,
): Promise<'gone' | 'nothing' | 'parts' | 'unknown'> {
  try {
    const { Parts = [] } = await persistently(limit, () => requests.listParts(UploadId, limit))
    return Parts.length === 0 ? 'nothing' : 'parts'
  } catch (error) {
    return isGone(error) ? 'gone' : 'unknown'
  }
}

/** NoSuchUpload; Ceph says NoSuchKey. */
export function isGone(error: unknown): boolean {
  const { name, $metadata } = error as ServiceException
  return name === 'NoSuchUpload' || (name === 'NoSuchKey' && $metadata?.httpStatusCode === 404)
}

/** What `promise` settles with, or a rejection with `limit`'s reason when that comes first. */
export async function within<T>(limit: AbortSignal, promise: Promise<T>): Promise<T> {
  limit.throwIfAborted()
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason), { once: true })
  })
  return await Promise.race([promise, late])
}
