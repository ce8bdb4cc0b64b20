import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { errorJson } from '../../lib/cli/error-json.js'
import { Failure, toFailure } from '../../lib/cli/failure.js'
import { abortUpload } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { CLI, cli, startCli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { holdForever } from '../support/scenario.js'
import { s3Error, smallStore } from '../support/small-store.js'
import { makeBucket, s3Client, unfinishedUploads } from '../support/store.js'

const NINE_MB = 'head -c 9000000 /dev/zero'

/** The only line on standard output, as JSON. */
function errorOf(stdout: string): Record<string, unknown> {
  const [line = '', ...rest] = stdout.split('\n')
  t.same(rest, [''], 'one line on standard output')
  return JSON.parse(line).error
}

t.test('a failed request is one JSON object on standard output, and the line for people is unchanged', async (t) => {
  const Bucket = await makeBucket(t)
  const { url: at } = await faultProxy(t, {
    fault: ({ operation, PartNumber }) => (operation === 'UploadPart' && PartNumber === 1 ? denied : undefined),
  })
  const args = [`s3://${Bucket}/k`, '--', 'sh', '-c', NINE_MB]
  const { code, stdout, stderr } = await cli(['--json', ...args], { at })
  t.equal(code, 1)
  const { message, advice, ...error } = errorOf(stdout)
  t.same(error, {
    code: 'ERR_S3_REQUEST',
    name: 'AccessDenied',
    operation: 'UploadPart',
    Bucket,
    Key: 'k',
    UploadId: error.UploadId,
    PartNumber: 1,
    httpStatusCode: 403,
    exitCode: 1,
  })
  t.match(error.UploadId, /./)
  t.match(message, /^s3:\/\/.*\/k: UploadPart 1 failed\. AccessDenied: Denied \(HTTP 403\)$/)
  t.match(advice, /^The credentials do not permit this request/)
  t.equal(stderr, `s3-writable: ${message}. ${advice}\n`)
  const { stdout: plain, stderr: same } = await cli(args, { at })
  t.equal(plain, '')
  t.match(same, /^s3-writable: .*UploadPart 1 failed\. AccessDenied: Denied \(HTTP 403\)\. The credentials do not/)
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a producer that fails has a code of its own, and its arguments are not in the JSON', async (t) => {
  const Bucket = await makeBucket(t)
  const to = `s3://${Bucket}/k`
  const known = { Bucket, Key: 'k' }
  const why = 'Nothing was published.'
  for (const [command, exitCode, message] of [
    [['sh', '-c', 'printf x; exit 2'], 2, `sh exited with 2. ${why}`],
    [['sh', '-c', 'kill -KILL $$'], 137, `sh was ended by SIGKILL. ${why}`],
    [['no-such-command-here'], 127, `no-such-command-here: command not found. ${why}`],
  ] as const) {
    const { code, stdout } = await cli(['--json', to, '--', ...command])
    t.equal(code, exitCode)
    t.same(errorOf(stdout), { code: 'ERR_PRODUCER', message, ...known, exitCode })
  }
  const none = await cli(['--json', '--resume', to, '--', ''], { at: 'http://127.0.0.1:1' })
  t.match([none.code, errorOf(none.stdout)], [126, { code: 'ERR_PRODUCER', exitCode: 126, ...known }])
  t.match(none.stderr, /^s3-writable: [^\n]*\n$/, 'it does not look for the upload to resume')
  const short = await cli(['--json', to, '--content-length=9', '--', 'sh', '-c', 'printf x; exit 5'])
  t.match(errorOf(short.stdout), { code: 'ERR_PRODUCER', message: `sh exited with 5. ${why}`, exitCode: 5 })

  const kept = await cli(['--json', '--leave-parts', to, '--', 'sh', '-c', `: secret; ${NINE_MB}; exit 4`])
  const { UploadId, advice } = errorOf(kept.stdout) as Record<string, string>
  t.match(kept.stderr, /with the same input: s3-writable --resume .* -- sh -c ': secret/)
  t.notMatch(kept.stdout, 'secret')
  const again = `s3-writable --resume ${to} --upload-id=${UploadId} --leave-parts --json`
  t.equal(advice, `The stored parts are kept. To resume, run this with the same input: ${again}`)
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId: UploadId as string })
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a clean-up that fails is an object inside of the error', async (t) => {
  const Bucket = await makeBucket(t)
  const { url: at } = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const { stdout } = await cli(['--json', `s3://${Bucket}/k`, '--', 'sh', '-c', `${NINE_MB}; exit 4`], { at })
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.match(errorOf(stdout), {
    code: 'ERR_PRODUCER',
    UploadId,
    exitCode: 4,
    advice: new RegExp(`^Parts may be left\\. To remove them: s3-writable abort .*--upload-id=${UploadId}$`),
    cleanupError: { code: 'ERR_S3_REQUEST', name: 'AccessDenied', Bucket, Key: 'k', UploadId, httpStatusCode: 403 },
  })
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
})

