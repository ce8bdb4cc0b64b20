import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, closeSync, openSync, readSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findInputFile, planResume } from '../../lib/cli/resume.js'
import { abortUpload } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, P, sha256 } from '../support/bytes.js'
import { CLI, cli, startCli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { makeBucket, s3Client, stored, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const DATA = bytes(4 * P + 1000)
const contentOf = (data = DATA) => ({ sha256: sha256(data), size: data.length })

/** A file with DATA, and a bucket with an unfinished upload of the given parts of it. */
async function interruptedUpload(t: Test, ...numbers: number[]) {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, DATA)
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t)
  const client = s3Client(t)
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, ...numbers))
  return { file, Bucket, proxy, client, UploadId, to: `s3://${Bucket}/k`, at: proxy.url }
}

t.test('a file, a pipe and a command resume an upload, and report how much was already stored', async (t) => {
  for (const kind of ['file', 'pipe', 'command']) {
    const { file, Bucket, proxy, at, to } = await interruptedUpload(t, 1, 2, 4)
    const input = kind === 'file' ? { file } : kind === 'pipe' ? { input: DATA } : {}
    const command = kind === 'command' ? ['--', 'cat', file] : []
    const { code, stderr } = await cli(['--resume', to, ...command], { at, ...input })
    t.equal(code, 0, stderr)
    t.match(stderr, /20\.0 MiB in .*, 5 parts; 15\.0 MiB were already stored\n$/)
    t.same(proxy.parts(), [3, 5], kind)
    t.same(await stored(Bucket, 'k'), contentOf())
  }
})

t.test('--upload-id selects one of several uploads, and --json reports the skipped bytes', async (t) => {
  const { file, Bucket, client, to, UploadId } = await interruptedUpload(t, 1)
  const other = await unfinishedUpload(client, Bucket, {})
  const several = await cli(['--resume', to], { file })
  t.match(several, { code: 1, stderr: /there are 2 unfinished uploads of this key\. Name one/ })
  const { code, stdout } = await cli(['--resume', to, '--upload-id', UploadId, '--json'], { file })
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { UploadId, skipped: P, parts: 5 })
  t.same(await stored(Bucket, 'k'), contentOf())
  await abortUpload({ client, Bucket, Key: 'k', UploadId: other })
})

t.test('a file that changed since the upload began is compared from its start', async (t) => {
  const { file, Bucket, proxy, at, to } = await interruptedUpload(t, 1, 2, 3)
  const changed = Buffer.from(DATA)
  changed[3] = (changed[3] as number) ^ 1
  writeFileSync(file, changed)
  appendFileSync(file, 'and more')
  const { code, stderr } = await cli(['--resume', to], { at, file })
  t.equal(code, 0, stderr)
  t.same(proxy.parts(), [1, 4, 5])
  t.same(await stored(Bucket, 'k'), contentOf(Buffer.concat([changed, Buffer.from('and more')])))
})

t.test('a file that was partly read by a shell is resumed from the current position', async (t) => {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, Buffer.concat([bytes(1 * MiB, 2), DATA]))
  const Bucket = await makeBucket(t)
  await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1, 2))
  const skip = `dd bs=${MiB} count=1 of=/dev/null 2>/dev/null; exec "$@" <&0`
  const { S3_ENDPOINT: AWS_ENDPOINT_URL = '' } = process.env
  const child = spawn('sh', ['-c', `{ ${skip}; } < ${file}`, 'sh', ...CLI, '--resume', `s3://${Bucket}/k`], {
    env: { ...process.env, AWS_ENDPOINT_URL, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  t.same(await once(child, 'exit'), [0, null])
  t.same(await stored(Bucket, 'k'), contentOf())
})

t.test('a file that changed in its middle, but has an old modification time, is published as it is now', async (t) => {
  const { file, Bucket, to } = await interruptedUpload(t, 1, 2, 3)
  const changed = Buffer.from(DATA)
  changed[P + 3] = (changed[P + 3] as number) ^ 1
  writeFileSync(file, changed)
  utimesSync(file, 1, 1)
  // The server's clock is ahead: it reports that the upload began an hour after the file was written.
  const { url, parts } = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'ListMultipartUploads' ? { do: 'rewrite', body: anHourLater } : undefined),
  })
  const { code, stderr } = await cli(['--resume', to], { at: url, file })
  t.equal(code, 0, stderr)
  t.same(parts(), [2, 4, 5])
  t.same(await stored(Bucket, 'k'), contentOf(changed))
})

