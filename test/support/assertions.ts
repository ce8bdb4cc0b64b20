import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { head, stored, unfinishedUploads } from './store.js'

/** What a test compares of a stored object. */
export interface StoredObject {
  sha256: string
  size: number
}

/**
 * Asserts that a failed upload left nothing: at once and a second later, the key has no object or still has the `old`
 * one, and the bucket has no unfinished upload.
 */
export async function nothingIsLeft(t: Test, Bucket: string, Key: string, old?: StoredObject): Promise<void> {
  for (const when of ['at once', 'a second later']) {
    if (old === undefined) t.notOk(await head(Bucket, Key), `there is no object, ${when}`)
    else t.same(await stored(Bucket, Key), old, `the old object is unchanged, ${when}`)
    if (when === 'at once') await sleep(1000)
  }
  t.same(await unfinishedUploads(Bucket), [], 'no upload is left')
}

/** Resolves with the error that the promise rejects with, and rejects if the promise resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => {
      throw new Error('the promise should have rejected')
    },
    (error) => error,
  )
}
