import { setTimeout as sleep } from 'node:timers/promises'
import { isRefused } from '../errors/causes.js'
import { isForeignPage } from './answer.js'

/** The pause between two attempts or two looks, in ms: doubled each time, up to LONGEST_PAUSE. */
export const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2_000

export function nextPause(pause: number): number {
  return Math.min(LONGEST_PAUSE, pause * 2)
}

/** How many answers that do not come from S3 (a proxy's 4xx page) are accepted: the fault may pass, or may be permanent. */
const FOREIGN_PAGES = 4

/**
 * Sends a request again, in addition to the client's own attempts, until S3 answers it or refuses it, or `limit` aborts: a
 * network failure that ended the upload must not end its clean-up too.
 */
export async function retryUntil<T>(limit: AbortSignal, send: () => Promise<T>): Promise<T> {
  let pages = 0
  for (let pause = FIRST_PAUSE; ; pause = nextPause(pause)) {
    try {
      return await send()
    } catch (error) {
      if (isForeignPage(error)) pages++
      if (isRefused(error) || pages === FOREIGN_PAGES || limit.aborted) throw error
      // The failure of the request says more than the end of the limit.
      await sleep(pause, undefined, { signal: limit }).catch(() => {
        throw error
      })
    }
  }
}

/** Settles as `promise` does, or rejects with the reason of `limit` if that aborts first. */
export async function orLimit<T>(limit: AbortSignal, promise: Promise<T>): Promise<T> {
  limit.throwIfAborted()
  const aborted = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(limit.reason), { once: true })
  })
  return await Promise.race([promise, aborted])
}
