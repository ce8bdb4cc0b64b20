import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { runInNewContext } from 'node:vm'
import { CreateMultipartUploadRequest$, PutObjectRequest$ } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import t from 'tap'
import { clientArguments } from '../../lib/cli/client.js'
import { escapeControls, toEscapedJson } from '../../lib/cli/escape.js'
import { explain, Failure, toFailure } from '../../lib/cli/failure.js'
import { formatBytes, formatDuration, formatTransfer, plural } from '../../lib/cli/format.js'
import { resumeHint } from '../../lib/cli/hints.js'
import { parseAge, parseParam, parseRate, parseSize } from '../../lib/cli/parse.js'
import { formatProgress } from '../../lib/cli/progress.js'
import { isAcceptedAfterCreate } from '../../lib/cli/s3-parameters.js'
import { formatOptions, shellQuote } from '../../lib/cli/shell.js'
import { showStatusLine } from '../../lib/cli/status-line.js'
import {
  formatOutcome,
  formatUpload,
  isUploadNotFound,
  ownerName,
  wasInitiatedAtOrBefore,
} from '../../lib/cli/unfinished-uploads.js'
import { isCreateOnly } from '../../lib/options/parameters.js'

t.test('sizes, ages and parameters are parsed', async (t) => {
  t.same(['5GiB', '1.5 mib', '7', '0B'].map(parseSize), [5 * 2 ** 30, 1.5 * 2 ** 20, 7, 0])
  t.same(['20MiB', '1.5 KiB/s', '7/S'].map(parseRate), [20 * 2 ** 20, 1536, 7])
  t.same(['0s', '90m', '12h', '7d', '1w'].map(parseAge), [
    0,
    90 * 60_000,
    12 * 3_600_000,
    7 * 86_400_000,
    7 * 86_400_000,
  ])
  t.same(parseParam('BucketKeyEnabled=true', { ACL: 'private' }), { ACL: 'private', BucketKeyEnabled: true })
  t.same(parseParam('ObjectLockRetainUntilDate=2030-01-01'), { ObjectLockRetainUntilDate: new Date('2030-01-01') })
  t.same(parseParam('ObjectLockEventHoldDurationDays=7'), { ObjectLockEventHoldDurationDays: 7 })
  t.same(parseParam('ContentLanguage=true'), { ContentLanguage: 'true' })
})

t.test('sizes and durations are formatted in their largest units', async (t) => {
  t.same([0, 1023, 1024, 2 ** 20 - 1, 2.5 * 2 ** 30, 2 ** 50].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.0 MiB',
    '2.5 GiB',
    '1024.0 TiB',
  ])
  const durations = [-9, 0, 440, 12_300, 59_949, 59_950, 61_000, 3_600_000, 90_000_000, 8 * 86_400_000 + 60_000]
  t.same(
    [0, 1, 2].map((count) => plural(count, 'part')),
    ['0 parts', '1 part', '2 parts'],
  )
  const seconds = ['0.0 s', '0.0 s', '0.4 s', '12.3 s', '59.9 s']
  t.same(durations.map(formatDuration), [...seconds, '1m', '1m 1s', '1h', '1d 1h', '8d'])
})

t.test('a transfer has a rate from 1 MiB on, because the time of less is that of the requests', async (t) => {
  t.equal(formatTransfer(1024, 1024, 400), '1.0 KiB in 0.4 s')
  t.equal(formatTransfer(2 ** 20 - 1, 2 ** 20 - 1, 30_000), '1.0 MiB in 30.0 s')
  t.equal(formatTransfer(2 ** 20, 2 ** 20, 500), '1.0 MiB in 0.5 s, 2.0 MiB/s')
  t.equal(formatTransfer(2 ** 30, 10 * 2 ** 20, 65_000), '1.0 GiB in 1m 5s, 157.5 KiB/s', 'only what was sent counts')
  t.equal(formatTransfer(2 ** 30, 0, 65_000), '1.0 GiB in 1m 5s')
})

t.test('the progress line shows only values that are known', async (t) => {
  const progress = { sent: 2 ** 20, loaded: 0, parts: 3 }
  const start = performance.now() - 1000
  t.match(formatProgress(progress, undefined, start), ['1.0 MiB', /^\d[\d.]* [KM]iB\/s$/, '3 parts stored'])
  t.match(formatProgress(progress, 2 ** 21, start), [
    '1.0 MiB of 2.0 MiB',
    /iB\/s$/,
    /^\d[\d.]* s left$/,
    '3 parts stored',
  ])
  const skipped = formatProgress({ ...progress, skipped: 2 ** 19 }, undefined, start)
  t.same(skipped.slice(2), ['3 parts stored', '512.0 KiB already stored'])
  t.same(formatProgress({ ...progress, sent: 0 }, 2 ** 21, start), ['0 B of 2.0 MiB', '0 B/s', '3 parts stored'])
})

