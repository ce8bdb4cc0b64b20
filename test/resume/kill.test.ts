import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, createReadStream, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bytes, MiB, P, sha256 } from '../support/bytes.js'
import { BUILT } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { plainEnv } from '../support/run-program.js'
import { head, makeBucket, minio, stored, unfinishedUploads } from '../support/store.js'

const KILLS = 50
const SIZE = 100 * MiB
const CONCURRENCY = 4
// The runner's default timeout is meant for files that start only a few processes.
t.setTimeout(900_000)
/** The size of the parts is also given to resume, because an upload of which no part is stored does not tell it. */
const SIZES = ['--part-size', `${P}`, '--concurrency', `${CONCURRENCY}`]
/** The arguments of the command: for a new upload, and to resume one from a pipe or a file. */
const ARGUMENTS = {
  new: SIZES,
  'from a pipe': ['--resume', ...SIZES],
  'from a file': ['--resume', ...SIZES],
}

t.test(
  `an upload of ${SIZE / MiB} MiB that is killed at random moments is resumed until it is complete, over ${KILLS} kills`,
  async (t) => {
    const data = bytes(SIZE)
    const file = join(t.testdir(), 'file')
    writeFileSync(file, data)
    const Bucket = await makeBucket(t)
    const proxy = await faultProxy(t)
    const bytesSent = (): number => proxy.of('UploadPart').reduce((sum, { length }) => sum + length, 0)

    /**
     * Runs the command, and kills it after `limit` bytes of parts. Resolves with whether it was killed before it ended.
     */
    const runAndKill = async (mode: keyof typeof ARGUMENTS, limit: number): Promise<boolean> => {
      const args = [BUILT, `s3://${Bucket}/k`, ...ARGUMENTS[mode]]
      const input = mode === 'from a pipe' ? 'pipe' : openSync(file, 'r')
      const env = { ...plainEnv, AWS_ENDPOINT_URL: proxy.url, NODE_NO_WARNINGS: '1' }
      const child = spawn(process.execPath, args, { env, stdio: [input, 'ignore', 'pipe'] })
      if (child.stdin !== null) createReadStream(file).pipe(child.stdin.on('error', () => {}))
      if (typeof input === 'number') closeSync(input)
      const ended = Promise.all([once(child, 'exit'), text(child.stderr as Readable)])
      const before = bytesSent()
      const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
      while (!hasEnded() && bytesSent() - before <= limit) await sleep(1)
      child.kill('SIGKILL')
      const [[code, signal], stderr] = await ended
      // If the kill came during Complete, S3 may make the object a moment later.
      if (proxy.of('CompleteMultipartUpload').length > 0) await waitForObject(Bucket)
      if (signal === null && code !== 0) t.match(stderr, /An object of 104857600 bytes exists/)
      return signal !== null
    }

    let kills = 0
    let maxResent = 0
    for (let uploads = 0; kills < KILLS; uploads++) {
      proxy.seen.length = 0
      let killsOfUpload = 0
      let mode: keyof typeof ARGUMENTS = 'new'
      while ((await head(Bucket, 'k')) === undefined) {
        // One run in three may end by itself. The others are killed at a random point of the bytes that are left.
        const remaining = SIZE - Math.min(bytesSent(), SIZE)
        const mayEnd = killsOfUpload > 0 && Math.random() < 1 / 3
        if (await runAndKill(mode, mayEnd ? Number.POSITIVE_INFINITY : Math.random() * remaining)) killsOfUpload++
        const resumeMode = uploads % 2 === 0 ? 'from a pipe' : 'from a file'
        mode = (await unfinishedUploads(Bucket)).length === 0 ? 'new' : resumeMode
      }
      const resent = bytesSent() - SIZE
      t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: SIZE })
      t.ok(resent <= killsOfUpload * CONCURRENCY * P, `${resent} bytes were sent again after ${killsOfUpload} kills`)
      t.same(await unfinishedUploads(Bucket), [])
      await minio.removeObject(Bucket, 'k')
      kills += killsOfUpload
      maxResent = Math.max(maxResent, resent / Math.max(1, killsOfUpload))
    }
    t.comment(`${kills} kills; at most ${(maxResent / MiB).toFixed(1)} MiB were sent again per kill`)
  },
)

/** Waits until the object exists, for one second at most. */
async function waitForObject(Bucket: string): Promise<void> {
  for (let tries = 0; tries < 20 && (await head(Bucket, 'k')) === undefined; tries++) await sleep(50)
}
