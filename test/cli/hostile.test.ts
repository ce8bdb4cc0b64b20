import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { cli } from '../support/cli.js'
import { s3Error, smallStore, xml } from '../support/small-store.js'

const TITLE = '\x1b]0;owned\x07'
const HOSTILE = [
  '$(touch x)`touch x`',
  "-rf'; touch x; '",
  '~" && touch x; "',
  `two\nlines; touch x${TITLE}`,
  "it's\r\u009b2J\u202egnp.exe\u2028!!",
]

/** Every character as a numeric reference, which XML can carry. */
const toXml = (text: string): string => [...text].map((c) => `&#${c.codePointAt(0)};`).join('')

/** Whether the text has no control characters except line feeds. */
const isPlain = (text: string): boolean => !/[^\P{Cc}\n]|[\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(text)

/** The arguments that a shell passes to `s3-writable` for a pasted command. Asserts that nothing else is executed. */
function pasteIntoShell(t: Test, command: string): string[] {
  const folder = t.testdir({ bin: { 's3-writable': '#!/bin/sh\nprintf "%s\\0" "$@"\n' }, here: {} })
  chmodSync(join(folder, 'bin/s3-writable'), 0o755)
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` }
  const out = execFileSync('bash', ['-c', command], { cwd: join(folder, 'here'), env, encoding: 'utf8' })
  t.same(readdirSync(join(folder, 'here')), [], 'nothing else was executed')
  return out.split('\0').slice(0, -1)
}

t.test('each upload is listed on a single line, whatever characters its names have', async (t) => {
  const upload = (name: string): string =>
    `<Upload><Key>${toXml(name)}</Key><UploadId>${toXml(name)}</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated>` +
    `<Owner><ID>${toXml(name)}</ID><DisplayName>${toXml(name)}</DisplayName></Owner></Upload>`
  const store = await smallStore(t, {
    ListMultipartUploads: ({ response }) =>
      xml(response, 200, `<ListMultipartUploadsResult>${HOSTILE.map(upload).join('')}</ListMultipartUploadsResult>`),
    AbortMultipartUpload: ({ response }) =>
      xml(
        response,
        403,
        `<Error><Code>AccessDenied</Code><Message>${toXml(`no\n9 removed.${TITLE}`)}</Message></Error>`,
      ),
  })
  store.parts = undefined
  const olderThan = ['s3://b', '--older-than', '0s']
  for (const args of [
    ['ls', 's3://b'],
    ['abort', ...olderThan, '--dry-run'],
    ['abort', ...olderThan, '--yes'],
  ]) {
    const { stdout, stderr } = await cli(args, { at: store.endpoint })
    const lines = stdout.trimEnd().split('\n')
    t.equal(lines.length, HOSTILE.length, args.join(' '))
    t.ok(lines.every((line) => /^ *\d+d.* s3:\/\/b\//.test(line)))
    t.ok(isPlain(stdout + stderr))
    if (args.includes('--yes')) {
      const [first, ...rest] = stderr.trimEnd().split('\n')
      t.equal(first, '0 removed.')
      t.equal(rest.length, HOSTILE.length, 'each failure is one line')
      t.ok(rest.every((line) => /^s3-writable: .*no\\n9 removed\.\\x1b\]0;owned\\x07/.test(line)))
    }
  }
  const { stdout } = await cli(['ls', 's3://b', '--json'], { at: store.endpoint })
  const uploads = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.same(
    uploads.map(({ Key }) => Key),
    HOSTILE,
    'JSON keeps the keys unchanged',
  )
  t.ok(isPlain(stdout))
})

t.test('a command from a message, pasted into a shell, keeps its arguments and runs nothing else', async (t) => {
  for (const UploadId of HOSTILE) {
    const store = await smallStore(t, {
      CreateMultipartUpload: ({ response }) => xml(response, 200, `<R><UploadId>${toXml(UploadId)}</UploadId></R>`),
      UploadPart: ({ response }) => s3Error(response, 403, 'AccessDenied'),
      AbortMultipartUpload: ({ response }) => s3Error(response, 403, 'AccessDenied'),
    })
    const object = `s3://b/${UploadId}`
    const producer = ['sh', '-c', 'head -c 9000000 /dev/zero', UploadId]
    const removal = await cli([object, '--path-style', '--', ...producer], { at: store.endpoint })
    const [, abort = ''] = /To remove them: (s3-writable abort .*)\n$/.exec(removal.stderr) ?? []
    t.same(pasteIntoShell(t, abort), ['abort', object, '--path-style', `--upload-id=${UploadId}`])
    const kept = await cli([object, '--leave-parts', '--', ...producer], { at: store.endpoint })
    const [, again = ''] = /with the same input: (s3-writable --resume .*)\n$/.exec(kept.stderr) ?? []
    const expected = ['--resume', object, `--upload-id=${UploadId}`, '--leave-parts', '--', ...producer]
    t.same(pasteIntoShell(t, again), expected)
    t.ok(isPlain(removal.stderr + kept.stderr))
  }
})