t.test('the status line is as wide as the terminal at each draw, but waits while its width changes', async (t) => {
  // The line's own timer keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const writes = new EventEmitter()
  const written = async (): Promise<string> => (await once(writes, 'write'))[0]
  const terminal = { columns: 12, write: (text: unknown): boolean => writes.emit('write', String(text)) }
  const { write } = terminal
  let shown = 0
  const line = showStatusLine(terminal, () => ['a'.repeat(10), `${++shown}`])
  t.equal(await written(), '\raaaaaaaaaa\x1b[K')
  terminal.columns = 20
  const before = shown
  t.match(escapeControls(await written()), /^\\raaaaaaaaaa, \d\\x1b\[K$/)
  t.equal(shown, before + 2, 'one draw was left out')
  const erased = written()
  line.remove()
  t.equal(await erased, '\r\x1b[K')
  t.equal(terminal.write, write)
})

t.test('a command in a message repeats the options of the client, quoted for a shell', async (t) => {
  t.same(clientArguments({ signRequest: true }), [])
  const all = { region: 'eu-1', endpointUrl: 'http://h:1', profile: 'a b', signRequest: false, pathStyle: true }
  const expected = "--region=eu-1 --endpoint-url=http://h:1 '--profile=a b' --no-sign-request --path-style"
  t.equal(clientArguments(all).join(' '), expected)
  t.same(["it's", '$x', 's3://b/k-1.webm', '=ls', ''].map(shellQuote), [
    "'it'\\''s'",
    "'$x'",
    's3://b/k-1.webm',
    "'=ls'",
    "''",
  ])
  t.same(formatOptions({ 'upload-id': '-x', concurrency: 2, region: undefined }), ['--upload-id=-x', '--concurrency=2'])
})

t.test('bash reads every quoted word back unchanged, and no quoted word has control characters', async () => {
  const nasty = [
    '~',
    '~/x',
    '-rf',
    '--',
    '$(touch x)',
    '`x`',
    '!!',
    "it's\\\n",
    '\x1b]0;t\x07',
    '\u009b',
    '\u202e',
    'ü\t~',
  ]
  const units = fc.constantFrom(...nasty, "'", '"', '\\', ' ', '!', '\x7f', '\u2028', '0', 'a', '{a,b}', '*', '#', ';')
  fc.assert(
    fc.property(
      fc.array(
        fc.array(units).map((all) => all.join('')),
        { minLength: 1 },
      ),
      (words) => {
        const line = words.map(shellQuote).join(' ')
        if (escapeControls(line) !== line) return false
        const output = execFileSync('bash', ['-c', `printf '%s\\0' ${line}`], {
          encoding: 'utf8',
          env: { LC_ALL: 'C' },
        })
        return output === words.map((word) => `${word}\0`).join('')
      },
    ),
    { numRuns: 60, examples: [[nasty]] },
  )
})

t.test('control characters are escaped, in text and in JSON', async (t) => {
  const text = 'a\0\t\n\r\x1b[2J\x7f\u0085\u009b\u2028\u202e\u2066ü→é'
  t.equal(escapeControls(text), 'a\\x00\\t\\n\\r\\x1b[2J\\x7f\\x85\\x9b\\u{2028}\\u{202e}\\u{2066}ü→é')
  const json = toEscapedJson({ text })
  t.equal(escapeControls(json), json)
  t.same(JSON.parse(json), { text })
})

t.test('the outcome of abort counts the uploads that were removed and those that were no longer existed', async (t) => {
  t.equal(formatOutcome({ removed: 2, notFound: 0 }), '2 removed.')
  t.equal(formatOutcome({ removed: 2, notFound: 1 }), '2 removed, 1 no longer existed.')
})

t.test('any thrown value becomes a Failure with a one-line message', async (t) => {
  const failure = new Failure(3, 'so')
  t.equal(toFailure(failure), failure)
  t.match(toFailure('text'), { exitCode: 1, message: 'text' })
  t.match(toFailure(Object.assign(new TypeError('wrong'), { code: 'ERR_INVALID_ARG_TYPE' })), { exitCode: 2 })
  t.equal(explain(new Error('x: Region is missing')), 'The region is missing: pass --region, or set AWS_REGION.')
  const cause = Object.assign(new Error('The difference is too large'), { name: 'RequestTimeTooSkewed' })
  t.equal(explain(new Error('PutObject failed', { cause })), "PutObject failed. This machine's clock is wrong: set it.")
  t.equal(explain(Object.assign(new Error('x'), { code: 'EOTHER' })), 'x')
  const foreign = runInNewContext("Object.assign(new Error('y'), { name: 'NoSuchBucket' })")
  t.match(explain(new Error('x', { cause: foreign })), /^x\. The bucket does not exist/, 'an error from another realm')
  t.match(explain(foreign), /^y\. The bucket does not exist/)
  const loop = new Error('z')
  loop.cause = loop
  t.equal(explain(loop), 'z', 'an error that is its own cause')
})

t.test('if checksums may be the reason, the advice disables them', async (t) => {
  const mismatch = Object.assign(new Error('S3 says no'), { name: 'SignatureDoesNotMatch' })
  const failed = (operation: string, cause = mismatch) =>
    explain(Object.assign(new Error(`${operation} failed`, { cause }), { operation, UploadId: 'u' }))
  for (const operation of ['UploadPart', 'CompleteMultipartUpload']) {
    t.match(failed(operation), /The secret key is right, .*AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED/)
  }
  for (const operation of ['PutObject', 'CreateMultipartUpload', 'ListParts', 'AbortMultipartUpload']) {
    t.match(failed(operation), /^\w+ failed\. The secret key does not belong to the access key/)
  }
  const named = Object.assign(new Error("Unsupported header 'x-amz-sdk-checksum-algorithm' received"), { name: 'X' })
  t.match(
    failed('PutObject', named),
    /PutObject failed. If the server does not support .*AWS_REQUEST_CHECKSUM_CALCULATION/,
  )
})

t.test('the age and owner of an upload are printed if the server reports them', async (t) => {
  t.ok(wasInitiatedAtOrBefore({ Initiated: new Date(1) }, 1))
  t.notOk(wasInitiatedAtOrBefore({ Initiated: new Date(2) }, 1))
  t.notOk(wasInitiatedAtOrBefore({ Initiated: undefined }, 1))
  t.same([{}, { Owner: { ID: 'id' } }, { Owner: { ID: 'id', DisplayName: 'me' } }].map(ownerName), ['-', 'id', 'me'])
  t.equal(formatUpload('b', { Key: 'k', UploadId: 'u' }), '       -  s3://b/k  -  u')
  const upload = { Key: 'k', UploadId: 'u', Initiated: new Date(Date.now() - 90_000_000), Owner: { ID: 'me' } }
  t.equal(formatUpload('b', upload), '   1d 1h  s3://b/k  me  u')
  const sums = [
    { parts: 1, size: 7 },
    { parts: 10_000, size: 1023.9 * 2 ** 30 },
  ]
  t.same(
    sums.map((sum) => formatUpload('b', upload, sum)),
    ['   1d 1h         7 B       1 part  s3://b/k  me  u', '   1d 1h  1023.9 GiB  10000 parts  s3://b/k  me  u'],
    'the columns line up',
  )
})

t.test('the command that resumes repeats options that still apply, and prints no key', async (t) => {
  const to = { Bucket: 'b', Key: 'a key' }
  const error = { UploadId: 'u' }
  const options = { signRequest: true, progress: true, leaveParts: true }
  const sentence = 'The stored parts are kept. To resume, run this with the same input:'
  const words = `${sentence} s3-writable --resume 's3://b/a key' --upload-id=u`
  t.equal(resumeHint(to, error, options, []), `${words} --leave-parts`)
  t.equal(resumeHint(to, error, { ...options, leaveParts: false }, []), '')
  t.equal(resumeHint(to, {}, options, []), '')
  t.equal(resumeHint(to, { ...error, code: 'ERR_S3_RESUME' }, options, []), '')
  const param = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'secret', StorageClass: 'GLACIER' }
  const more = { ...options, trustParts: true, concurrency: 2, limitRate: 9, ifNoneMatch: '*', contentLength: 7, param }
  const again =
    "'--if-none-match=*' --content-length=7 --concurrency=2 --limit-rate=9 --param=SSECustomerAlgorithm=AES256"
  t.equal(
    resumeHint(to, error, more, ['cat', 'my file']),
    `${words} --leave-parts --trust-parts ${again} '--param=SSECustomerKey=…' -- cat 'my file'`,
  )
})

t.test('the command and the library agree on which S3 parameters an upload accepts after Create', async (t) => {
  const names = [PutObjectRequest$, CreateMultipartUploadRequest$].flatMap(([, , , , members]) => members)
  t.ok(names.includes('Tagging') && names.includes('IfNoneMatch') && names.includes('ChecksumSHA256'))
  for (const name of new Set(names)) t.equal(isAcceptedAfterCreate(name), !isCreateOnly(name), name)
})

t.test('an upload is recognized as not found by the error’s name, which Ceph gives with HTTP 404', async (t) => {
  const withStatus = (httpStatusCode: number) => ({ name: 'NoSuchKey', $metadata: { httpStatusCode } })
  t.ok(isUploadNotFound({ name: 'NoSuchUpload' }))
  t.ok(isUploadNotFound(withStatus(404)))
  t.notOk(isUploadNotFound(withStatus(403)))
  t.notOk(isUploadNotFound({ name: 'NoSuchKey' }))
  t.notOk(isUploadNotFound(new Error('NoSuchUpload')))
})
