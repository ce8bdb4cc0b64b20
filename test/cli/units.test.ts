import { execFileSync } from 'node:child_process'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { clientArguments } from '../../lib/cli/client.js'
import { shown, shownJson } from '../../lib/cli/escape.js'
import { asFailure, explained, Failure } from '../../lib/cli/failure.js'
import { age, bytes, counted, duration, param, size } from '../../lib/cli/parse.js'
import { line } from '../../lib/cli/progress.js'
import { howToGoOn } from '../../lib/cli/put.js'
import { flags, quoted } from '../../lib/cli/shell.js'
import { isOld, outcome, ownerOf, line as uploadLine } from '../../lib/cli/unfinished-uploads.js'

t.test('sizes, ages and parameters are read as they are written', async (t) => {
  t.same(['5GiB', '1.5 mib', '7', '0B'].map(size), [5 * 2 ** 30, 1.5 * 2 ** 20, 7, 0])
  t.same(['0s', '90m', '12h', '7d'].map(age), [0, 90 * 60_000, 12 * 3_600_000, 7 * 86_400_000])
  t.same(param('BucketKeyEnabled=true', { ACL: 'private' }), { ACL: 'private', BucketKeyEnabled: true })
  t.same(param('ObjectLockRetainUntilDate=2030-01-01'), { ObjectLockRetainUntilDate: new Date('2030-01-01') })
})

t.test('bytes and times are told in their largest units', async (t) => {
  t.same([0, 1023, 1024, 2.5 * 2 ** 30, 2 ** 50].map(bytes), ['0 B', '1023 B', '1.0 KiB', '2.5 GiB', '1024.0 TiB'])
  const times = [0, 499, 61_000, 3_600_000, 90_000_000, 8 * 86_400_000 + 60_000]
  t.same(
    [0, 1, 2].map((count) => counted(count, 'part')),
    ['0 parts', '1 part', '2 parts'],
  )
  t.same(times.map(duration), ['0s', '0s', '1m 1s', '1h', '1d 1h', '8d'])
})

t.test('the progress line tells what is known', async (t) => {
  const progress = { sent: 2 ** 20, loaded: 0, parts: 3 }
  const begun = performance.now() - 1000
  t.match(line(progress, undefined, begun), /^1\.0 MiB · \d[\d.]* [KM]iB\/s · 3 parts stored$/)
  t.match(line(progress, 2 ** 21, begun), /^1\.0 MiB of 2\.0 MiB · .* · 1s left$/)
  t.match(line({ ...progress, skipped: 2 ** 19 }, undefined, begun), / · 3 parts stored · 512\.0 KiB were there$/)
  t.match(line({ ...progress, sent: 0 }, 2 ** 21, begun), /^0 B of 2\.0 MiB · 0 B\/s · 3 parts stored$/)
})

t.test('a command to be pasted has the options of this one, quoted for a shell', async (t) => {
  t.same(clientArguments({ signRequest: true }), [])
  const all = { region: 'eu-1', endpointUrl: 'http://h:1', profile: 'a b', signRequest: false, pathStyle: true }
  const told = "--region=eu-1 --endpoint-url=http://h:1 '--profile=a b' --no-sign-request --path-style"
  t.equal(clientArguments(all).join(' '), told)
  t.same(["it's", '$x', 's3://b/k-1.webm', '=ls', ''].map(quoted), [
    "'it'\\''s'",
    "'$x'",
    's3://b/k-1.webm',
    "'=ls'",
    "''",
  ])
  t.same(flags({ 'upload-id': '-x', concurrency: 2, region: undefined }), ['--upload-id=-x', '--concurrency=2'])
})

t.test('any word arrives in bash as it was, and none reaches a terminal raw', async () => {
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
        const line = words.map(quoted).join(' ')
        if (shown(line) !== line) return false
        const said = execFileSync('bash', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8', env: { LC_ALL: 'C' } })
        return said === words.map((word) => `${word}\0`).join('')
      },
    ),
    { numRuns: 60, examples: [[nasty]] },
  )
})

t.test('control characters are shown escaped, to people and in JSON', async (t) => {
  const text = 'a\0\t\n\r\x1b[2J\x7f\u0085\u009b\u2028\u202e\u2066ü→é'
  t.equal(shown(text), 'a\\x00\\t\\n\\r\\x1b[2J\\x7f\\x85\\x9b\\u{2028}\\u{202e}\\u{2066}ü→é')
  const json = shownJson({ text })
  t.equal(shown(json), json)
  t.same(JSON.parse(json), { text })
})

