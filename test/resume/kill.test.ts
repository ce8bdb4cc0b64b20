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
/** The stream's own, by default. */
const CONCURRENCY = 4
// The runner's own limit is for files that start one process or two.
t.setTimeout(900_000)
const WAYS = { anew: ['--part-size', `${P}`], 'from a pipe': ['--resume'], 'from a file': ['--resume'] }

t.test(
  `an upload of ${SIZE / MiB} MiB that is killed at any moment, ${KILLS} of them, is resumed until it is done`,
  async (t) => {
    const data = bytes(SIZE)
    const file = join(t.testdir(), 'file')
    writeFileSync(file, data)
    const Bucket = await makeBucket(t)
    const proxy = await faultProxy(t)
    const sent = (): number => proxy.of('UploadPart').reduce((sum, { length }) => sum + length, 0)

    /** Runs the command, and kills it when so many bytes have gone. Whether it was still there to be killed. */
    const killed = async (how: keyof typeof WAYS, after: number): Promise<boolean> => {
      const args = [BUILT, `s3://${Bucket}/k`, ...WAYS[how]]
      const input = how === 'from a pipe' ? 'pipe' : openSync(file, 'r')
      const env = { ...plainEnv, AWS_ENDPOINT_URL: proxy.url, NODE_NO_WARNINGS: '1' }
      const child = spawn(process.execPath, args, { env, stdio: [input, 'ignore', 'pipe'] })
      if (child.stdin !== null) createReadStream(file).pipe(child.stdin.on('error', () => {}))
      if (typeof input === 'number') closeSync(input)
      const ended = Promise.all([once(child, 'exit'), text(child.stderr as Readable)])
      const before = sent()
      const over = (): boolean => child.exitCode !== null || child.signalCode !== null
      while (!over() && sent() - before <= after) await sleep(1)
      child.kill('SIGKILL')
      const [[code, signal], said] = await ended
      // A kill that came while S3 made the object is found out a moment later.
      if (proxy.of('CompleteMultipartUpload').length > 0) await made(Bucket)
      if (signal === null && code !== 0) t.match(said, /An object of 104857600 bytes is there/)
      return signal !== null
    }

    let kills = 0
    let most = 0
    for (let uploads = 0; kills < KILLS; uploads++) {
      proxy.seen.length = 0
      let mine = 0
      let how: keyof typeof WAYS = 'anew'
      while ((await head(Bucket, 'k')) === undefined) {
        // Every third time it may end; else it is killed somewhere in what is left to send.
        const rest = SIZE - Math.min(sent(), SIZE)
        const spared = mine > 0 && Math.random() < 1 / 3
        if (await killed(how, spared ? Number.POSITIVE_INFINITY : Math.random() * rest)) mine++
        const again = uploads % 2 === 0 ? 'from a pipe' : 'from a file'
        how = (await unfinishedUploads(Bucket)).length === 0 ? 'anew' : again
      }
      const over = sent() - SIZE
      t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: SIZE })
      t.ok(over <= mine * CONCURRENCY * P, `${over} bytes were sent twice, after ${mine} kills`)
      t.same(await unfinishedUploads(Bucket), [])
      await minio.removeObject(Bucket, 'k')
      kills += mine
      most = Math.max(most, over / Math.max(1, mine))
    }
    t.comment(`${kills} kills; at most ${(most / MiB).toFixed(1)} MiB were sent again for one`)
  },
)

/** Waits for the object, a second at most. */
async function made(Bucket: string): Promise<void> {
  for (let tries = 0; tries < 20 && (await head(Bucket, 'k')) === undefined; tries++) await sleep(50)
}
