import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, closeSync, openSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { readInput } from '../../lib/cli/input.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, sha256 } from '../support/bytes.js'
import { CLI, cli, startCli } from '../support/cli.js'
import { s3Env } from '../support/run-program.js'
import { makeBucket, stored } from '../support/store.js'

const content = (data: Buffer): { sha256: string; size: number } => ({ sha256: sha256(data), size: data.length })

/** A destination that looks at a chunk only later, before it calls back. */
function lateDestination(highWaterMark: number): { destination: Writable; received: Buffer[] } {
  const received: Buffer[] = []
  const destination = new Writable({
    highWaterMark,
    async write(chunk, _, callback) {
      for (let i = Math.floor(Math.random() * 4); i > 0; i--) await nextTurn()
      received.push(Buffer.from(chunk))
      callback()
    },
  })
  return { destination, received }
}

/** Runs a script of the shell, in which `"$@"` is the command. Its standard input is `stdin`. */
async function inShell(script: string, args: string[], stdin: 'ignore' | number = 'ignore'): Promise<unknown> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', script, 'bash', ...CLI, ...args], {
    env: { ...process.env, ...s3Env, NODE_NO_WARNINGS: '1' },
    stdio: [stdin, 'inherit', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  return code
}

t.test('a file of any size around that of the buffer is uploaded as it is', async (t) => {
  const Bucket = await makeBucket(t)
  const file = join(t.testdir(), 'file')
  for (const size of [0, 1, 64 * KiB, MiB - 1, MiB, MiB + 1, 8 * MiB, 8 * MiB + 1, 17 * MiB + 5]) {
    const data = bytes(size)
    writeFileSync(file, data)
    const { code, stderr } = await cli([`s3://${Bucket}/k`], { file })
    t.equal(code, 0, stderr)
    t.same(await stored(Bucket, 'k'), content(data), `${size}`)
  }
})

t.test('a destination that takes its time gets every byte of a file and of a pipe once', async (t) => {
  const data = bytes(5 * MiB + 3)
  const folder = t.testdir()
  const file = join(folder, 'file')
  const fifo = join(folder, 'fifo')
  writeFileSync(file, data)
  execFileSync('mkfifo', [fifo])
  // With a larger mark than the buffer, writes wait in the queue of the destination.
  for (const highWaterMark of [0, 1, 16 * KiB, 64 * KiB, 3 * MiB]) {
    for (const source of [`cat ${file}`, `dd if=${file} bs=5000 status=none`, '']) {
      const { destination, received } = lateDestination(highWaterMark)
      const producer =
        source === '' ? undefined : spawn('bash', ['-c', `{ ${source}; } > ${fifo}`], { stdio: 'ignore' })
      const fd = openSync(producer === undefined ? file : fifo, 'r')
      await pipeline(readInput(fd, destination), destination)
      t.equal(sha256(Buffer.concat(received)), sha256(data), `${highWaterMark}, ${source}`)
      if (producer === undefined) closeSync(fd)
    }
  }
})

t.test('an input is read from its current position, or from a given one', async (t) => {
  const Bucket = await makeBucket(t)
  const data = bytes(3 * MiB)
  const file = join(t.testdir(), 'file')
  writeFileSync(file, data)
  t.equal(await inShell(`{ dd bs=5 count=1 of=/dev/null 2>/dev/null; "$@"; } < ${file}`, [`s3://${Bucket}/k`]), 0)
  t.same(await stored(Bucket, 'k'), content(data.subarray(5)))
  const fd = openSync(file, 'r')
  const { destination, received } = lateDestination(16 * KiB)
  await pipeline(readInput(fd, destination, MiB + 1), destination)
  closeSync(fd)
  t.equal(sha256(Buffer.concat(received)), sha256(data.subarray(MiB + 1)))
})

t.test('a sparse file, a device, an empty device and a closed standard input are uploaded', async (t) => {
  const Bucket = await makeBucket(t)
  const sparse = join(t.testdir(), 'sparse')
  writeFileSync(sparse, '')
  truncateSync(sparse, 9 * MiB)
  for (const [script, size] of [
    [`"$@" < ${sparse}`, 9 * MiB],
    ['head -c 9M /dev/zero | "$@"', 9 * MiB],
    ['"$@" < /dev/null', 0],
    ['"$@" <&-', 0],
    ['"$@" < <(:)', 0],
  ] as const) {
    t.equal(await inShell(script, [`s3://${Bucket}/k`, '--quiet']), 0, script)
    t.same(await stored(Bucket, 'k'), content(Buffer.alloc(size)), script)
  }
  const zero = await cli([`s3://${Bucket}/zero`, '--max-size', '9MiB'], { file: '/dev/zero' })
  t.match(zero, { code: 1, stderr: /--max-size is 9437184/ })
  await nothingIsLeft(t, Bucket, 'zero')
})

