import { join } from 'node:path'
import t from 'tap'
import { KiB, MiB } from './support/bytes.js'
import { faultProxy } from './support/fault-proxy.js'
import { runProgram } from './support/program.js'
import { head, makeBucket } from './support/store.js'

const PROGRAM = join(import.meta.dirname, 'support/upload-gib.ts')
const partSize = 8 * MiB
const concurrency = 4
/** The design's: what is filling and what is on its way, and what the stream queues. */
const BOUND = partSize * (concurrency + 1) + 64 * KiB

for (const tls of [false, true]) {
  t.test(
    `1 GiB over ${tls ? 'https' : 'http'} to a slow server stays within the memory of its parts`,
    { timeout: 300_000 },
    async (t) => {
      const proxy = await faultProxy(t, { tls, bytesPerSecond: 100 * MiB })
      const Bucket = await makeBucket(t)
      const args = [proxy.url, Bucket, String(partSize), String(concurrency)]
      const { code, stdout, stderr } = await runProgram(PROGRAM, args)
      t.equal(code, 0, stderr)
      const peak = JSON.parse(stdout) as { arrayBuffers: number; rss: number }
      const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`
      t.equal((await head(Bucket, 'gib'))?.ContentLength, 1024 * MiB)
      t.ok(peak.arrayBuffers > partSize * concurrency, 'the upload did fill its buffers')
      t.ok(
        peak.arrayBuffers <= BOUND + 4 * MiB,
        `arrayBuffers grew by ${inMiB(peak.arrayBuffers)}, the bound is ${inMiB(BOUND)} + 4`,
      )
      t.ok(peak.rss <= BOUND + 40 * MiB, `RSS grew by ${inMiB(peak.rss)}, the bound is ${inMiB(BOUND)} + 40`)
    },
  )
}
