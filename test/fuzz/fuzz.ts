import { cpus } from 'node:os'
import { S3Client } from '@aws-sdk/client-s3'
import { faultProxy } from '../support/fault-proxy.js'
import { makeBucket, region } from '../support/store.js'
import { withThreads } from '../support/threads.js'
import { planOf } from './plan.js'
import { faults, type Ground, keyOf, runPlan } from './run.js'

export interface Fuzzed {
  runs: number
  /** The number of runs that made their object. */
  made: number
  failures: { seed: number; error: unknown }[]
}

const AT_ONCE = 4 * cpus().length

/** Runs the plans of `runs` consecutive seeds from `seed` on, several at once. Calls `onRun` after each. */
export async function fuzz(
  ground: Ground,
  seed: number,
  runs: number,
  onRun: (done: Fuzzed) => void = () => {},
): Promise<Fuzzed> {
  const done: Fuzzed = { runs: 0, made: 0, failures: [] }
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < runs) {
      const mine = seed + next++
      try {
        if (await runPlan(ground, mine, planOf(mine))) done.made++
      } catch (error) {
        done.failures.push({ seed: mine, error })
      }
      done.runs++
      onRun(done)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return done
}

/** Makes a proxy, a bucket, and a client for each number of attempts, which `teardown` ends. */
export async function ground(teardown: (end: () => unknown) => void): Promise<Ground> {
  const t = { teardown }
  const proxy = await faultProxy(t, { fault: (seen) => faults.get(keyOf(seen))?.(seen) })
  const Bucket = await makeBucket(t)
  const clients = [1, 2, 3].map(
    (maxAttempts) => new S3Client(withThreads({ endpoint: proxy.url, region, forcePathStyle: true, maxAttempts })),
  )
  teardown(() => clients.map((client) => client.destroy()))
  return { proxy, Bucket, client: (maxAttempts) => clients[maxAttempts - 1] as S3Client }
}