const anHourLater = (xml: string): string =>
  xml.replace(/<Initiated>.*?</, `<Initiated>${new Date(Date.now() + 3_600_000).toISOString()}<`)

t.test('with --trust-parts, a file is read from the end of the stored parts', async (t) => {
  const { file, Bucket, proxy, at, to, UploadId } = await interruptedUpload(t, 1, 2, 4)
  // The first two parts of the file differ. The upload succeeds with the old bytes only if they are not read.
  const changed = Buffer.concat([bytes(2 * P, 9), DATA.subarray(2 * P)])
  writeFileSync(file, changed)
  const { code, stdout, stderr } = await cli(['--resume', '--trust-parts', to, '--json'], { at, file })
  t.equal(code, 0, stderr)
  t.match(JSON.parse(stdout), { UploadId, skipped: 3 * P, parts: 5 })
  t.same(proxy.parts(), [3, 5])
  t.same(await stored(Bucket, 'k'), contentOf())
})

t.test('--trust-parts starts from the position in the file, and refuses a file that is too short', async (t) => {
  const { Bucket, client, UploadId } = await interruptedUpload(t, 1, 2, 4)
  const at = { Bucket, Key: 'k' }
  const trust = { resume: true, trustParts: true }
  const point = { UploadId, offset: 2 * P, parts: 2, partSize: P }
  for (const more of [{}, { uploadId: UploadId }]) {
    const input = { position: 7, size: 2 * P + 7 }
    t.same(await planResume(client, at, { ...trust, ...more }, input), { resume: point, start: 2 * P + 7 })
  }
  const short = { position: 7, size: 2 * P + 6 }
  t.match(await failureOf(planResume(client, at, trust, short)), {
    exitCode: 1,
    message: /standard input ends after 10485759 bytes, but 10485760 are stored.*without --trust-parts/,
  })
  await abortUpload({ client, ...at, UploadId })
})

