import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { runProgram, s3Env } from '../support/run-program.js'
import { head, makeBucket } from '../support/store.js'

const PROGRAM = join(import.meta.dirname, '../support/programs/upload-while-blocked.ts')
const ONCE = { CreateMultipartUploadCommand: 1, UploadPartCommand: 3, CompleteMultipartUploadCommand: 1 }

t.test('no request stalls because the event loop was blocked for longer than stallTimeout', async (t) => {
  const Bucket = await makeBucket(t)
  const { stdout, stderr } = await runProgram(PROGRAM, ['blocked', Bucket], s3Env)
  t.same(JSON.parse(stdout || '{}'), ONCE, stderr)
  t.ok(await head(Bucket, 'k'))
})

const needsSignals = process.platform === 'win32' ? { skip: 'Windows cannot stop a process by a signal' } : {}
t.test('no request stalls because the process was stopped for longer than stallTimeout', needsSignals, async (t) => {
  const Bucket = await makeBucket(t)
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, 'stopped', Bucket], { env: s3Env })
  const stderr = text(child.stderr)
  let said = ''
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('sent')) {
      said = line
      continue
    }
    child.kill('SIGSTOP')
    // Twice the stallTimeout, during which S3 answers.
    setTimeout(() => child.kill('SIGCONT'), 2000)
  }
  t.same(JSON.parse(said || '{}'), ONCE, await stderr)
  t.ok(await head(Bucket, 'k'))
})
