import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied, type Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { plainEnv, runProgram } from '../support/run-program.js'
import { endpoint, head, makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

const PROGRAM = join(import.meta.dirname, '../support/programs/upload-and-exit.ts')

/** Runs a scenario, and asserts that the process ended with code 0 and that no timer of the library was active then. */
async function runScenario(
  t: Test,
  name: string,
  fault: (seen: RecordedRequest) => Fault | undefined = () => undefined,
): Promise<{ ended: string; Bucket: string }> {
  const proxy = await faultProxy(t, { fault })
  const Bucket = await makeBucket(t)
  const env = { NODE_OPTIONS: '--unhandled-rejections=strict' }
  const { code, stdout, stderr } = await runProgram(PROGRAM, [name, proxy.url, Bucket], env)
  t.equal(code, 0, stderr)
  const { ended, timers, active } = JSON.parse(stdout) as { ended: string; timers: number; active: number }
  if (name === 'nothing fails') t.ok(timers > 0, 'the program records the timers of the library')
  t.equal(active, 0, 'no timer of the library is active')
  return { ended, Bucket }
}

t.test('a process that uploads ends by itself', async (t) => {
  const { ended, Bucket } = await runScenario(t, 'nothing fails')
  t.equal(ended, 'finished')
  t.ok(await head(Bucket, 'k'))
})

const FAILURES: Record<string, RegExp> = {
  'the producer throws': /^the producer threw$/,
  'beforeComplete rejects': /^beforeComplete rejected$/,
  'the client throws at once': /CreateMultipartUpload failed\. Error: the client threw$/,
  'the stream is destroyed during Create': /^destroyed$/,
  'the stream is destroyed at 6 MiB': /^too large$/,
  'the stream is destroyed while its parts wait for maxRate': /^too slow$/,
  'done() is called and its rejection is not handled': /^destroyed$/,
}

for (const [name, message] of Object.entries(FAILURES)) {
  t.test(`if ${name}, the process does not crash, ends by itself, and leaves nothing`, async (t) => {
    const { ended, Bucket } = await runScenario(t, name)
    t.match(ended, message)
    await nothingIsLeft(t, Bucket, 'k')
  })
}

t.test(
  'if the client is destroyed during the upload, the process does not crash, and the object is complete or absent',
  async (t) => {
    const { ended, Bucket } = await runScenario(t, 'the client is destroyed')
    if (ended === 'finished') t.ok(await head(Bucket, 'k'))
    else await nothingIsLeft(t, Bucket, 'k')
  },
)

t.test('if a part fails while the producer is idle, and Abort fails too, the process does not crash', async (t) => {
  const { ended, Bucket } = await runScenario(t, 'a part fails while the producer is idle', ({ operation }) =>
    /UploadPart|AbortMultipartUpload/.test(operation) ? denied : undefined,
  )
  t.match(ended, /UploadPart 1 failed\. AccessDenied/)
  await removeLeftUpload(t, Bucket)
})

t.test('a failed Abort of a stream without an error listener is a warning and no crash', async (t) => {
  const { ended, Bucket } = await runScenario(t, 'the stream has no error listener', ({ operation }) =>
    operation === 'AbortMultipartUpload' ? denied : undefined,
  )
  t.match(ended, /may be left\. AccessDenied/)
  await removeLeftUpload(t, Bucket)
})

t.test('a process that is killed leaves one unfinished upload, which S3 lists by its UploadId', async (t) => {
  const Bucket = await makeBucket(t)
  const args = ['--import', 'tsx', PROGRAM, 'the process is killed', endpoint.href, Bucket]
  const child = spawn(process.execPath, args, { env: plainEnv, stdio: ['ignore', 'pipe', 'inherit'] })
  const [UploadId] = (await once(createInterface(child.stdout), 'line')) as [string]
  child.kill('SIGKILL')
  await once(child, 'close')
  t.notOk(await head(Bucket, 'k'))
  t.match(await unfinishedUploads(Bucket), [{ Key: 'k', UploadId }])
  await removeLeftUpload(t, Bucket)
})

/** Asserts that the bucket has one unfinished upload, and removes it. */
async function removeLeftUpload(t: Test, Bucket: string): Promise<void> {
  const uploads = await unfinishedUploads(Bucket)
  t.equal(uploads.length, 1)
  for (const { Key, UploadId } of uploads) {
    await s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
  }
}