t.test('wrong uses of --trust-parts are refused; no part is sent, and the upload remains', async (t) => {
  const { file, Bucket, proxy, at, to, client, UploadId } = await interruptedUpload(t, 1)
  const trust = ['--resume', '--trust-parts', to]
  for (const [args, input, code, message] of [
    [trust, { input: DATA }, 2, /--trust-parts needs a file as standard input/],
    [[...trust, '--', 'cat', file], {}, 2, /--trust-parts needs a file as standard input/],
    [['--trust-parts', to], { file }, 2, /--trust-parts needs --resume/],
    [[...trust, '--upload-id', 'gone'], { file }, 1, /there is no upload gone any more/],
    [[...trust, '--upload-id', ''], { file }, 2, /--upload-id must be a string that is not empty/],
    [[...trust, '--param', 'WebsiteRedirectLocation=/'], { file }, 2, /--param WebsiteRedirectLocation must be left/],
  ] as const) {
    const ran = await cli([...args], { at, ...input })
    t.match(ran, { code, stderr: message }, args.join(' '))
  }
  t.same(proxy.parts(), [])
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('the position in standard input is found for files only, if the system reports it', async (t) => {
  const file = join(t.testdir({ file: 'some text' }), 'file')
  const fd = openSync(file, 'r')
  t.same(findInputFile(fd), { position: 0, size: 9 })
  readSync(fd, Buffer.alloc(4), 0, 4, null)
  t.same(findInputFile(fd), { position: 4, size: 9 })
  t.equal(findInputFile(fd, '/no/such/file'), undefined)
  closeSync(fd)
  const folder = openSync('.', 'r')
  t.equal(findInputFile(folder), undefined)
  closeSync(folder)
})

t.test('--leave-parts keeps the parts when the producer fails, and prints how to resume', async (t) => {
  const { file, Bucket, at, to, client, UploadId: first } = await interruptedUpload(t)
  await abortUpload({ client, Bucket, Key: 'k', UploadId: first })
  const args = ['--leave-parts', '--part-size', '5MiB', '--path-style', '--if-none-match', '*']
  const more = [
    '--content-length',
    String(DATA.length),
    '--param',
    'RequestPayer=requester',
    '--param',
    'Expires=2030-01-01',
  ]
  const failing = `cat '${file}'; [ -e "${file}.again" ] || exit 7`
  const { code, stderr } = await cli([...args, ...more, to, '--', 'sh', '-c', failing], { at })
  t.equal(code, 7)
  const [, again = ''] =
    /The stored parts are kept\. To resume, run this with the same input: s3-writable (.*)\n$/.exec(stderr) ?? []
  const kept = `'--if-none-match=*' --content-length=${DATA.length} --part-size=5242880 --param=RequestPayer=requester`
  const expected = `--leave-parts ${kept} -- sh -c '`
  t.match(again, /^--resume s3:\/\/\S+ --path-style --upload-id=\S+ --leave-parts /, stderr)
  t.ok(again.includes(expected), again)
  t.equal((await unfinishedUploads(Bucket)).length, 1)
  writeFileSync(`${file}.again`, '')
  const words = `'${CLI.join("' '")}'`
  const child = spawn('sh', ['-c', `${words} ${again}`], {
    env: { ...process.env, AWS_ENDPOINT_URL: at, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  t.same(await once(child, 'exit'), [0, null])
  t.same(await stored(Bucket, 'k'), contentOf())
})

t.test('an upload that a signal ends is kept with --leave-parts, and can be resumed', async (t) => {
  const { file, Bucket, proxy, at, to, client, UploadId: first } = await interruptedUpload(t)
  await abortUpload({ client, Bucket, Key: 'k', UploadId: first })
  const { child, ended } = startCli(
    [to, '--leave-parts', '--part-size', '5MiB', '--', 'sh', '-c', `cat ${file}; exec sleep 60`],
    { at },
  )
  await proxy.waitFor({ operation: 'UploadPart', PartNumber: 4, complete: true })
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  t.equal(code, 143)
  t.match(stderr, /Ended by SIGTERM\. Nothing was published\. The stored parts are kept\. To resume/)
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.ok(stderr.includes(UploadId))
  t.equal((await cli(['--resume', to], { file })).code, 0)
  t.same(await stored(Bucket, 'k'), contentOf())
})

t.test('if there is no upload to resume, the message says so and has no command that resumes', async (t) => {
  const Bucket = await makeBucket(t)
  const gone = await cli(['--resume', '--upload-id', 'gone', '--leave-parts', `s3://${Bucket}/k`], { input: DATA })
  t.equal(gone.code, 1)
  t.match(gone.stderr, /there is no upload gone any more: .*There is no object of this key\n$/)
  for (const input of [{ input: DATA }, { file: join(t.testdir({ file: 'short' }), 'file') }]) {
    const { code, stderr } = await cli(['--resume', '--leave-parts', `s3://${Bucket}/k`], input)
    t.equal(code, 1)
    t.match(stderr, /^s3-writable: .*there is no unfinished upload of this key: .*There is no object of this key\n$/)
  }
})

t.test('parameters of Create are refused with --resume, and --upload-id is refused without it', async (t) => {
  for (const [args, message] of [
    [['--resume', '--content-type', 'a/b'], /--content-type cannot be combined with --resume/],
    [['--resume', '--metadata', 'a=b'], /--metadata cannot be combined with --resume/],
    [['--resume', '--sse-kms-key-id', 'x'], /--sse-kms-key-id cannot be combined with --resume/],
    [
      ['--resume', '--param', 'WebsiteRedirectLocation=/'],
      /--param WebsiteRedirectLocation must be left out: --resume is given/,
    ],
    [['--upload-id', 'x'], /--upload-id needs --resume\.\n/],
    [['--resume=auto', '--upload-id', 'x'], /--upload-id needs --resume without =auto\.\n/],
    [['--resume=auto', '--trust-parts'], /--trust-parts needs --resume without =auto\.\n/],
    [['--resume=auto', '--resume'], /--resume and --resume=auto exclude each other/],
    [['--resume=other'], /^s3-writable: Write --resume, or in one word --resume=auto: [^\n]*\n$/],
    [['--resume='], /Write --resume, or in one word --resume=auto/],
    [['--resume', 'auto'], /Write --resume, or in one word --resume=auto/],
  ] as const) {
    const { code, stderr } = await cli([...args, 's3://bucket/k'], { input: 'x', at: 'http://127.0.0.1:1' })
    t.equal(code, 2, stderr)
    t.match(stderr, message)
  }
})
