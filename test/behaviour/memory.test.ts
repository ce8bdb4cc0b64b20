import { constants } from 'node:buffer'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { KiB, MiB, P, zeros } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied, type Fault } from '../support/faults.js'
import { heldBytes, heldBytesSince } from '../support/memory.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { runProgram, s3Env } from '../support/run-program.js'
import { head, makeBucket, s3Client } from '../support/store.js'

/** The largest part that S3 and a Buffer can hold. */
const MAX_PART_SIZE = Math.min(5 * 1024 * MiB, constants.MAX_LENGTH)
const PROGRAM = join(import.meta.dirname, '../support/programs/upload-gib.ts')
const partSize = 8 * MiB
const concurrency = 4
/** The documented bound: the part being filled, the parts in flight, and the stream's own queue. */
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

t.test('growing parts take the memory of two parts at most', { timeout: 300_000 }, async (t) => {
  const proxy = await faultProxy(t, { bytesPerSecond: 20 * MiB })
  const Bucket = await makeBucket(t)
  const maxParts = 9
  const { code, stdout, stderr } = await runProgram(
    join(import.meta.dirname, '../support/programs/upload-growing.ts'),
    [proxy.url, Bucket, String(maxParts)],
  )
  t.equal(code, 0, stderr)
  const peaks = JSON.parse(stdout) as number[]
  const sizes = [1, 1, 1, 1, 2, 4, 8, 16].map((times) => times * P)
  t.equal(peaks.length, sizes.length)
  for (const [i, peak] of peaks.entries()) {
    const bound = Math.max(5 * P, 2 * (sizes[i] as number))
    t.ok(
      peak <= bound + 4 * MiB,
      `while part ${i + 1} comes, ${peak / MiB} MiB are held; the bound is ${bound / MiB} + 4`,
    )
  }
  t.ok((peaks.at(-1) as number) > 2 * (sizes[6] as number), 'one part is filled while another is sent')
})

t.test('if the memory for a part cannot be allocated, the error names the part and the size', async (t) => {
  const Bucket = await makeBucket(t)
  const program = join(import.meta.dirname, '../support/programs/upload-without-memory.ts')
  const { code, stdout, stderr } = await runProgram(program, [Bucket, String(MAX_PART_SIZE)], s3Env)
  t.equal(code, 0, stderr)
  t.match(JSON.parse(stdout), {
    code: 'ERR_S3_MEMORY',
    message: new RegExp(
      `^s3://${Bucket}/k: ${MAX_PART_SIZE} bytes of memory for part 1 could not be allocated\\. Lower partSize `,
    ),
  })
  t.equal(await head(Bucket, 'k'), undefined)
})

type Faulty = (seen: RecordedRequest) => Fault | undefined
const on =
  (operation: string, fault: Fault): Faulty =>
  (seen) =>
    seen.operation === operation ? fault : undefined
const internal: Fault = { do: 'answer', status: 500, body: '<Error><Code>InternalError</Code></Error>' }
const refused = on('CompleteMultipartUpload', denied)
/** Complete's answer arrives over a connection on which a part of the next upload stalls. */
const repeated =
  (fault: Fault): Faulty =>
  (seen) =>
    seen.operation === 'UploadPart' && seen.attempt === 1 ? fault : refused(seen)

/** A fault, and the size of the upload in bytes; three parts by default. */
const FAULTS: [string, Faulty, number?][] = [
  ['Create is refused', on('CreateMultipartUpload', denied)],
  ['a part is refused', on('UploadPart', denied)],
  ['a part is refused before it has all been sent', on('UploadPart', { ...denied, early: true })],
  ['the connection of every part breaks', on('UploadPart', { do: 'reset', after: MiB })],
  ['the store fails every part', on('UploadPart', internal)],
  ['every part stalls', on('UploadPart', { do: 'ignore' })],
  ['Complete is refused', refused],
  ['each part is received, stalls and is sent again, and Complete is refused', repeated({ do: 'swallow' })],
  ['each part is not read, is sent again, and Complete is refused', repeated({ do: 'ignore' })],
  ['each part is stored, not answered and sent again, and Complete is refused', repeated({ do: 'swallow answer' })],
  ['PutObject is refused', on('PutObject', denied), P],
  ['PutObject stalls', on('PutObject', { do: 'ignore' }), P],
]

for (const [what, fault, size = 3 * P] of FAULTS) {
  t.test(`if ${what}, neither the stream nor its error keeps a part's memory alive`, async (t) => {
    const proxy = await faultProxy(t, { fault })
    const client = s3Client(t, { endpoint: proxy.url, maxAttempts: 2 })
    const Bucket = await makeBucket(t)
    const kept: unknown[] = []
    const before = await heldBytes()
    for (let i = 0; i < 3; i++) {
      const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, stallTimeout: 2000 })
      kept.push(upload, await failureOf(pipeline(zeros(size), upload)))
    }
    // An idle connection keeps its last request alive.
    client.destroy()
    const more = await heldBytesSince(before, P)
    t.ok(more < P, `${Math.round(more / KiB)} KiB are held`)
    t.equal(kept.length, 6)
  })
}

t.test('if no more parts are allowed, the stream fails, and its error keeps no part alive', async (t) => {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const before = await heldBytes()
  const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, maxParts: 1 })
  const error = await failureOf(pipeline(zeros(2 * P), upload))
  t.match(error, { code: 'ERR_S3_TOO_MANY_PARTS' })
  client.destroy()
  t.ok((await heldBytesSince(before, P)) < P)
})
