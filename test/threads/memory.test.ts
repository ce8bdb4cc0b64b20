import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { KiB, MiB } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { runProgram } from '../support/run-program.js'
import { head, makeBucket } from '../support/store.js'

const PROGRAMS = join(import.meta.dirname, '../support/programs')
const TEST_WORKER = pathToFileURL(join(PROGRAMS, 'measured-worker.mjs')).href
const partSize = 8 * MiB
const concurrency = 4
/** The documented bound: the part being filled, the parts in flight, and the stream's own queue. */
const BOUND = partSize * (concurrency + 1) + 64 * KiB

for (const tls of [false, true]) {
  t.test(
    `1 GiB from a thread over ${tls ? 'https' : 'http'} to a slow server stays within the memory of its parts`,
    { timeout: 300_000 },
    async (t) => {
      const proxy = await faultProxy(t, { tls, bytesPerSecond: 100 * MiB })
      const Bucket = await makeBucket(t)
      const args = [proxy.url, Bucket, String(partSize), String(concurrency)]
      const env = { TEST_THREADS: '1', TEST_WORKER }
      const { code, stdout, stderr } = await runProgram(join(PROGRAMS, 'upload-gib.ts'), args, env)
      t.equal(code, 0, stderr)
      const peak = JSON.parse(stdout) as { arrayBuffers: number; rss: number; inThread: number }
      const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`
      t.equal((await head(Bucket, 'gib'))?.ContentLength, 1024 * MiB)
      t.ok(peak.arrayBuffers > partSize * concurrency, 'the upload did fill its buffers')
      t.ok(
        peak.arrayBuffers <= BOUND + 4 * MiB,
        `arrayBuffers grew by ${inMiB(peak.arrayBuffers)}, the bound is ${inMiB(BOUND)} + 4`,
      )
      t.ok(peak.inThread > 0, 'the thread has reported')
      t.ok(peak.inThread <= 8 * MiB, `the thread itself allocated ${inMiB(peak.inThread)}, the bound is 8 MiB`)
      t.ok(peak.rss <= BOUND + 60 * MiB, `RSS grew by ${inMiB(peak.rss)}, the bound is ${inMiB(BOUND)} + 60`)
    },
  )
}

t.test('streams with parts of ever other sizes do not add up', { timeout: 300_000 }, async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t)
  const sizes = Array.from({ length: 24 }, (_, i) => (5 + (i % 8)) * MiB)
  const env = { TEST_THREADS: '1' }
  const args = [proxy.url, Bucket, ...sizes.map(String)]
  const { code, stdout, stderr } = await runProgram(join(PROGRAMS, 'upload-part-sizes.ts'), args, env)
  t.equal(code, 0, stderr)
  const { rss, uploaded } = JSON.parse(stdout) as { rss: number; uploaded: number }
  const limit = 400 * MiB
  t.ok(uploaded > 2 * limit)
  t.ok(rss <= limit, `RSS grew by ${Math.round(rss / MiB)} MiB over ${Math.round(uploaded / MiB)} MiB in parts`)
})
