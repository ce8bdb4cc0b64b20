import { pipeline } from 'node:stream/promises'
import type { Test } from 'tap'
import type { S3WritableError } from '../../lib/index.js'
import { MiB, zeros } from './bytes.js'
import { failureOf } from './failure.js'
import type { Fault } from './fault-proxy.js'
import { given } from './given.js'
import type { Seen } from './recorded-request.js'
import { head } from './store.js'

/** A large upload on which one operation always fails. */
export async function failing(t: Test, fault: (seen: Seen) => Fault | undefined) {
  const all = await given(t, fault)
  const error = (await failureOf(pipeline(zeros(12 * MiB), all.upload))) as S3WritableError
  t.notOk(await head(all.Bucket, 'k'))
  return { ...all, error }
}