t.test('--verbose prints the details of an error, but no token or key that S3 echoes', async (t) => {
  const { endpoint: at } = await smallStore(t, {
    PutObject: ({ request, response }) => {
      const signed = Object.entries(request.headers).map(([name, value]) => `${name}:${value}`)
      const echo = `<Message>No match</Message><CanonicalRequest>${signed.join('\n')}</CanonicalRequest>`
      xml(response, 403, `<Error><Code>SignatureDoesNotMatch</Code>${echo}</Error>`)
    },
  })
  const SSECustomerKey = 'A'.repeat(32)
  const env = { AWS_SESSION_TOKEN: 'the-session-token' }
  const param = ['--param', 'SSECustomerAlgorithm=AES256', '--param', `SSECustomerKey=${SSECustomerKey}`]
  const { stdout, stderr } = await cli(['s3://b/k', '--verbose', ...param, '--', 'echo', 'x'], { at, env })
  t.match(stderr, /httpStatusCode: 403/)
  for (const secret of ['the-session-token', SSECustomerKey, Buffer.from(SSECustomerKey).toString('base64')]) {
    t.notOk((stdout + stderr).includes(secret))
  }
})

t.test('an upload that ended before abort could remove it is counted as no longer existed', async (t) => {
  const initiated = '<Initiated>2026-01-01T00:00:00.000Z</Initiated>'
  const { endpoint: at } = await smallStore(t, {
    ListMultipartUploads: ({ response }) =>
      xml(response, 200, `<R><Upload><Key>k</Key><UploadId>u1</UploadId>${initiated}</Upload></R>`),
  })
  const { code, stderr } = await cli(['abort', 's3://b', '--older-than', '0s', '--yes'], { at })
  t.same([code, stderr], [0, '0 removed, 1 no longer existed.\n'])
})

t.test('if a request with a checksum is refused, following the advice makes it succeed', async (t) => {
  const refusing = (operation: string, status: number, Code: string, Message: string) =>
    smallStore(t, {
      [operation]: ({ request, response }) => {
        if (request.headers['x-amz-checksum-crc32'] === undefined) return 'as usual'
        return xml(response, status, `<Error><Code>${Code}</Code><Message>${Message}</Message></Error>`)
      },
    })
  for (const [operation, status, Code, Message, size] of [
    ['UploadPart', 403, 'SignatureDoesNotMatch', 'It does not match', 9_000_000],
    ['PutObject', 400, 'InvalidRequest', "Unsupported header 'x-amz-checksum-crc32'", 10],
  ] as const) {
    const { endpoint: at, objects } = await refusing(operation, status, Code, Message)
    const args = ['s3://b/k', '--', 'head', '-c', String(size), '/dev/zero']
    const { code, stderr } = await cli(args, { at })
    t.equal(code, 1)
    const [, name = '', value] = /set (\w+)=(\w+)\.\n$/.exec(stderr) ?? []
    t.notMatch(stderr, /AWS_SECRET_ACCESS_KEY/)
    t.equal((await cli(args, { at, env: { [name]: value } })).code, 0)
    t.equal(objects.get('k')?.size, size)
  }
})
