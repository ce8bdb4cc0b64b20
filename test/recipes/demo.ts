/**
 * `npm run demo [-- FOLDER]`: an upload while its source is being made, a producer that crashes, and an upload that is
 * killed and resumed. Each claim is checked, and the demo fails if one does not hold. It uses the S3 at S3_ENDPOINT,
 * with the usual AWS_* variables, in a bucket of its own. Without S3_ENDPOINT it starts a server in this process, which
 * is slow, but needs nothing to be installed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { type CommandResult, DemoBucket } from './demo-bucket.js'
import { findDemoServer } from './demo-server.js'

const MiB = 1024 * 1024
const folder = process.argv[2] ?? 'node_modules'
const Bucket = `s3-writable-demo-${Date.now().toString(36)}-${process.pid.toString(36)}`
const COMMAND = join(dirname(createRequire(import.meta.url).resolve('s3-writable')), 'cli/main.js')
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

// Ctrl-C ends the demo as a failed check does: what it has made is removed.
const stopped = new AbortController()
const { signal } = stopped
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    process.exitCode = 128 + constants.signals[name]
    stopped.abort(new Error(`ended by ${name}`))
  })
}

const server = await findDemoServer()
Object.assign(process.env, server.env)
const client = new S3Client({ forcePathStyle: true })
const bucket = new DemoBucket(client, Bucket, signal)
const scratch = await mkdtemp(join(tmpdir(), 's3-writable-demo-files-'))
try {
  await bucket.create()
  await show().catch(reportFailure)
  await bucket.remove()
} catch (error) {
  reportFailure(error)
} finally {
  client.destroy()
  await rm(scratch, { recursive: true })
  await server.stop()
}

async function show(): Promise<void> {
  console.log(`The S3 is ${server.name}. The bucket is ${Bucket}.`)
  await uploadWhileItGoes()
  await crash()
  await killAndResume()
  console.log(`In the bucket are ${await bucket.objects()}; unfinished uploads: ${await bucket.unfinishedUploads()}.`)
  console.log('All of this was checked. The demo now removes its bucket.')
}

function reportFailure(error: unknown): void {
  console.error(`The demo has failed: ${error instanceof Error ? error.message : error}`)
  process.exitCode ??= 1
}

/** 1. The library: an archive is uploaded while tar makes it. */
async function uploadWhileItGoes(): Promise<void> {
  const Key = 'archive.tar'
  console.log(`1. An upload while it goes: tar -cf - ${folder} | s3://${Bucket}/${Key}`)
  const tar = spawn('tar', ['-cf', '-', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(tar, 'spawn')
  const closed = once(tar, 'close')
  let seen: Promise<void> | undefined
  const start = performance.now()
  const upload = s3Writable({
    client,
    Bucket,
    Key,
    signal,
    ContentType: 'application/x-tar',
    // When a child process crashes, its stdout simply ends, as on success. Check the exit code in `beforeComplete`.
    beforeComplete: async () => {
      const [code, killedBy] = await closed
      check(code === 0, `tar ended with ${killedBy ?? `code ${code}`}`)
      await seen
    },
  })
  upload.on('progress', ({ parts, loaded }) => {
    if (parts === 0 || tar.exitCode !== null) return
    seen ??= bucket.objects().then((there) => {
      check(there === 'no object', `${there} exists before its last byte was sent`)
      console.log(`   ${inMiB(loaded)} are stored while tar still runs; in the bucket is ${there} yet.`)
    })
    // `beforeComplete` reports a failure.
    seen.catch(() => {})
  })
  const written = createHash('sha256')
  const hash = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      written.update(chunk)
      yield chunk
    }
  }
  // `pipeline` may reject before the stream has removed its parts.
  await Promise.allSettled([pipeline(tar.stdout, hash, upload), finished(upload)])
  const { size, parts } = await upload.done()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (seen === undefined) console.log('   The archive is so small that tar ended before its first part was stored.')
  console.log(`   tar has ended with 0, and ${Key} exists: ${inMiB(size)}, parts: ${parts}, in ${seconds} s.`)
  await bucket.compare(Key, written.digest('hex'))
}

