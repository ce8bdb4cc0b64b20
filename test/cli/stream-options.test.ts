import t from 'tap'
import { makeProgram } from '../../lib/cli/arguments.js'
import { resumeHint } from '../../lib/cli/hints.js'
import { toNamedFailure } from '../../lib/cli/option-errors.js'
import { parseTimeout } from '../../lib/cli/parse.js'
import type { UploadCommandOptions } from '../../lib/cli/put-options.js'
import { S3WritableError } from '../../lib/index.js'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { makeBucket } from '../support/store.js'

t.test('--max-size, --max-parts and --equal-parts limit the object, and the message names them', async (t) => {
  const Bucket = await makeBucket(t)
  const to = `s3://${Bucket}/maxSize`
  const input = bytes(11 * MiB)
  const large = await cli([to, '--max-size', '5MiB'], { input })
  t.equal(large.code, 1)
  t.match(large.stderr, `${to}: --max-size is 5242880, but the stream has `)
  t.equal((await cli([`s3://${Bucket}/k`, '--max-size', '11MiB', '--quiet'], { input })).code, 0)
  const parts = ['--part-size', '5MiB', '--max-parts', '2']
  const equal = await cli([to, ...parts, '--equal-parts', '--json'], { input })
  t.equal(equal.code, 1)
  t.match(equal.stderr, /longer than 2 parts of 5242880 bytes can hold.* or give --content-length or --expected-size\./)
  t.match(JSON.parse(equal.stdout).error.message, / Raise --part-size, or give --content-length or --expected-size$/)
  const growing = await cli([`s3://${Bucket}/grown`, ...parts, '--json'], { input })
  t.match(JSON.parse(growing.stdout), { parts: 2, size: input.length })
  await nothingIsLeft(t, Bucket, 'maxSize')
})

t.test('--stall-timeout ends a request that makes no progress', async (t) => {
  const { url: at } = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'PutObject' ? { do: 'ignore' } : undefined),
  })
  const Bucket = await makeBucket(t)
  const args = [`s3://${Bucket}/k`, '--stall-timeout', '1s']
  const { code, stderr } = await cli(args, { at, input: 'x', env: { AWS_MAX_ATTEMPTS: '1' } })
  t.equal(code, 1)
  t.match(stderr, /PutObject stalled: no progress for 1000 ms/)
})

t.test('--unsigned-payload leaves the content out of the signature over http too', async (t) => {
  const Bucket = await makeBucket(t)
  const { url: at, of } = await faultProxy(t)
  for (const flag of [[], ['--unsigned-payload']]) {
    t.equal((await cli([`s3://${Bucket}/k`, ...flag], { at, input: 'x' })).code, 0)
  }
  const hashes = of('PutObject').map(({ headers }) => headers['x-amz-content-sha256'])
  t.match(hashes, [/^[\da-f]{64}$/, 'UNSIGNED-PAYLOAD'])
})

t.test('a timeout needs a unit, and 0 is none', (t) => {
  t.same(['0', '0s', '30s', '2m', '1h', '0.5s'].map(parseTimeout), [0, 0, 30_000, 120_000, 3_600_000, 500])
  for (const [text, message] of [
    ['30', 'Did you mean 30s? Write 30s, 2m, or 0 for none.'],
    ['0.0001s', /^Expected a time such as 30s or 2m, of 1 ms or more/],
    ['2min', /^Expected a time/],
    ['', /^Expected a time/],
    ['-1s', /^Expected a time/],
  ] as const) {
    t.throws(() => parseTimeout(text), { message }, text)
  }
  t.end()
})

