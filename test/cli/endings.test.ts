import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { abortUpload } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { BUILT, CLI, type Running, startCli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { s3Env } from '../support/run-program.js'
import { holdForever } from '../support/scenario.js'
import { endpoint, head, makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

t.test('a signal ends the upload and its producer, cleans up, and gives the usual code', async (t) => {
  for (const [signal, expected] of Object.entries(CODES)) {
    const Bucket = await makeBucket(t)
    const proxy = await faultProxy(t)
    const producer = ['--', 'sh', '-c', 'echo $$ >&2; exec cat /dev/zero 2>/dev/null']
    const { child, ended } = startCli([`s3://${Bucket}/k`, ...producer], { at: proxy.url })
    await proxy.came({ operation: 'UploadPart' })
    child.kill(signal as NodeJS.Signals)
    const { code, stderr, stdout } = await ended
    t.equal(code, expected)
    t.equal(stdout, '')
    const [pid = '', ...lines] = stderr.split('\n')
    t.same(lines, [`s3-writable: Ended by ${signal}. Nothing was published.`, ''])
    t.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' }, 'the producer is gone')
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

/** Ends the command by SIGTERM, and by SIGHUP once its producer is gone, while one operation gets no answer. */
async function endedTwice(t: Test, operation: string): Promise<Running & { Bucket: string }> {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, { fault: holdForever(operation) })
  const pid = join(t.testdir(), 'pid')
  const producer = ['--', 'sh', '-c', `echo $$ >${pid}; exec cat /dev/zero 2>/dev/null`]
  const { child, ended } = startCli([`s3://${Bucket}/k`, ...producer], { at: proxy.url })
  const parts = operation === 'CreateMultipartUpload' ? operation : 'UploadPart'
  await proxy.came({ operation: parts })
  child.kill('SIGTERM')
  while (isAlive(Number(readFileSync(pid, 'utf8')))) await sleep(20)
  await proxy.came({ operation })
  child.kill('SIGHUP')
  return { ...(await ended), Bucket }
}

t.test('a second signal ends at once, and tells how to remove what may be left', async (t) => {
  const { code, stderr, Bucket } = await endedTwice(t, 'AbortMultipartUpload')
  t.equal(code, CODES.SIGHUP)
  const told = new RegExp(`Parts may be left. To remove them: s3-writable abort s3://${Bucket}/k --upload-id=(\\S+)\n$`)
  t.match(stderr, told)
  const [, UploadId = ''] = told.exec(stderr) ?? []
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
})

t.test('a second signal before the upload has a name tells how to look', async (t) => {
  const { code, stderr, Bucket } = await endedTwice(t, 'CreateMultipartUpload')
  t.equal(code, CODES.SIGHUP)
  t.match(stderr, new RegExp(`An upload may be left. To look: s3-writable ls s3://${Bucket}/k\n$`))
})

t.test('a producer that does not hear SIGTERM is killed', async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t)
  const deaf = [
    '--',
    'sh',
    '-c',
    'trap "" TERM PIPE; echo $$ >&2; while :; do head -c 1000000 /dev/zero; done 2>/dev/null',
  ]
  const { child, ended } = startCli([`s3://${Bucket}/k`, ...deaf], { at: proxy.url })
  await proxy.came({ operation: 'UploadPart' })
  child.kill('SIGINT')
  const { code, stderr } = await ended
  t.equal(code, 130)
  t.throws(() => process.kill(Number(stderr.split('\n')[0]), 0), { code: 'ESRCH' })
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a producer that is killed at any byte publishes nothing and leaves nothing, 200 times', async (t) => {
  const Bucket = await makeBucket(t)
  const next = Array.from({ length: 200 }, (_, i) => `k${i}`)
  const codes = new Map<unknown, number>()
  const worker = async (): Promise<void> => {
    for (let key = next.pop(); key !== undefined; key = next.pop()) {
      const size = Math.floor(Math.random() * 12 * MiB)
      const dies = `head -c ${size} /dev/zero; kill -KILL $$`
      const child = spawn(
        process.execPath,
        [BUILT, `s3://${Bucket}/${key}`, '--part-size', '5MiB', '--', 'sh', '-c', dies],
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

t.test('signals at any moment: the object is there whole, or nothing is', async (t) => {
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
    const there = (await head(Bucket, Key)) !== undefined
    // Before the program has begun, and when it is done, the signal is the system's.
    t.ok(
      there ? code === 0 || killed === signal : code === CODES[signal] || killed === signal,
      `${there} ${code} ${killed}`,
    )
    if (there) t.same(await stored(Bucket, Key), { sha256: sha256(data), size: data.length })
  }
  t.same(await unfinishedUploads(Bucket), [])
})

t.test('on a terminal a line shows how far it is; nothing but an answer to a command may be typed there', async (t) => {
  if (spawnSync('script', ['--version']).status !== 0) {
    t.comment('left out: there is no `script` to make a terminal with')
    return
  }
  const Bucket = await makeBucket(t)
  const onTerminal = async (
    command: string,
    input: 'ignore' | 'pipe' = 'ignore',
    answer = 'yes',
  ): Promise<[string, number]> => {
    const child = spawn('script', ['-qec', `'${CLI.join("' '")}' ${command}`, '/dev/null'], {
      env: { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: endpoint.href, TERM: 'xterm' },
      stdio: [input, 'pipe', 'inherit'],
    })
    child.stdin?.write(`${answer}\n`)
    const [out, [code]] = await Promise.all([text(child.stdout as Readable), once(child, 'exit')])
    child.stdin?.end()
    return [out, code]
  }
  const slow = `-- sh -c 'for i in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/zero; sleep 0.2; done'`
  const [shown, code] = await onTerminal(`s3://${Bucket}/k --expected-size 16000000 ${slow}`)
  t.equal(code, 0)
  t.match(shown, /8\.\d MiB of 15\.3 MiB · [\d.]+ MiB\/s · 1 part stored · \S+ left/)
  t.match(shown, new RegExp(`s3://${Bucket}/k: 15.3 MiB in .*, 2 parts\r\n$`))
  const [quiet] = await onTerminal(`s3://${Bucket}/k --no-progress -- echo x`)
  t.notMatch(quiet, /stored/)
  const [message, wrong] = await onTerminal(`s3://${Bucket}/k`)
  t.equal(wrong, 2)
  t.match(message, /Nothing is piped in, and no command is given/)

  const left = startCli([`s3://${Bucket}/left`, '--', 'sh', '-c', 'head -c 9000000 /dev/zero; sleep 3'])
  while ((await unfinishedUploads(Bucket, 'left')).length === 0) await sleep(50)
  left.child.kill('SIGKILL')
  await once(left.child, 'exit')
  const other = await s3Client(t).send(new CreateMultipartUploadCommand({ Bucket, Key: 'left/more' }))
  const [refused, kept] = await onTerminal(`abort s3://${Bucket}/left --older-than 0s`, 'pipe', 'no')
  t.match(refused, /Remove 2 uploads\? \[y\/N\]/)
  t.match(refused, /Nothing was removed/)
  t.equal(kept, 1)
  await abortUpload({ client: s3Client(t), Bucket, Key: 'left/more', UploadId: other.UploadId as string })
  const [asked, removed] = await onTerminal(`abort s3://${Bucket}/left --older-than 0s`, 'pipe')
  t.match(asked, /Remove 1 upload\? \[y\/N\]/)
  t.match(asked, /1 removed/)
  t.equal(removed, 0)
})
