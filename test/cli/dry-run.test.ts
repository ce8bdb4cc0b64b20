import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { abortUpload } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { CLI, cli, startCli } from '../support/cli.js'
import { deferred } from '../support/deferred.js'
import { type FaultProxy, faultProxy, type ProxyOptions } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { holdForever } from '../support/scenario.js'
import { endpoint, makeBucket, s3Client, unfinishedUploads } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const DATA = bytes(4 * P + 1000)

/** A bucket, a proxy in front of it, and the address of an object in it. */
async function place(
  t: Test,
  fault?: ProxyOptions['fault'],
): Promise<{ Bucket: string; proxy: FaultProxy; at: string; to: string }> {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, fault === undefined ? {} : { fault })
  return { Bucket, proxy, at: proxy.url, to: `s3://${Bucket}/k` }
}
const operations = ({ seen }: FaultProxy): string[] => seen.map(({ operation }) => operation)

t.test(
  '--dry-run begins an upload with the parameters of the real one and removes it, and sends no part',
  async (t) => {
    const { Bucket, proxy, at, to } = await place(t)
    const create = [
      '--content-type=text/csv',
      '--metadata=host=db1',
      '--storage-class=STANDARD',
      '--checksum-algorithm=CRC32C',
    ]
    const sizes = ['--content-length=3', '--max-size=4', '--max-parts=1', '--equal-parts', '--part-size=64MiB']
    const conditions = ['--if-none-match=*', '--param=RequestPayer=requester']
    const args = [to, ...create, ...sizes, ...conditions]
    const { code, stdout, stderr } = await cli(['--dry-run', ...args], { at, input: 'abc' })
    t.same([code, stdout], [0, ''], stderr)
    const checked = 'an upload can be begun and removed; nothing was sent.'
    t.equal(stderr, `${to}: ${checked} Without --dry-run, standard input would be uploaded.\n`)
    t.match(operations(proxy), ['CreateMultipartUpload', 'AbortMultipartUpload', 'ListParts'])
    t.same(proxy.parts(), [])
    t.match(proxy.seen[0]?.headers, {
      'content-type': 'text/csv',
      'x-amz-meta-host': 'db1',
      'x-amz-checksum-algorithm': 'CRC32C',
      'x-amz-request-payer': 'requester',
    })
    t.equal(proxy.of('AbortMultipartUpload')[0]?.headers['x-amz-request-payer'], 'requester')
    const json = await cli(['--dry-run', '--json', ...args], { at })
    t.same([json.code, JSON.parse(json.stdout), json.stderr], [0, { dryRun: true, Bucket, Key: 'k' }, ''])
    t.match(await cli(['--dry-run', '--quiet', to], { at }), { code: 0, stdout: '', stderr: '' })
    await nothingIsLeft(t, Bucket, 'k')
  },
)

