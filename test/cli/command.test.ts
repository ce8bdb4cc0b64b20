import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, sha256 } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { endpoint, head, makeBucket, stored } from '../support/store.js'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

t.test('standard input is uploaded, and one line reports the result', async (t) => {
  const Bucket = await makeBucket(t)
  const data = bytes(12 * MiB)
  const { code, stdout, stderr } = await cli([`s3://${Bucket}/a/talk.webm`], { input: data })
  t.equal(code, 0)
  t.equal(stdout, '')
  t.match(stderr, new RegExp(`^s3://${Bucket}/a/talk.webm: 12.0 MiB in .*, [\\d.]+ MiB/s, 2 parts\n$`))
  t.same(await stored(Bucket, 'a/talk.webm'), { sha256: sha256(data), size: data.length })
  t.equal((await head(Bucket, 'a/talk.webm'))?.ContentType, 'video/webm', 'the type is guessed from the key')
})

t.test('the output of a command is uploaded if the command exits with 0', async (t) => {
  const Bucket = await makeBucket(t)
  const { code, stdout, stderr } = await cli([
    `s3://${Bucket}/k`,
    '--json',
    '--',
    'sh',
    '-c',
    'printf hello; echo note >&2',
  ])
  t.equal(code, 0)
  t.equal(stderr, 'note\n', 'the standard error of the command is passed through')
  t.match(JSON.parse(stdout), { Bucket, Key: 'k', size: 5, parts: 1, ETag: '"5d41402abc4b2a76b9719d911017c592"' })
  t.equal((await head(Bucket, 'k'))?.ContentType, 'application/octet-stream')
})

