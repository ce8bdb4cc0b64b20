import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeProgram } from '../../lib/cli/arguments.js'
import { findMistake } from '../../lib/cli/mistakes.js'
import { parseParam } from '../../lib/cli/parse.js'
import { BUILT, cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import { type ProgramResult, runNode, s3Env } from '../support/run-program.js'

const S3 = 's3://bucket/key'
const withoutSdk = join(import.meta.dirname, '../support/programs/without-sdk.mjs')

t.test('a command line as for another tool is answered with what to write instead', async (t) => {
  const file = join(t.testdir(), 'photo one.jpg')
  writeFileSync(file, 'x')
  const wrong: [args: string[], message: string][] = [
    [[], 'The address is missing: s3-writable s3://bucket/key < file, or s3-writable s3://bucket/key -- command.'],
    [['--region', 'x'], 'The address is missing'],
    [['--', 'tar'], 'The address is missing'],
    [[S3, 'tar', '-c', 'photos'], `Put -- before the command: s3-writable ${S3} -- tar ….`],
    [['--region', S3, S3, 'tar', '-c', 'photos'], `Put -- before the command: s3-writable ${S3} -- tar ….`],
    [[S3, 'mysqldump', '-psecret'], `Put -- before the command: s3-writable ${S3} -- mysqldump ….`],
    [[S3, file], `s3-writable ${S3} -- '${file}' …. To upload a file: s3-writable ${S3} < '${file}'.`],
    [[S3, '-'], `Leave out the -: s3-writable ${S3} uploads standard input.`],
    [['-', S3], `Leave out the -: s3-writable ${S3} uploads standard input.`],
    [['-'], 'Leave out the -: s3-writable s3://bucket/key uploads standard input.'],
    [[file, S3], `To upload a file: s3-writable ${S3} < '${file}'.`],
    [['no-such-file.tar', '--region=x', S3], `To upload a file: s3-writable ${S3} < no-such-file.tar.`],
    [['cp', file, S3], `There is no command cp. To upload a file: s3-writable ${S3} < '${file}'.`],
    [['cp', '-', S3], `There is no command cp. To upload standard input: s3-writable ${S3}.`],
    [['put', S3], `There is no command put. To upload standard input: s3-writable ${S3}.`],
    [['put'], 'To upload what a command prints: s3-writable s3://bucket/key -- command.'],
    [['cp', S3, 'photo.jpg'], 'There is no command cp, and s3-writable does not download.'],
    [['rm', S3], 'There is no command rm.'],
    [[S3, 'cat', '--', 'tar'], `Only the address may come before the --: s3-writable ${S3} [options] -- command.`],
  ]
  for (const [args, message] of wrong) {
    const found = findMistake(makeProgram(args), args)
    t.ok(found?.includes(message), `${args.join(' ')}: ${found}`)
  }
  t.match(await cli(['cp', file, S3]), { code: 2, stdout: '', stderr: /^s3-writable: There is no command cp\. .*\n$/ })
})

t.test('a command line that is right, or that commander explains, has no such mistake', async (t) => {
  const right = [
    [S3],
    [S3, '--', 'cp', '-'],
    ['--part-size', '8MiB', S3],
    ['ls', 'bucket'],
    ['help'],
    ['cp', '--help'],
    ['--version'],
    ['--partsize', '8', S3],
    [S3, '--nope', 'cat'],
    ['bucket/key'],
  ]
  for (const args of right) t.equal(findMistake(makeProgram(args), args), undefined, args.join(' '))
})

t.test('options before the name of a command belong to the command', async (t) => {
  const proxy = await faultProxy(t)
  const options = ['--region', 'eu-north-1', '--no-sign-request', '--endpoint-url', proxy.url, '--path-style', '--json']
  for (const args of [
    [...options, 'ls', 's3://no-such-bucket-here'],
    ['ls', 's3://no-such-bucket-here', ...options],
    ['--region', 'x', ...options.slice(2), 'ls', '--region', 'eu-north-1', 's3://no-such-bucket-here'],
  ]) {
    const before = proxy.seen.length
    t.match(await cli(args, { at: 'http://127.0.0.1:1' }), { code: 1 })
    t.equal(proxy.seen.length > before, true, 'the request went to the given endpoint')
    t.notOk(proxy.seen.at(-1)?.headers.authorization, 'without credentials')
  }
  t.match(await cli(['--part-size', '8MiB', 'ls', 's3://bucket']), {
    code: 2,
    stderr: 's3-writable: ls has no option --part-size. See s3-writable ls --help.\n',
  })
})

t.test('a value in another notation is refused with the right one', async (t) => {
  const wrong: [args: string[], suggestion: string][] = [
    [[S3, '--part-size', '16M'], 'Did you mean 16MiB?'],
    [[S3, '--part-size', '8mb'], 'Did you mean 8MiB?'],
    [['abort', 's3://bucket', '--older-than', '7days'], 'Did you mean 7d?'],
    [['abort', 's3://bucket', '--older-than', '10 minutes'], 'Did you mean 10m?'],
    [['bucket/key'], 'Did you mean s3://bucket/key?'],
  ]
  for (const [args, suggestion] of wrong) {
    const { code, stderr } = await cli(args)
    t.equal(code, 2)
    t.ok(stderr.endsWith(` ${suggestion}\n`), stderr)
  }
})

t.test('help, the version and the answer to wrong usage do not load the SDK', async (t) => {
  const run = async (...args: string[]): Promise<ProgramResult> =>
    await runNode([`--import=${withoutSdk}`, BUILT, ...args], s3Env)
  t.match(await run('--help'), { code: 0, stdout: /Usage: s3-writable/ })
  t.match(await run('help', 'ls'), { code: 0, stdout: /Usage: s3-writable ls/ })
  t.match(await run('--version'), { code: 0 })
  t.match(await run(S3, '--nope'), { code: 2, stderr: /unknown option/ })
  t.match(await run('abort', S3, '--older-than', '7'), { code: 2, stderr: /Expected an age/ })
  t.match(await run(S3), { code: 1, stderr: /The SDK is imported/ }, 'an upload does')
})

t.test('a parameter whose value is no string is converted, or refused', (t) => {
  const wrong: [text: string, message: string][] = [
    ['BucketKeyEnabled=yes', '--param BucketKeyEnabled: Expected true or false.'],
    ['Expires=soon', '--param Expires: Expected a date such as 2027-01-31T00:00:00Z.'],
    ['ObjectLockEventHoldDurationDays=1.5', '--param ObjectLockEventHoldDurationDays: Expected a whole number.'],
    ['Metadata=1', '--param Metadata: Expected the option --metadata name=value instead.'],
    ['ContentLength=1', '--param ContentLength: Expected the option --content-length instead.'],
  ]
  for (const [text, message] of wrong) t.throws(() => parseParam(text), { exitCode: 2, message })
  t.end()
})
