import { setTimeout as sleep } from 'node:timers/promises'
import type { S3WritableResult } from './commit.js'
import { describeCause, isRefused, type ServiceException } from './errors.js'
import type { Requests } from './requests.js'

/** All of the clean-up ends within this time, in milliseconds. */
const LIMIT = 30_000
/** So long the answer to Complete is waited for, in milliseconds: what is stored has still to be removed. */
const ANSWER_LIMIT = 8_000
/** Between two looks, or two tries, in milliseconds; it doubles. */
const PAUSE = 100
/** How often in all a request of the clean-up is tried. */
const TRIES = 5

/** What an upload had under way when it was given up. */
export interface UnderWay {
  UploadId: string | undefined
  /** Create, not answered yet: only its answer tells what there is to remove, so it is waited for. */
  created: Promise<string> | undefined
  /** The request for the object: it may have been carried out, so its answer decides. */
  answered: Promise<S3WritableResult> | undefined
  /** Settles when the parts' requests, which have been cancelled, have really ended. */
  ended: Promise<unknown>
  /** Cancels Create and Complete after all. */
  giveUp: () => void
  /** Leave what is stored, to resume. */
  leaveParts: boolean
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
  const { created, answered, ended, leaveParts, giveUp } = underWay
  const limit = AbortSignal.timeout(LIMIT)
  let { UploadId } = underWay
  try {
    const result = answered && (await within(limit, answerOf(answered, giveUp)))
    if (result !== undefined) return { result }
    if (created !== undefined) UploadId = await within(limit, orNothing(created))
    await within(limit, ended)
    if (leaveParts) return { left: UploadId }
    if (UploadId !== undefined) await removeUpload(requests, UploadId, limit)
    return {}
  } catch (cause) {
    const why = `what was stored of upload ${UploadId ?? '(not named yet)'} may be left. ${describeCause(cause)}`
    return { cleanupError: requests.error('ERR_S3_REQUEST', why, { UploadId, cause }) }
  }
}

/** The object, where Complete was carried out. Cancelled in time, its own look at what S3 made of it still decides. */
async function answerOf(
  answered: Promise<S3WritableResult>,
  giveUp: () => void,
): Promise<S3WritableResult | undefined> {
  const timer = setTimeout(giveUp, ANSWER_LIMIT)
  const result = await orNothing(answered)
  clearTimeout(timer)
  return result
}

function orNothing<T>(promise: Promise<T>): Promise<T | undefined> {
  return promise.catch(() => undefined)
}

/**
 * Removes the upload and every part of it. A part that was on its way may be stored after an Abort, and would cost
 * money for ever: so look, and abort again, until nothing is left.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
 */
export async function removeUpload(requests: Requests, UploadId: string, limit: AbortSignal): Promise<void> {
  await abort(requests, UploadId, limit)
  let left = await look(requests, UploadId, limit)
  for (let pause = PAUSE; left === 'parts'; pause *= 2) {
    await sleep(pause, undefined, { signal: limit })
    await abort(requests, UploadId, limit)
    left = await look(requests, UploadId, limit)
  }
  // Who may not look can only make sure by asking twice.
  if (left === 'unknown') await abort(requests, UploadId, limit)
}

async function abort(requests: Requests, UploadId: string, limit: AbortSignal): Promise<void> {
  try {
    await persistently(limit, () => requests.abort(UploadId, limit))
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

/**
 * Sends again what S3 has not refused, beside the client's own attempts: what ended the upload, a network that was away
 * for a moment say, must not end its clean-up too.
 */
export async function persistently<T>(limit: AbortSignal, send: () => Promise<T>, tries = 1): Promise<T> {
  try {
    return await send()
  } catch (error) {
    if (isRefused(error) || tries === TRIES || limit.aborted) throw error
    await sleep(PAUSE * 2 ** tries, undefined, { signal: limit })
    return await persistently(limit, send, tries + 1)
  }
}

/** What the store still has of an upload; unknown where it does not say. */
export async function look(
  requests: Requests,
  UploadId: string,
  limit: AbortSignal,
): Promise<'nothing' | 'parts' | 'unknown'> {
  try {
    const { Parts = [] } = await persistently(limit, () => requests.listParts(UploadId, limit))
    return Parts.length === 0 ? 'nothing' : 'parts'
  } catch (error) {
    return isGone(error) ? 'nothing' : 'unknown'
  }
}

/** NoSuchUpload; Ceph says NoSuchKey. */
export function isGone(error: unknown): boolean {
  const { name, $metadata } = error as ServiceException
  return name === 'NoSuchUpload' || (name === 'NoSuchKey' && $metadata?.httpStatusCode === 404)
}

/** What `promise` settles with, or a rejection with `limit`'s reason when that comes first. */
async function within<T>(limit: AbortSignal, promise: Promise<T>): Promise<T> {
  limit.throwIfAborted()
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason), { once: true })
  })
  return await Promise.race([promise, late])
}
