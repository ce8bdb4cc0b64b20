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

/** How the stream of such a process ended. The process must have ended well, and by itself. */
async function ending(
  t: Test,
  what: string,
  fault: (seen: RecordedRequest) => Fault | undefined = () => undefined,
): Promise<{ ended: string; Bucket: string }> {
  const proxy = await faultProxy(t, { fault })
  const Bucket = await makeBucket(t)
  const env = { NODE_OPTIONS: '--unhandled-rejections=strict' }
  const { code, stdout, stderr } = await runProgram(PROGRAM, [what, proxy.url, Bucket], env)
  t.equal(code, 0, stderr)
  const { ended, timers, left } = JSON.parse(stdout) as { ended: string; timers: number; left: number }
  if (what === 'nothing happens') t.ok(timers > 0, 'timers are seen')
  t.equal(left, 0, 'no timer of the library is left')
  return { ended, Bucket }
}

t.test('a process that uploads ends by itself', async (t) => {
  const { ended, Bucket } = await ending(t, 'nothing happens')
  t.equal(ended, 'finished')
  t.ok(await head(Bucket, 'k'))
})

const FAILURES: Record<string, RegExp> = {
  'the producer throws': /^the producer threw$/,
  'beforeComplete rejects': /^beforeComplete rejected$/,
  'the client throws at once': /CreateMultipartUpload failed\. Error: the client threw$/,
  'it is destroyed during Create': /^destroyed$/,
  'it is destroyed at 6 MiB': /^too large$/,
  'nobody hears of it': /^destroyed$/,
}

for (const [what, message] of Object.entries(FAILURES)) {
  t.test(`where ${what}, the process goes on, ends by itself, and leaves nothing`, async (t) => {
    const { ended, Bucket } = await ending(t, what)
    t.match(ended, message)
    await nothingIsLeft(t, Bucket, 'k')
  })
}

t.test(
  'where the client is destroyed in the middle, the process goes on, and the object is whole or absent',
  async (t) => {
    const { ended, Bucket } = await ending(t, 'the client is destroyed')
    if (ended === 'finished') t.ok(await head(Bucket, 'k'))
    else await nothingIsLeft(t, Bucket, 'k')
  },
)

t.test('where a part fails while nobody writes, and Abort fails too, the process goes on', async (t) => {
  const { ended, Bucket } = await ending(t, 'a part fails while nobody writes', ({ operation }) =>
    /UploadPart|AbortMultipartUpload/.test(operation) ? denied : undefined,
  )
  t.match(ended, /UploadPart 1 failed\. AccessDenied/)
  await remove(t, Bucket)
})

t.test('where it is destroyed without an error, nobody listens and Abort fails, the process goes on', async (t) => {
  const { ended, Bucket } = await ending(t, 'nobody listens', ({ operation }) =>
    operation === 'AbortMultipartUpload' ? denied : undefined,
  )
  t.match(ended, /may be left\. AccessDenied/)
  await remove(t, Bucket)
})

t.test('a process that is killed leaves one upload, which is listed by its UploadId', async (t) => {
  const Bucket = await makeBucket(t)
  const args = ['--import', 'tsx', PROGRAM, 'it is killed', endpoint.href, Bucket]
  const child = spawn(process.execPath, args, { env: plainEnv, stdio: ['ignore', 'pipe', 'inherit'] })
  const [UploadId] = (await once(createInterface(child.stdout), 'line')) as [string]
  child.kill('SIGKILL')
  await once(child, 'close')
  t.notOk(await head(Bucket, 'k'))
  t.match(await unfinishedUploads(Bucket), [{ Key: 'k', UploadId }])
  await remove(t, Bucket)
})

/** What the test could not but leave. */
async function remove(t: Test, Bucket: string): Promise<void> {
  const left = await unfinishedUploads(Bucket)
  t.equal(left.length, 1)
  for (const { Key, UploadId } of left) {
    await s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
  }
}
