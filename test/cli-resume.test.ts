import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, closeSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { inputFile, type Resumed, resumed } from '../lib/cli/resume.js'
import { abortUpload } from '../lib/index.js'
import { begun, nths } from './support/begun.js'
import { bytes, MiB, P, sha256 } from './support/bytes.js'
import { CLI, cli, startCli } from './support/cli.js'
import { denied, faultProxy } from './support/fault-proxy.js'
import { makeBucket, s3Client, stored, unfinishedUploads } from './support/store.js'

const DATA = bytes(4 * P + 1000)
const whole = (data = DATA) => ({ sha256: sha256(data), size: data.length })

/** A file of the data, then a bucket with an upload of some parts of it. */
async function stopped(t: Test, ...numbers: number[]) {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, DATA)
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t)
  const client = s3Client(t)
  const UploadId = await begun(client, Bucket, nths(DATA, ...numbers))
  return { file, Bucket, proxy, client, UploadId, to: `s3://${Bucket}/k`, at: proxy.url }
}

t.test('a file, a pipe and a command go on with what is stored, and say how much that was', async (t) => {
  for (const how of ['file', 'pipe', 'command']) {
    const { file, Bucket, proxy, at, to } = await stopped(t, 1, 2, 4)
    const input = how === 'file' ? { file } : how === 'pipe' ? { input: DATA } : {}
    const command = how === 'command' ? ['--', 'cat', file] : []
    const { code, stderr } = await cli(['--resume', to, ...command], { at, ...input })
    t.equal(code, 0, stderr)
    t.match(stderr, /20\.0 MiB in .*, 5 parts; 15\.0 MiB of it were there already\n$/)
    t.same(proxy.parts(), [3, 5], how)
    t.same(await stored(Bucket, 'k'), whole())
  }
})

t.test('one upload of several is named, and --json tells what was skipped', async (t) => {
  const { file, Bucket, client, to, UploadId } = await stopped(t, 1)
  const other = await begun(client, Bucket, {})
  const several = await cli(['--resume', to], { file })
  t.match(several, { code: 1, stderr: /there are 2 unfinished uploads of this key\. Name one/ })
  const { code, stdout } = await cli(['--resume', to, '--upload-id', UploadId, '--json'], { file })
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { UploadId, skipped: P, parts: 5 })
  t.same(await stored(Bucket, 'k'), whole())
  await abortUpload({ client, Bucket, Key: 'k', UploadId: other })
})

t.test('a file that changed since the upload began is compared from its start', async (t) => {
  const { file, Bucket, proxy, at, to } = await stopped(t, 1, 2, 3)
  const changed = Buffer.from(DATA)
  changed[3] = (changed[3] as number) ^ 1
  writeFileSync(file, changed)
  appendFileSync(file, 'and more')
  const { code, stderr } = await cli(['--resume', to], { at, file })
  t.equal(code, 0, stderr)
  t.same(proxy.parts(), [1, 4, 5])
  t.same(await stored(Bucket, 'k'), whole(Buffer.concat([changed, Buffer.from('and more')])))
})