t.test('an outcome that is not known is said by objectMayExist', async (t) => {
  const { endpoint: at } = await smallStore(t, {
    CompleteMultipartUpload: ({ response }) => response.destroy(),
    HeadObject: ({ response }) => s3Error(response, 403, 'AccessDenied'),
    ListParts: ({ response }) => s3Error(response, 403, 'AccessDenied'),
    AbortMultipartUpload: ({ response }) => s3Error(response, 403, 'AccessDenied'),
  })
  const { stdout } = await cli(['--json', 's3://b/k', '--', 'sh', '-c', NINE_MB], { at })
  t.match(errorOf(stdout), { objectMayExist: true, operation: 'CompleteMultipartUpload', UploadId: 'u1' })
})

t.test('a signal is an error with a code of its own, also a second one that ends the clean-up', async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, { fault: holdForever('AbortMultipartUpload') })
  const args = ['--json', `s3://${Bucket}/k`, '--', 'sh', '-c', 'exec cat /dev/zero 2>/dev/null']
  const { child, ended } = startCli(args, { at: proxy.url })
  await proxy.waitFor({ operation: 'UploadPart' })
  child.kill('SIGTERM')
  await proxy.waitFor({ operation: 'AbortMultipartUpload' })
  child.kill('SIGHUP')
  const { code, stdout } = await ended
  t.equal(code, 129)
  const error = errorOf(stdout)
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.match(error, { code: 'ERR_SIGNAL', message: 'Ended by SIGHUP', Bucket, Key: 'k', exitCode: 129 })
  t.match(error.advice, `Parts may be left. To remove them: s3-writable abort s3://${Bucket}/k --upload-id=${UploadId}`)
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })

  const another = await faultProxy(t)
  const only = startCli(args, { at: another.url })
  await another.waitFor({ operation: 'UploadPart' })
  only.child.kill('SIGINT')
  t.same(errorOf((await only.ended).stdout), {
    code: 'ERR_SIGNAL',
    message: 'Ended by SIGINT. Nothing was published.',
    Bucket,
    Key: 'k',
    exitCode: 130,
  })
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('wrong usage is an error too, without the values that may be secret', async (t) => {
  const to = 's3://bucket/key'
  for (const [args, code, message] of [
    [['--json', to, '--nope=secret'], 'ERR_USAGE', "unknown option '--nope'"],
    [['--json', to, '--quite'], 'ERR_USAGE', "unknown option '--quite' (Did you mean --quiet?)"],
    [['--json'], 'ERR_USAGE', /^The address is missing/],
    [['--json', '--resume=x', to], 'ERR_USAGE', /^Write --resume/],
    [['--json', to, '--'], 'ERR_USAGE', 'The command after -- is missing.'],
    [['--json', to, '--concurrency', '0'], 'ERR_OUT_OF_RANGE', /concurrency/],
    [['ls', '--json', 'bucket'], 'ERR_USAGE', /Expected s3:/],
  ] as const) {
    const { code: exitCode, stdout, stderr } = await cli([...args], { input: 'x' })
    t.equal(exitCode, 2, args.join(' '))
    t.match(errorOf(stdout), { code, message, exitCode: 2 })
    t.match(stderr, /^s3-writable: [^\n]*\n$/)
    t.notMatch(stdout + stderr, 'secret')
  }
  const others = await cli([to, '--nope', '--', 'echo', '--json'])
  t.same([others.code, others.stdout], [2, ''], '--json after -- belongs to the producer')
  t.match(await cli(['--json', '--version']), { code: 0, stdout: /^[\d.]+\n$/ })
})

t.test('ls --json prints the uploads that were listed, and then the error', async (t) => {
  const { endpoint: at } = await smallStore(t, {
    ListMultipartUploads: ({ response }) => s3Error(response, 404, 'NoSuchBucket'),
  })
  const { code, stdout, stderr } = await cli(['ls', 's3://b/pre', '--json'], { at })
  t.equal(code, 1)
  t.match(errorOf(stdout), {
    code: 'ERR_S3_REQUEST',
    name: 'NoSuchBucket',
    operation: 'ListMultipartUploads',
    Bucket: 'b',
    Key: 'pre',
    httpStatusCode: 404,
    exitCode: 1,
    advice: /^The bucket does not exist/,
  })
  t.match(stderr, /NoSuchBucket.*The bucket does not exist/)
})

t.test('if the error cannot be printed, the exit code and the line for people are those of the failure', async (t) => {
  const start = (stdout: 'pipe' | number): ChildProcess => {
    const [node = '', ...main] = CLI
    const args = ['--json', 's3://b/k', '--', 'sh', '-c', 'exit 3']
    const env = { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }
    return spawn(node, [...main, ...args], { env, stdio: ['ignore', stdout, 'pipe'] })
  }
  for (const stdout of ['pipe', openSync('/dev/full', 'w')] as const) {
    const child = start(stdout)
    child.stdout?.destroy()
    const [stderr, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'exit')])
    t.equal(code, 3)
    t.equal(stderr, 's3-writable: sh exited with 3. Nothing was published.\n')
  }
})

t.test('any failure becomes JSON: one without a cause, one with a string, one whose line is another', (t) => {
  t.strictSame(JSON.parse(JSON.stringify(errorJson(new Failure(1, 'so')))), { error: { message: 'so', exitCode: 1 } })
  t.match(errorJson(toFailure('text')), { error: { message: 'text', exitCode: 1 } })
  const region = toFailure(new Error('Region is missing'))
  t.match(errorJson(region), { error: { message: /^The region is missing: pass --region/, advice: undefined } })
  t.end()
})
