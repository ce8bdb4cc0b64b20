import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { abortUpload } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { BUILT, type Running, startCli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { s3Env } from '../support/run-program.js'
import { holdForever } from '../support/scenario.js'
import { head, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { hasTerminal, onTerminal } from '../support/terminal.js'

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

t.test('a signal aborts the upload, ends the producer, cleans up, and exits with 128 + n', async (t) => {
  for (const [signal, expected] of Object.entries(CODES)) {
    const Bucket = await makeBucket(t)
    const proxy = await faultProxy(t)
    const producer = ['--', 'sh', '-c', 'echo $$ >&2; exec cat /dev/zero 2>/dev/null']
    const { child, ended } = startCli([`s3://${Bucket}/k`, ...producer], { at: proxy.url })
    await proxy.waitFor({ operation: 'UploadPart' })
    child.kill(signal as NodeJS.Signals)
    const { code, stderr, stdout } = await ended
    t.equal(code, expected)
    t.equal(stdout, '')
    const [pid = '', ...lines] = stderr.split('\n')
    t.same(lines, [`s3-writable: Ended by ${signal}. Nothing was published.`, ''])
    t.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' }, 'the producer has ended')
    await nothingIsLeft(t, Bucket, 'k')
  }
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Sends SIGTERM, and SIGHUP once the producer has ended, while requests of one operation are not answered. */
async function endTwice(t: Test, operation: string): Promise<Running & { Bucket: string }> {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, { fault: holdForever(operation) })
  const pid = join(t.testdir(), 'pid')
  const producer = ['--', 'sh', '-c', `echo $$ >${pid}; exec cat /dev/zero 2>/dev/null`]
  const { child, ended } = startCli([`s3://${Bucket}/k`, ...producer], { at: proxy.url })
  const first = operation === 'CreateMultipartUpload' ? operation : 'UploadPart'
  await proxy.waitFor({ operation: first })
  child.kill('SIGTERM')
  while (isAlive(Number(readFileSync(pid, 'utf8')))) await sleep(20)
  await proxy.waitFor({ operation })
  child.kill('SIGHUP')
  return { ...(await ended), Bucket }
}

t.test('a second signal exits at once and prints the command that removes the parts', async (t) => {
  const { code, stderr, Bucket } = await endTwice(t, 'AbortMultipartUpload')
  t.equal(code, CODES.SIGHUP)
  const hint = new RegExp(`Parts may be left. To remove them: s3-writable abort s3://${Bucket}/k --upload-id=(\\S+)\n$`)
  t.match(stderr, hint)
  const [, UploadId = ''] = hint.exec(stderr) ?? []
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
})

t.test('a second signal before the UploadId is known prints the command that lists uploads', async (t) => {
  const { code, stderr, Bucket } = await endTwice(t, 'CreateMultipartUpload')
  t.equal(code, CODES.SIGHUP)
  t.match(stderr, new RegExp(`An unfinished upload may be left. To list it: s3-writable ls s3://${Bucket}/k\n$`))
})

t.test('a producer that ignores SIGTERM is killed', async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t)
  const ignoresSigterm = [
    '--',
    'sh',
    '-c',
    'trap "" TERM PIPE; echo $$ >&2; while :; do head -c 1000000 /dev/zero; done 2>/dev/null',
  ]
  const { child, ended } = startCli([`s3://${Bucket}/k`, ...ignoresSigterm], { at: proxy.url })
  await proxy.waitFor({ operation: 'UploadPart' })
  child.kill('SIGINT')
  const { code, stderr } = await ended
  t.equal(code, 130)
  t.throws(() => process.kill(Number(stderr.split('\n')[0]), 0), { code: 'ESRCH' })
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a producer killed after a random number of bytes publishes and leaves nothing, 200 times', async (t) => {
  const Bucket = await makeBucket(t)
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`)
  const codes = new Map<unknown, number>()
  const worker = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      const size = Math.floor(Math.random() * 12 * MiB)
      const script = `head -c ${size} /dev/zero; kill -KILL $$`
      const child = spawn(
        process.execPath,
        [BUILT, `s3://${Bucket}/${key}`, '--part-size', '5MiB', '--', 'sh', '-c', script],
        {
          env: s3Env,
          stdio: 'ignore',
        },
      )
      const [code] = await once(child, 'exit')
      codes.set(code, (codes.get(code) ?? 0) + 1)
      if ((await head(Bucket, key)) !== undefined) t.fail(`${key} was published, after ${size} bytes`)
    }
  }
  await Promise.all([worker(), worker(), worker()])
  t.same([...codes], [[137, 200]])
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a signal at any moment leaves either the complete object or nothing', async (t) => {
  const Bucket = await makeBucket(t)
  const data = bytes(12 * MiB)
  for (let i = 0; i < 30; i++) {
    const Key = `k${i}`
    const signal = (Object.keys(CODES) as (keyof typeof CODES)[])[i % 3] as keyof typeof CODES
    const child = spawn(process.execPath, [BUILT, `s3://${Bucket}/${Key}`, '--part-size', '5MiB'], {
      env: s3Env,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child.stdin.on('error', () => {}).end(data)
    const exited = once(child, 'exit')
    await sleep(Math.random() * 900)
    child.kill(signal)
    const [code, killed] = await exited
    const exists = (await head(Bucket, Key)) !== undefined
    // Before the program installs its handlers and after it has finished, the signal ends the process by default.
    t.ok(
      exists ? code === 0 || killed === signal : code === CODES[signal] || killed === signal,
      `${exists} ${code} ${killed}`,
    )
    if (exists) t.same(await stored(Bucket, Key), { sha256: sha256(data), size: data.length })
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('a terminal cannot be the input, and is asked to confirm an abort', async (t) => {
  if (!hasTerminal) {
    t.comment('skipped: `script`, which provides the terminal, is not installed')
    return
  }
  const Bucket = await makeBucket(t)
  const { code, output } = await onTerminal([`s3://${Bucket}/k`])
  t.equal(code, 2)
  t.match(output, /Standard input is a terminal, and no command is given/)

  const killed = startCli([`s3://${Bucket}/left`, '--', 'sh', '-c', 'head -c 9000000 /dev/zero; sleep 3'])
  while ((await unfinishedUploads(Bucket, 'left')).length === 0) await sleep(50)
  killed.child.kill('SIGKILL')
  await once(killed.child, 'exit')
  const other = await s3Client(t).send(new CreateMultipartUploadCommand({ Bucket, Key: 'left/more' }))
  const abort = ['abort', `s3://${Bucket}/left`, '--older-than', '0s']
  const refusal = await onTerminal(abort, { input: 'no\n' })
  t.match(refusal.output, /Remove 2 uploads\? \[y\/N\]/)
  t.match(refusal.output, /Nothing was removed/)
  t.equal(refusal.code, 1)
  await abortUpload({ client: s3Client(t), Bucket, Key: 'left/more', UploadId: other.UploadId as string })
  const removal = await onTerminal(abort, { input: 'yes\n' })
  t.match(removal.output, /Remove 1 upload\? \[y\/N\]/)
  t.match(removal.output, /1 removed/)
  t.equal(removal.code, 0)
})