t.test('a command that fails publishes nothing, and its exit code is passed on', async (t) => {
  const Bucket = await makeBucket(t)
  const failures: [command: string[], code: number, message: RegExp][] = [
    [['sh', '-c', 'head -c 9000000 /dev/zero; exit 3'], 3, /sh exited with 3\. Nothing was published/],
    [['sh', '-c', 'printf x; exit 1'], 1, /sh exited with 1/],
    [['sh', '-c', 'printf x; kill -KILL $$'], 137, /sh was ended by SIGKILL/],
    [['no-such-command-here'], 127, /no-such-command-here: command not found/],
    [['/etc/passwd'], 126, /could not be run: .*EACCES/],
    [[''], 126, /could not be run/],
  ]
  for (const [command, expected, message] of failures) {
    const { code, stderr } = await cli([`s3://${Bucket}/k`, '--', ...command])
    t.equal(code, expected)
    t.match(stderr, message)
    t.match(stderr, /^[^\n]*\n$/, 'on one line')
  }
  const short = [`s3://${Bucket}/k`, '--content-length', '100', '--', 'sh', '-c']
  t.match(
    await cli([...short, 'printf x; exit 5']),
    { code: 5, stderr: /sh exited with 5/ },
    'the exit code explains the length',
  )
  t.match(await cli([...short, 'printf x']), { code: 1, stderr: /--content-length is 100/ })
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a failed upload ends the command with one line that says what to do', async (t) => {
  const Bucket = await makeBucket(t)
  const S3 = `s3://${Bucket}/k`
  const endless = ['--', 'sh', '-c', 'cat /dev/zero 2>/dev/null']
  const failures: [args: string[], env: NodeJS.ProcessEnv, message: RegExp][] = [
    [['s3://no-such-bucket-here/k', ...endless], {}, /NoSuchBucket.*The bucket does not exist: check its name/],
    [[S3, ...endless], { AWS_ACCESS_KEY_ID: 'nobody' }, /InvalidAccessKeyId.*check AWS_ACCESS_KEY_ID and --profile/],
    [
      [S3, '--no-sign-request', ...endless],
      {},
      /AccessDenied.*do not permit this request\. An upload needs s3:PutObject/,
    ],
    [
      [S3, '--endpoint-url', 'http://127.0.0.1:1', ...endless],
      {},
      /ECONNREFUSED.*Connection refused: check --endpoint-url/,
    ],
    [[S3, '--content-length', '3', ...endless], {}, /--content-length is 3/],
  ]
  for (const [args, env, message] of failures) {
    const { code, stderr, stdout } = await cli(args, { env })
    t.equal(code, 1)
    t.match(stderr, message)
    t.match(stderr, /^s3-writable: [^\n]*\n$/, 'on one line')
    t.equal(stdout, '')
  }
  const { stderr } = await cli([S3, '--verbose', '--content-length', '3', '--', 'echo', 'more'])
  t.match(stderr, /--content-length is 3.*\n.*\bat /s, '--verbose prints the stack')
  const others = await cli([S3, '--content-length', '3', '--', 'echo', '--verbose'])
  t.match(others.stderr, /^s3-writable: [^\n]*\n$/, 'an option after -- belongs to the producer')
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('if the clean-up fails, the message has the command that removes the parts', async (t) => {
  const Bucket = await makeBucket(t)
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const S3 = `s3://${Bucket}/it's`
  const dies = ['--', 'sh', '-c', 'head -c 9000000 /dev/zero; exit 4']
  const where = ['--region', 'us-east-1', '--path-style', '--endpoint-url', endpoint.href]
  const { code, stderr } = await cli([S3, ...where, '--endpoint-url', proxy.url, ...dies])
  t.equal(code, 4)
  const [, words = ''] = /Parts may be left\. To remove them: s3-writable (abort .*)\n$/.exec(stderr) ?? []
  t.match(words, `--region=us-east-1 --endpoint-url=${proxy.url} --path-style --upload-id=`)
  // The proxy refuses AbortMultipartUpload, so the pasted command goes to the server itself.
  const command = words.replace(proxy.url, endpoint.href)
  const pasted = execFileSync('bash', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
  const removal = [...pasted.trim().split('\n'), '--yes']
  t.match(await cli(removal), { code: 0, stderr: /1 removed/ })
  t.match(await cli(removal), { code: 1, stderr: /The upload does not exist/ })
})

t.test('options are sent as S3 parameters', async (t) => {
  const Bucket = await makeBucket(t)
  const options = ['--content-type', 'text/x', '--content-encoding', 'gzip', '--cache-control', 'no-store']
  const more = ['--metadata', 'a=1', '--metadata', 'b=2=3', '--tagging', 'x=y', '--param', 'ContentLanguage=de']
  const typed = ['--param', 'Expires=2030-01-02T03:04:05Z', '--param', 'BucketKeyEnabled=false']
  const parts = ['--part-size', '5MiB', '--concurrency', '2', '--expected-size', '6MiB', '--checksum-type', 'COMPOSITE']
  const own = [...options, ...more, ...typed, ...parts, '--path-style', '--region', 'us-east-1', '--quiet']
  const ran = await cli([`s3://${Bucket}/k`, ...own], { input: bytes(6 * MiB) })
  t.same([ran.code, ran.stdout, ran.stderr], [0, '', ''], '--quiet prints nothing')
  t.match(await head(Bucket, 'k'), {
    ContentType: 'text/x',
    ContentEncoding: 'gzip',
    CacheControl: 'no-store',
    ContentLanguage: 'de',
    Metadata: { a: '1', b: '2=3' },
    TagCount: 1,
    ETag: /-2"$/,
  })
  const again = await cli([`s3://${Bucket}/k`, '--if-none-match', '*'], { input: 'x' })
  t.equal(again.code, 1)
  t.match(again.stderr, /PreconditionFailed.*The object already exists/)
})

t.test('--limit-rate limits the bytes a second', async (t) => {
  const Bucket = await makeBucket(t)
  const start = performance.now()
  const { code, stderr } = await cli([`s3://${Bucket}/k`, '--limit-rate', '2KiB/s'], { input: bytes(5 * KiB) })
  t.equal(code, 0, stderr)
  t.ok(performance.now() - start >= (1000 * (5 * KiB - 512)) / (2 * KiB))
})

t.test('wrong usage ends with exit code 2 and a message, and no request is sent', async (t) => {
  const proxy = await faultProxy(t)
  const S3 = 's3://bucket/key'
  const wrong: [args: string[], message: RegExp][] = [
    [['s3://bucket'], /the key is missing/],
    [['s3://bucket/'], /the key is missing/],
    [['http://bucket/key'], /Expected s3:\/\/bucket\/key/],
    [[S3, '--nope'], /unknown option '--nope'/],
    [[S3, '--'], /The command after -- is missing/],
    [[S3, '--part-size', '5MB'], /Expected a size such as 16MiB/],
    [[S3, '--part-size', '0.3B'], /Expected a size/],
    [[S3, '--part-size', '1KiB'], /--part-size must be from 5MiB to /],
    [[S3, '--limit-rate', '5MB/s'], /Expected a size/],
    [[S3, '--limit-rate', '0'], /Expected a rate of at least 1 byte a second, such as 20MiB/],
    [[S3, '--endpoint-url', 'localhost:9000'], /Expected a URL such as/],
    [[S3, '--concurrency', 'many'], /Expected a whole number, or auto/],
    [[S3, '--max-parts', 'many'], /Expected a whole number\./],
    [[S3, '--metadata', 'a'], /Expected name=value/],
    [[S3, '--metadata', 'title=naïve'], /ASCII in title|Metadata\.title.*ASCII/],
    [[S3, '--metadata', 'a=1', '--metadata', 'b=x\ny'], /ASCII in b|Metadata\.b.*ASCII/],
    [[S3, '--param', 'contentType=x'], /Expected Name=value in S3's own spelling/],
    [[S3, '--param', 'Expires=soon'], /Expected a date/],
    [[S3, '--param', 'SSECustomerKey: secret'], /^s3-writable: --param: Expected [^:]*$/],
    [[S3, '--no-such=secret'], /^s3-writable: unknown option '--no-such'\n$/],
    [[S3, '--cool\nname'], /^s3-writable: unknown option '--cool\\nname'\n$/],
    [[S3, '--quite'], /^s3-writable: unknown option '--quite' \(Did you mean --quiet\?\)\n$/],
    [[S3, '-psecret'], /^s3-writable: unknown option '-p'\n$/],
    [['ls', '\x1b]0;title\x07'], /^s3-writable: .*'\\x1b\]0;title\\x07' is invalid/],
    [
      [S3, '--content-length', '1', '--expected-size', '1'],
      /--expected-size must be left out: --content-length is given/,
    ],
    [['ls'], /missing required argument 'address'/],
    [['ls', 'bucket'], /Expected s3:/],
    [['abort', 's3://bucket'], /abort needs either --older-than, such as --older-than 7d, or --upload-id/],
    [['abort', S3, '--older-than', '1d', '--upload-id', 'x'], /abort needs either/],
    [['abort', 's3://bucket', '--upload-id', 'x'], /--upload-id needs the key/],
    [['abort', 's3://bucket', '--older-than', '7'], /Expected an age such as 0s, 90m, 12h, 7d or 2w/],
  ]
  for (const [args, message] of wrong) {
    const { code, stderr, stdout } = await cli(args, { at: proxy.url })
    t.equal(code, 2, args.join(' '))
    t.match(stderr, message)
    t.equal(stdout, '')
  }
  t.equal(proxy.seen.length, 0)
})

t.test('--help begins with examples and lists the exit codes; --version prints the version', async (t) => {
  const help = await cli(['--help'])
  t.equal(help.code, 0)
  t.match(help.stdout, /^Examples:\n {2}s3-writable s3:/)
  t.match(help.stdout, /127 if it\s+was not found/)
  t.match((await cli(['abort', '--help'])).stdout, /--older-than <age>/)
  t.same(await cli(['--version']), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' })
})