/** 2. The command: a producer that crashes publishes nothing, and nothing of it is left. */
async function crash(): Promise<void> {
  const Key = 'dump.sql'
  const producer = `process.stdout.write(Buffer.alloc(${20 * MiB}))
    process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL'))`
  console.log(`2. A producer that crashes: s3-writable s3://${Bucket}/${Key} -- node dump.js`)
  await writeFile(join(scratch, 'dump.js'), producer)
  const { child, ended } = start([`s3://${Bucket}/${Key}`, '--', process.execPath, join(scratch, 'dump.js')])
  const stored = await bucket.waitForParts(Key, 2, ended)
  child.stdin?.end()
  const { code, stderr } = await ended
  check(code !== 0, `s3-writable exits with ${code} though its producer crashed`)
  console.log(`   It crashes when ${stored} are stored. The command exits with ${code} and says: ${lastLine(stderr)}`)
  const left = await bucket.unfinishedUploads()
  const there = await bucket.objects()
  check(there === 'archive.tar', `the bucket should hold only archive.tar. It holds ${there}`)
  check(left === 'none', `an unfinished upload is left: ${left}`)
  console.log(`   In the bucket is only ${there}, no ${Key}; unfinished uploads: ${left}.`)
}

/** 3. The command: an upload that is killed keeps its parts, and another process resumes it. */
async function killAndResume(): Promise<void> {
  const Key = 'disk.img'
  const S3 = `s3://${Bucket}/${Key}`
  const file = join(scratch, Key)
  const image = randomBytes(48 * MiB)
  await writeFile(file, image)
  console.log(`3. An upload that is killed: s3-writable ${S3} < ${Key}`)
  const { child, ended } = start([S3])
  // Four parts of 8 MiB, and half of another.
  child.stdin?.write(image.subarray(0, 36 * MiB))
  const stored = await bucket.waitForParts(Key, 4, ended)
  child.kill('SIGKILL')
  check((await ended).killedBy === 'SIGKILL', 's3-writable was not killed')
  const left = await bucket.unfinishedUploads()
  check(left === Key, `${Key} should be the only unfinished upload. Unfinished uploads: ${left}`)
  check(!(await bucket.objects()).includes(Key), `${Key} exists, though it was never complete`)
  console.log(`   kill -9 when ${stored} are stored. In the bucket is no ${Key}; unfinished uploads: ${left}.`)
  const input = await open(file)
  const resumed = await start(['--resume', S3, '--json'], input.fd).ended
  await input.close()
  check(resumed.code === 0, `s3-writable --resume exits with ${resumed.code}: ${resumed.stderr}`)
  const { size, skipped } = JSON.parse(resumed.stdout)
  check(size === image.length && skipped === 32 * MiB, `${skipped} bytes of ${size} were skipped`)
  console.log(`   s3-writable --resume: ${inMiB(skipped)} were stored already, ${inMiB(size - skipped)} are sent.`)
  await bucket.compare(
    Key,
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  )
}

/** Starts the command as a user's shell does. */
function start(
  args: string[],
  stdin: 'pipe' | number = 'pipe',
): { child: ChildProcess; ended: Promise<CommandResult> } {
  const child = spawn(process.execPath, [COMMAND, '--path-style', ...args], { stdio: [stdin, 'pipe', 'pipe'] })
  child.stdin?.on('error', () => {})
  const end = (): boolean => child.kill()
  signal.addEventListener('abort', end)
  const outputs = [child.stdout, child.stderr].map((output) => text(output as Readable))
  const ended = Promise.all([once(child, 'close'), ...outputs]).then(
    ([[code, killedBy], stdout = '', stderr = '']): CommandResult => {
      signal.removeEventListener('abort', end)
      signal.throwIfAborted()
      return { code, killedBy, stdout, stderr }
    },
  )
  ended.catch(() => {})
  return { child, ended }
}

function check(holds: boolean, failure: string): void {
  signal.throwIfAborted()
  if (!holds) throw new Error(failure)
}

function lastLine(message: string): string {
  return message.trim().split('\n').pop() as string
}

function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`
}