t.test('what was removed, and what was gone already, is told in two words', async (t) => {
  t.equal(outcome({ removed: 2, gone: 0 }), '2 removed.')
  t.equal(outcome({ removed: 2, gone: 1 }), '2 removed, 1 already gone.')
})

t.test('whatever was thrown ends the process with a line', async (t) => {
  const failure = new Failure(3, 'so')
  t.equal(asFailure(failure), failure)
  t.match(asFailure('text'), { code: 1, message: 'text' })
  t.match(asFailure(Object.assign(new TypeError('wrong'), { code: 'ERR_INVALID_ARG_TYPE' })), { code: 2 })
  t.equal(explained(new Error('x: Region is missing')), 'There is no region: give --region, or set AWS_REGION.')
  const cause = Object.assign(new Error('The difference is too large'), { name: 'RequestTimeTooSkewed' })
  t.equal(
    explained(new Error('PutObject failed', { cause })),
    "PutObject failed. This machine's clock is wrong: set it.",
  )
  t.equal(explained(Object.assign(new Error('x'), { code: 'EOTHER' })), 'x')
  const foreign = runInNewContext("Object.assign(new Error('y'), { name: 'NoSuchBucket' })")
  t.match(explained(new Error('x', { cause: foreign })), /^x\. There is no such bucket/, 'an error of another realm')
  t.match(explained(foreign), /^y\. There is no such bucket/)
  const loop = new Error('z')
  loop.cause = loop
  t.equal(explained(loop), 'z', 'an error that is its own cause')
})

t.test('where the checksums may be the reason, the advice names how to go without', async (t) => {
  const mismatch = Object.assign(new Error('S3 says no'), { name: 'SignatureDoesNotMatch' })
  const failed = (operation: string, cause = mismatch) =>
    explained(Object.assign(new Error(`${operation} failed`, { cause }), { operation, UploadId: 'u' }))
  for (const operation of ['UploadPart', 'CompleteMultipartUpload']) {
    t.match(failed(operation), /The secret key is right, .*AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED/)
  }
  for (const operation of ['PutObject', 'CreateMultipartUpload', 'ListParts', 'AbortMultipartUpload']) {
    t.match(failed(operation), /^\w+ failed\. The secret key is not the one of this access key/)
  }
  const named = Object.assign(new Error("Unsupported header 'x-amz-sdk-checksum-algorithm' received"), { name: 'X' })
  t.match(failed('PutObject', named), /PutObject failed. If the store does not know .*AWS_REQUEST_CHECKSUM_CALCULATION/)
})

t.test('an upload’s age and owner are told where the store tells them', async (t) => {
  t.ok(isOld({ Initiated: new Date(1) }, 1))
  t.notOk(isOld({ Initiated: new Date(2) }, 1))
  t.notOk(isOld({ Initiated: undefined }, 1))
  t.same([{}, { Owner: { ID: 'id' } }, { Owner: { ID: 'id', DisplayName: 'me' } }].map(ownerOf), ['-', 'id', 'me'])
  t.equal(uploadLine('b', { Key: 'k', UploadId: 'u' }), 's3://b/k  u')
})

t.test('what goes on says again what still counts, and does not print a key', (t) => {
  const to = { Bucket: 'b', Key: 'a key' }
  const error = { UploadId: 'u' }
  const options = { signRequest: true, progress: true, leaveParts: true }
  const words =
    " What is stored is kept. To go on, with the same input: s3-writable --resume 's3://b/a key' --upload-id=u"
  t.equal(howToGoOn(to, error, options, []), `${words} --leave-parts`)
  t.equal(howToGoOn(to, error, { ...options, leaveParts: false }, []), '')
  t.equal(howToGoOn(to, {}, options, []), '')
  t.equal(howToGoOn(to, { ...error, code: 'ERR_S3_RESUME' }, options, []), '')
  const param = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'secret', StorageClass: 'GLACIER' }
  const more = { ...options, trustParts: true, concurrency: 2, ifNoneMatch: '*', contentLength: 7, param }
  const again = "'--if-none-match=*' --content-length=7 --concurrency=2 --param=SSECustomerAlgorithm=AES256"
  t.equal(
    howToGoOn(to, error, more, ['cat', 'my file']),
    `${words} --leave-parts --trust-parts ${again} '--param=SSECustomerKey=…' -- cat 'my file'`,
  )
  t.end()
})