t.test('--dry-run does not start the producer, and does not read standard input', async (t) => {
  const { Bucket, to } = await place(t)
  const ran = join(t.testdir(), 'ran')
  const { code, stderr } = await cli(['--dry-run', to, '--', 'touch', ran])
  t.equal(code, 0)
  t.match(stderr, /Without --dry-run, the output of touch would be uploaded\.\n$/)
  t.notOk(existsSync(ran))
  const env = { ...process.env, AWS_ENDPOINT_URL: endpoint.href, NODE_NO_WARNINGS: '1' }
  const { stdout } = spawnSync('sh', ['-c', '"$@"; cat', 'sh', ...CLI, '--dry-run', '--quiet', to], {
    env,
    input: 'the input',
  })
  t.equal(String(stdout), 'the input')
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('--dry-run fails as the upload would, with the same advice', async (t) => {
  const { to, at, proxy } = await place(t)
  const bucket = await cli(['--dry-run', '--json', 's3://no-such-bucket-here/k'])
  t.equal(bucket.code, 1)
  t.match(bucket.stderr, /CreateMultipartUpload failed\. NoSuchBucket.*The bucket does not exist: check its name/)
  t.match(JSON.parse(bucket.stdout).error, { name: 'NoSuchBucket', operation: 'CreateMultipartUpload', exitCode: 1 })
  const key = await cli(['--dry-run', to], { env: { AWS_ACCESS_KEY_ID: 'nobody' } })
  t.match(key, { code: 1, stderr: /InvalidAccessKeyId.*check AWS_ACCESS_KEY_ID/ })
  for (const [args, message] of [
    [['--part-size', '1'], /--part-size must be from 5MiB/],
    [['--param', 'ServerSideEncyption=AES256'], /Did you mean ServerSideEncryption/],
    [['--content-length', '2', '--max-size', '1'], /--content-length must be at most --max-size/],
    [['--resume', '--content-type', 'a/b'], /--content-type cannot be combined with --resume/],
  ] as const) {
    t.match(await cli(['--dry-run', to, ...args], { at }), { code: 2, stderr: message })
  }
  t.same(operations(proxy), [])
})

t.test('if the upload cannot be removed, the message has the command that removes it', async (t) => {
  const { Bucket, to, at } = await place(t, ({ operation }) =>
    operation === 'AbortMultipartUpload' ? denied : undefined,
  )
  const { code, stdout, stderr } = await cli(['--dry-run', '--json', to], { at })
  t.equal(code, 1)
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.match(stderr, /^s3-writable: [^\n]*AccessDenied.*An upload needs s3:PutObject, s3:AbortMultipartUpload/)
  const [, removal = ''] = /An empty upload may be left\. To remove it: s3-writable (abort .*)\n$/.exec(stderr) ?? []
  t.match(JSON.parse(stdout).error, { name: 'AccessDenied', UploadId, advice: /An empty upload may be left/ })
  t.match(await cli([...removal.split(' '), '--yes']), { code: 0, stderr: /1 removed/ })
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a signal during --dry-run removes the upload; if that fails, the message says so', async (t) => {
  for (const faulty of [false, true]) {
    const begun = deferred()
    const { Bucket, proxy, to, at } = await place(t, ({ operation }) => {
      if (operation === 'CreateMultipartUpload') return { do: 'hold', until: begun.promise }
      return faulty && operation === 'AbortMultipartUpload' ? denied : undefined
    })
    const { child, ended } = startCli(['--dry-run', '--json', to], { at })
    await proxy.waitFor({ operation: 'CreateMultipartUpload' })
    child.kill('SIGTERM')
    begun.resolve()
    const { code, stdout, stderr } = await ended
    t.equal(code, 143)
    const { error } = JSON.parse(stdout)
    t.match(error, { code: 'ERR_SIGNAL', message: 'Ended by SIGTERM. Nothing was published.', exitCode: 143 })
    if (faulty) {
      const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
      t.match(error, { UploadId, cleanupError: { name: 'AccessDenied', UploadId } })
      t.match(stderr, `An empty upload may be left. To remove it: s3-writable abort ${to} --upload-id=${UploadId}\n`)
      await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
    } else t.equal(stderr, 's3-writable: Ended by SIGTERM. Nothing was published.\n')
    await nothingIsLeft(t, Bucket, 'k')
  }
})

t.test('a second signal during --dry-run exits at once, and prints what may be left', async (t) => {
  const { Bucket, proxy, to, at } = await place(t, holdForever('AbortMultipartUpload'))
  const { child, ended } = startCli(['--dry-run', to], { at })
  await proxy.waitFor({ operation: 'AbortMultipartUpload' })
  // Signals that arrive at the same time count as one.
  const repeat = setInterval(() => child.kill('SIGTERM'), 50)
  const { code, stderr } = await ended
  clearInterval(repeat)
  t.equal(code, 143)
  const [{ UploadId = '' } = {}] = await unfinishedUploads(Bucket)
  t.match(stderr, `An empty upload may be left. To remove it: s3-writable abort ${to} --upload-id=${UploadId}\n`)
  await abortUpload({ client: s3Client(t), Bucket, Key: 'k', UploadId })
})

t.test('with --resume, the upload to resume is found and left as it is', async (t) => {
  const { Bucket, proxy, to, at } = await place(t)
  const client = s3Client(t)
  const none = await cli(['--dry-run', '--resume', to], { at })
  t.match(none, { code: 1, stderr: /there is no unfinished upload of this key.*There is no object of this key\n$/ })
  const UploadId = await unfinishedUpload(client, Bucket, partsOf(DATA, 1, 2, 4))
  const file = join(t.testdir(), 'file')
  writeFileSync(file, DATA)
  const found = `${to}: upload ${UploadId} can be resumed, with 10.0 MiB stored in 2 parts without a gap; nothing was sent.`
  for (const [mode, input] of [
    [['--resume'], {}],
    [['--resume', '--upload-id', UploadId], {}],
    [['--resume', '--trust-parts'], { file }],
    [['--resume=auto', '--content-type=text/x', '--metadata=a=b', '--param=WebsiteRedirectLocation=/'], {}],
  ] as const) {
    const { code, stderr } = await cli(['--dry-run', ...mode, '--content-length=0', to], { at, ...input })
    t.equal(code, 0, stderr)
    t.match(stderr, `${found} Without --dry-run, standard input would be uploaded.\n`)
  }
  const { stdout } = await cli(['--dry-run', '--resume=auto', '--json', to], { at })
  t.match(JSON.parse(stdout), { dryRun: true, Bucket, Key: 'k', UploadId, offset: 2 * P, parts: 2 })
  const changes = ['CreateMultipartUpload', 'UploadPart', 'AbortMultipartUpload', 'PutObject']
  t.same(
    operations(proxy).filter((operation) => changes.includes(operation)),
    [],
  )
  t.match(await unfinishedUploads(Bucket), [{ UploadId }])
  await abortUpload({ client, Bucket, Key: 'k', UploadId })
})

t.test('with --resume=auto and nothing to resume, a new upload is begun and removed', async (t) => {
  const { Bucket, proxy, to, at } = await place(t)
  const line = ['--dry-run', '--resume=auto', '--leave-parts', '--content-type=text/x', to]
  const { code, stderr } = await cli(line, { at })
  t.equal(code, 0, stderr)
  t.match(stderr, `${to}: there is no upload to resume; a new one can be begun and removed; nothing was sent. `)
  t.match(proxy.of('CreateMultipartUpload'), [{ headers: { 'content-type': 'text/x' } }])
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('if the upload to resume cannot be looked for, --dry-run says why, and begins none', async (t) => {
  const { proxy, to, at } = await place(t, ({ operation }) =>
    operation === 'ListMultipartUploads' ? denied : undefined,
  )
  for (const mode of ['--resume', '--resume=auto']) {
    const { code, stderr } = await cli(['--dry-run', mode, to], { at })
    t.equal(code, 1)
    t.match(
      stderr,
      /^s3-writable: [^\n]*ListMultipartUploads failed\. AccessDenied.*s3:ListBucketMultipartUploads\.\n$/,
    )
  }
  t.same(proxy.of('CreateMultipartUpload'), [])
})

t.test(
  'with several uploads, --dry-run and --trust-parts print the commands that choose one, as an upload does',
  async (t) => {
    const { Bucket, to } = await place(t)
    const client = s3Client(t)
    const ids = [await unfinishedUpload(client, Bucket, {}), await unfinishedUpload(client, Bucket, {})]
    const file = join(t.testdir(), 'file')
    writeFileSync(file, DATA)
    const hint = new RegExp(
      `\\. To remove one: s3-writable abort ${to} --upload-id=ID; to continue one: s3-writable --resume ${to} `,
    )
    for (const [mode, producer] of [
      [
        ['--dry-run', '--resume'],
        ['--', 'cat', 'secret'],
      ],
      [
        ['--dry-run', '--resume=auto'],
        ['--', 'cat', 'secret'],
      ],
      [['--resume', '--trust-parts'], []],
    ] as const) {
      const { code, stdout, stderr } = await cli(['--json', ...mode, to, ...producer], { file })
      t.equal(code, 1)
      t.match(stderr, hint)
      const { error } = JSON.parse(stdout)
      t.match(error, { code: 'ERR_S3_RESUME', advice: /^To remove one: / })
      t.notMatch(stdout, 'secret')
    }
    for (const UploadId of ids) await abortUpload({ client, Bucket, Key: 'k', UploadId })
  },
)
