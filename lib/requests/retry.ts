import { setTimeout as sleep } from 'node:timers/promises'
import { isRefused } from '../errors/causes.js'
import { isForeignPage } from './answer.js'

/**
 * The first pause between two requests that are repeated, in ms. Each further pause is twice as long, up to
 * LONGEST_PAUSE.
 */
export const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2_000

export function nextPause(pause: number): number {
  return Math.min(LONGEST_PAUSE, pause * 2)
}

/** After this many 4xx pages that do not come from S3, such as a proxy's, the fault counts as permanent. */
const MAX_FOREIGN_PAGES = 4

/**
 * Sends a request again, in addition to the client's own attempts, until S3 answers it or refuses it, or `limit`
 * aborts: a network failure that ended the upload must not end its clean-up too.
 */
export async function retryUntil<T>(limit: AbortSignal, send: () => Promise<T>): Promise<T> {
  let foreignPages = 0
  for (let pause = FIRST_PAUSE; ; pause = nextPause(pause)) {
    try {
      return await send()
    } catch (error) {
      if (isForeignPage(error)) foreignPages++
      if (isRefused(error) || foreignPages === MAX_FOREIGN_PAGES || limit.aborted) throw error
      // If the limit aborts, throw the request's error, which says more.
      await sleep(pause, undefined, { signal: limit }).catch(() => {
        throw error
      })
    }
  }
}

/** Settles as `promise` does, or rejects with the reason of `limit` if that aborts first. */
export async function orLimit<T>(limit: AbortSignal, promise: Promise<T>): Promise<T> {
  limit.throwIfAborted()
  let onAbort!: () => void
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(limit.reason)
    limit.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    // A listener keeps the process alive in Deno until a limit in time has passed.
    limit.removeEventListener('abort', onAbort)
  }
}