t.test('a file that somebody has read from goes on where that ended', async (t) => {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, Buffer.concat([bytes(1 * MiB, 2), DATA]))
  const Bucket = await makeBucket(t)
  await begun(s3Client(t), Bucket, nths(DATA, 1, 2))
  const skip = `dd bs=${MiB} count=1 of=/dev/null 2>/dev/null; exec "$@" <&0`
  const { S3_ENDPOINT: AWS_ENDPOINT_URL = '' } = process.env
  const child = spawn('sh', ['-c', `{ ${skip}; } < ${file}`, 'sh', ...CLI, '--resume', `s3://${Bucket}/k`], {
    env: { ...process.env, AWS_ENDPOINT_URL, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  t.same(await once(child, 'exit'), [0, null])
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('a file that is older than its upload, and holds its first and last part, is read from there on', async (t) => {
  const { file, Bucket, client, UploadId, to } = await stopped(t, 1, 2, 4)
  const at = { Bucket, Key: 'k' }
  const fd = openSync(file, 'r')
  const old = { fd, position: 0, size: DATA.length, changed: 0 }
  const how = async (input: Partial<typeof old>, more = {}, by = client): Promise<Resumed> =>
    await resumed(by, at, { resume: true, ...more }, { ...old, ...input })
  const point = { UploadId, offset: 2 * P, parts: 2, partSize: P }
  for (const more of [{}, { uploadId: UploadId }]) t.same(await how({}, more), { resume: point, start: 2 * P })
  t.same(await how({ changed: Date.now() - 30_000 }), { resume: { UploadId } }, 'clocks differ')
  t.same(await how({ size: 2 * P - 1 }), { resume: { UploadId } }, 'it is shorter')
  t.same(await how({ position: 7 }), { resume: { UploadId } }, 'the bytes are not those of the first part')
  t.same(await how({}, { uploadId: 'gone' }), { resume: { UploadId: 'gone' } }, 'the stream says why')
  t.same(await resumed(client, at, {}, old), {})
  for (const fault of [denied, { do: 'answer', status: 200, body: '<ListMultipartUploadsResult/>' }] as const) {
    const { url } = await faultProxy(t, {
      fault: ({ operation }) => (operation === 'ListMultipartUploads' ? fault : undefined),
    })
    const named = await how({}, { uploadId: UploadId }, s3Client(t, { endpoint: url }))
    t.same(named, { resume: { UploadId } }, 'nobody says when the upload began')
  }
  closeSync(fd)
  // The command does so too: by a listing in which the upload began long after.
  const { url, of } = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'ListMultipartUploads' ? { do: 'rewrite', body: later } : undefined),
  })
  const { code, stderr } = await cli(['--resume', to], { at: url, file })
  t.equal(code, 0, stderr)
  t.equal(of('ListParts').length, 3, 'for the point, for the first and last part, and for the stream')
  t.same(await stored(Bucket, 'k'), whole())
})

const later = (xml: string): string =>
  xml.replace(/<Initiated>.*?</, `<Initiated>${new Date(Date.now() + 3_600_000).toISOString()}<`)

t.test('the last of the stored parts tells of a file that has changed too, by its CRC-32 or its MD5', async (t) => {
  for (const create of [{ ChecksumAlgorithm: 'CRC32' }, { ChecksumAlgorithm: 'SHA256' }] as const) {
    const folder = t.testdir({ same: DATA, other: Buffer.concat([DATA.subarray(0, 2 * P - 1), DATA.subarray(2 * P)]) })
    const Bucket = await makeBucket(t)
    const client = s3Client(t)
    const UploadId = await begun(client, Bucket, nths(DATA, 1, 2), create)
    for (const name of ['same', 'other']) {
      const fd = openSync(join(folder, name), 'r')
      const input = { fd, position: 0, size: DATA.length, changed: 0 }
      const { start } = await resumed(client, { Bucket, Key: 'k' }, { resume: true }, input)
      t.equal(start, name === 'same' ? 2 * P : undefined, `${name}, ${create.ChecksumAlgorithm}`)
      closeSync(fd)
    }
    await abortUpload({ client, Bucket, Key: 'k', UploadId })
  }
})

t.test('where in a file the input is, the system tells, or nothing does', async (t) => {
  const file = join(t.testdir({ file: 'some text' }), 'file')
  const fd = openSync(file, 'r')
  const { size, ctimeMs: changed } = statSync(file)
  t.same(inputFile(fd), { fd, position: 0, size, changed })
  readSync(fd, Buffer.alloc(4), 0, 4, null)
  t.same(inputFile(fd), { fd, position: 4, size, changed })
  t.equal(inputFile(fd, '/no/such/file'), undefined)
  closeSync(fd)
  const folder = openSync('.', 'r')
  t.equal(inputFile(folder), undefined)
  closeSync(folder)
})

t.test('--leave-parts keeps what is stored when the producer fails, and prints what goes on', async (t) => {
  const { file, Bucket, at, to, client, UploadId: first } = await stopped(t)
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
    /What is stored is kept\. To go on, with the same input: s3-writable (.*)\n$/.exec(stderr) ?? []
  const expected = `--leave-parts --if-none-match '*' --content-length ${DATA.length} --param RequestPayer=requester -- sh -c '`
  t.match(again, /^--resume s3:\/\/\S+ --path-style --upload-id \S+ --leave-parts /, stderr)
  t.ok(again.includes(expected), again)
  t.equal((await unfinishedUploads(Bucket)).length, 1)
  writeFileSync(`${file}.again`, '')
  const words = `'${CLI.join("' '")}'`
  const child = spawn('sh', ['-c', `${words} ${again}`], {
    env: { ...process.env, AWS_ENDPOINT_URL: at, NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  t.same(await once(child, 'exit'), [0, null])
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('what a signal ends with --leave-parts is kept, and goes on', async (t) => {
  const { file, Bucket, proxy, at, to, client, UploadId: first } = await stopped(t)
  await abortUpload({ client, Bucket, Key: 'k', UploadId: first })
  const { child, ended } = startCli(
    [to, '--leave-parts', '--part-size', '5MiB', '--', 'sh', '-c', `cat ${file}; exec sleep 60`],
    { at },
  )
  await proxy.came({ operation: 'UploadPart', PartNumber: 4, whole: true })
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  t.equal(code, 143)
  t.match(stderr, /Ended by SIGTERM\. Nothing was published\. What is stored is kept\. To go on/)
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.ok(stderr.includes(UploadId))
  t.equal((await cli(['--resume', to], { file })).code, 0)
  t.same(await stored(Bucket, 'k'), whole())
})

t.test('without an upload to resume, that is said, and nothing to go on with', async (t) => {
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

t.test('what the upload was begun with cannot be given again, and --upload-id needs --resume', async (t) => {
  for (const [args, message] of [
    [['--resume', '--content-type', 'a/b'], /--content-type does not go with --resume/],
    [['--resume', '--metadata', 'a=b'], /--metadata does not go with --resume/],
    [['--resume', '--sse-kms-key-id', 'x'], /--sse-kms-key-id does not go with --resume/],
    [['--resume', '--param', 'WebsiteRedirectLocation=/'], /"WebsiteRedirectLocation" option must be left out/],
    [['--upload-id', 'x'], /--upload-id goes with --resume/],
  ] as const) {
    const { code, stderr } = await cli([...args, 's3://bucket/k'], { input: 'x', at: 'http://127.0.0.1:1' })
    t.equal(code, 2, stderr)
    t.match(stderr, message)
  }
})