t.test('a file that grows while it is read is uploaded with what was added', async (t) => {
  const { destination, received } = lateDestination(16 * KiB)
  const file = join(t.testdir(), 'file')
  writeFileSync(file, bytes(2 * MiB))
  const fd = openSync(file, 'r')
  const output = readInput(fd, destination)
  output.once('data', () => appendFileSync(file, 'more'))
  await pipeline(output, destination)
  closeSync(fd)
  t.equal(sha256(Buffer.concat(received)), sha256(Buffer.concat([bytes(2 * MiB), Buffer.from('more')])))
})

t.test('a directory as standard input is refused, and nothing is published', async (t) => {
  const Bucket = await makeBucket(t)
  const { code, stderr } = await cli([`s3://${Bucket}/k`], { file: t.testdir() })
  t.equal(code, 2)
  t.match(stderr, /^s3-writable: Standard input is a directory: use a file, or pack the directory: .*\n$/)
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('an input that cannot be read fails the upload, and nothing is published', async (t) => {
  const Bucket = await makeBucket(t)
  const fd = openSync(join(t.testdir(), 'written'), 'w')
  t.equal(await inShell('"$@" 2>/dev/null', [`s3://${Bucket}/k`], fd), 1)
  closeSync(fd)
  await nothingIsLeft(t, Bucket, 'k')
  const { destination } = lateDestination(1)
  const unreadable = openSync(t.testdir(), 'r')
  await t.rejects(pipeline(readInput(unreadable, destination), destination), { code: 'EISDIR' })
  closeSync(unreadable)
})

t.test('a pipe is read no faster than the destination takes it', async (t) => {
  const fifo = join(t.testdir(), 'fifo')
  execFileSync('mkfifo', [fifo])
  const producer = spawn('dd', ['if=/dev/zero', `of=${fifo}`, 'bs=1M', 'count=8'], { stdio: 'ignore' })
  const callbacks: (() => void)[] = []
  const destination = new Writable({ write: (_, __, callback) => void callbacks.push(callback) })
  const output = readInput(openSync(fifo, 'r'), destination)
  let count = 0
  output.on('data', (chunk) => {
    count += chunk.length
  })
  const done = pipeline(output, destination)
  await once(output, 'data')
  for (let i = 0; i < 50; i++) await nextTurn()
  t.equal(callbacks.length, 1, 'the second write waits for the first one')
  t.ok(count <= MiB)
  destination.destroy(new Error('enough'))
  await t.rejects(done, { message: 'enough' })
  const [code, signal] = await once(producer, 'exit')
  t.ok(code !== 0 || signal !== null, 'the pipe is closed')
})

t.test('an upload that fails while standard input is idle ends', async (t) => {
  const Bucket = await makeBucket(t)
  const { child, ended } = startCli([`s3://${Bucket}/k`, '--max-size', '3'], { input: new Uint8Array() })
  child.stdin?.destroy()
  t.match(await ended, { code: 0 })
  const idle = spawn(
    'bash',
    ['-c', '{ echo more; sleep 1000; } | "$@"', 'bash', ...CLI, `s3://${Bucket}/k2`, '--max-size', '3'],
    {
      env: { ...process.env, ...s3Env, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    },
  )
  const [line] = await once(idle.stderr, 'data')
  t.match(String(line), /--max-size is 3/)
  process.kill(-(idle.pid as number))
  await nothingIsLeft(t, Bucket, 'k2')
})

t.test('a producer may open its standard output by name, as /dev/stdout', async (t) => {
  const Bucket = await makeBucket(t)
  // Without a temporary folder, the standard output is a socket.
  for (const env of [{}, { TMPDIR: '/dev/null' }] as NodeJS.ProcessEnv[]) {
    const script = env.TMPDIR === undefined ? 'echo one > /dev/stdout' : 'echo one'
    const { code, stderr } = await cli([`s3://${Bucket}/k`, '--', 'sh', '-c', script], { env })
    t.equal(code, 0, stderr)
    t.same(await stored(Bucket, 'k'), content(Buffer.from('one\n')))
  }
})
