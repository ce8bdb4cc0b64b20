import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { head, stored, unfinishedUploads } from './store.js'

export interface StoredObject {
  sha256: string
  size: number
}

/** After a failure the key is absent, or holds what it held before, now and a second later, and no upload is left. */
export async function nothingIsLeft(t: Test, Bucket: string, Key: string, old?: StoredObject): Promise<void> {
  for (const when of ['at once', 'a second later']) {
    if (old === undefined) t.notOk(await head(Bucket, Key), `there is no object, ${when}`)
    else t.same(await stored(Bucket, Key), old, `the old object is there, ${when}`)
    if (when === 'at once') await sleep(1000)
  }
  t.same(await unfinishedUploads(Bucket), [], 'no upload is left')
}

/** What a promise fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => {
      throw new Error('it should have failed')
    },
    (error) => error,
  )
}