t.test('an option with a wrong value is named as it was typed', async (t) => {
  const to = 's3://bucket/key'
  for (const [args, message] of [
    [['--part-size', '8'], /--part-size must be from 5MiB to [45]GiB\. Received 8 bytes\. Did you mean 8MiB\?$/],
    [['--part-size', '1'], /--part-size must be from 5MiB to [45]GiB\. Received 1 bytes\.$/],
    [['--part-size', '1KiB'], /Received 1KiB\.$/],
    [['--part-size', '6GiB'], /Received 6GiB\.$/],
    [['--concurrency', '0'], /^s3-writable: --concurrency must be a whole number, 1 or more\. Received 0$/],
    [
      ['--limit-rate', '9000TiB'],
      /^s3-writable: --limit-rate must be a whole number, 1 or more\. Received 9895604649984000$/,
    ],
    [['--max-parts', '10001'], /^s3-writable: --max-parts must be a whole number from 1 to 10000\. Received 10001$/],
    [['--stall-timeout', '30'], /--stall-timeout <time>' argument '30' is invalid\. Did you mean 30s\?/],
    [
      ['--stall-timeout', '600h'],
      /--stall-timeout must be a whole number from 0 to 2147483647 ms\. Received 2160000000 ms$/,
    ],
    [
      ['--content-length', '10', '--max-size', '5'],
      /--content-length must be at most --max-size, which is 5 bytes\. Received 10 bytes\.$/,
    ],
    [['--content-length', '1', '--expected-size', '1'], /--expected-size must be left out: --content-length is given/],
    [
      ['--checksum-type', 'FULL_OBJECT', '--checksum-algorithm', 'SHA1'],
      /--checksum-algorithm must be .* --checksum-type/,
    ],
    [['--acl', 'private', '--param', 'GrantRead=x'], /--param GrantRead must be left out: --acl is given$/],
    [['--param', 'SSECustomerAlgorithm=AES256'], /"SSECustomerKey" option must be given together with --param SSECust/],
    [
      ['--param', 'ServerSideEncyption=AES256'],
      /--param: .* ServerSideEncyption\. Did you mean ServerSideEncryption\?$/,
    ],
    [['--param', 'PartSize=5'], /--param: there is no parameter PartSize\. Did you mean --part-size\?$/],
  ] as const) {
    const { code, stderr } = await cli([to, ...args], { input: 'x', at: 'http://127.0.0.1:1' })
    t.equal(code, 2, stderr)
    t.match(stderr.trimEnd(), message)
  }
  const abort = await cli(['abort', to, '--upload-id', '', '--yes'], { at: 'http://127.0.0.1:1' })
  t.match(abort.stderr, /--upload-id must be a string that is not empty\. Received ''/)
})

t.test('only the words of the library are named anew, not those of S3 or of an address', (t) => {
  const names = { Bucket: 'b', Key: 'partSize' }
  const message = 's3://b/partSize: maxSize is 5'
  const named = toNamedFailure(new S3WritableError('ERR_S3_LENGTH', message, names))
  t.equal(named.message, 's3://b/partSize: --max-size is 5')
  t.equal(toNamedFailure(new S3WritableError('ERR_S3_REQUEST', message, names)).message, message)
  t.equal(toNamedFailure(new S3WritableError('ERR_S3_LENGTH', 'maxSize', names)).message, 'maxSize')
  t.equal(toNamedFailure('text').message, 'text')
  const offset = Object.assign(
    new RangeError('The "resume.offset" option must be at most "maxSize", which is 1. Received type number (5242880)'),
    {
      code: 'ERR_OUT_OF_RANGE',
    },
  )
  t.equal(
    toNamedFailure(offset).message,
    'The size of the stored parts must be at most --max-size, which is 1 bytes. Received 5MiB.',
  )
  t.end()
})

/** Options that the command which resumes does not repeat: fixed by Create, about the clean-up, or given by another word. */
const NOT_REPEATED = [
  '--content-type --content-encoding --content-disposition --content-language --cache-control --metadata',
  '--storage-class --acl --sse --sse-kms-key-id --tagging --checksum-type --checksum-algorithm',
  '--resume-auto --verbose --version --dry-run',
].flatMap((line) => line.split(' '))

t.test('the command that resumes repeats every option that a resumed upload accepts', (t) => {
  const options: UploadCommandOptions = {
    region: 'r',
    endpointUrl: 'http://h',
    profile: 'p',
    caBundle: 'ca.pem',
    verifySsl: false,
    signRequest: false,
    pathStyle: true,
    partSize: 5,
    concurrency: 2,
    maxMemory: 9,
    threads: 3,
    expectedSize: 3,
    contentLength: 4,
    maxSize: 6,
    maxParts: 7,
    equalParts: true,
    limitRate: 8,
    stallTimeout: 1500,
    unsignedPayload: true,
    ifNoneMatch: '*',
    param: { RequestPayer: 'requester' },
    trustParts: true,
    leaveParts: true,
    json: true,
    quiet: true,
    progress: false,
  }
  const hint = resumeHint({ Bucket: 'b', Key: 'k' }, { UploadId: 'u' }, options, [])
  t.match(
    hint,
    ' --max-size=6 --part-size=5 --max-parts=7 --concurrency=2 --max-memory=9 --threads=3 --limit-rate=8 --stall-timeout=1.5s --equal-parts ',
  )
  const none = resumeHint({ Bucket: 'b', Key: 'k' }, { UploadId: 'u' }, { ...options, stallTimeout: 0 }, [])
  t.match(none, ' --stall-timeout=0 ')
  for (const { long } of makeProgram([]).options) {
    const isRepeated = new RegExp(`[ ']${long}[ =]|[ ']${long}$`).test(hint)
    t.equal(isRepeated, !NOT_REPEATED.includes(String(long)), `${long}`)
  }
  t.end()
})
