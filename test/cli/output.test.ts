import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { withoutNodeVersionWarning } from '../../lib/cli/warnings.js'
import { nothingIsLeft } from '../support/assertions.js'
import { BUILT, CLI } from '../support/cli.js'
import { deferred } from '../support/deferred.js'
import { plainEnv } from '../support/run-program.js'
import { type SmallStore, smallStore, xml } from '../support/small-store.js'
import { endpoint, head, makeBucket } from '../support/store.js'

type Streams = 'ignore' | 'pipe' | number

/** The command with streams of the test's own. */
function started(args: string[], stdio: [Streams, Streams, Streams], at = endpoint.href): ChildProcess {
  const [node = '', ...main] = CLI
  const env = { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: at }
  return spawn(node, [...main, ...args], { env, stdio })
}

const said = async (stream: Readable | null): Promise<string> => await text(stream as Readable)

/** A store with these uploads, and what is asked for the second one's parts. */
async function listing(t: Test, count: number): Promise<SmallStore & { second: Promise<unknown>; answer: () => void }> {
  const second = deferred()
  const answered = deferred()
  const begun = '<Initiated>2026-01-01T00:00:00Z</Initiated>'
  const one = (i: number): string => `<Upload><Key>k${i}</Key><UploadId>u${i}</UploadId>${begun}</Upload>`
  const uploads = Array.from({ length: count }, (_, i) => one(i))
  const store = await smallStore(t, {
    ListMultipartUploads: ({ response }) =>
      xml(response, 200, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`),
    ListParts: async ({ query, response }) => {
      if (query.get('uploadId') === 'u1') {
        second.resolve()
        await answered.promise
      }
      xml(response, 200, '<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>')
    },
  })
  return { ...store, second: second.promise, answer: answered.resolve }
}

t.test('ls ends quietly, with 141, where its reader has read enough, and asks for no more parts', async (t) => {
  for (const json of [[], ['--json']]) {
    const store = await listing(t, 300)
    const child = started(['ls', 's3://b', ...json], ['ignore', 'pipe', 'pipe'], store.endpoint)
    const ended = Promise.all([once(child, 'exit'), said(child.stderr)])
    const [line] = await once(createInterface(child.stdout as Readable), 'line')
    t.match(line, /k0/)
    await store.second
    child.stdout?.destroy()
    store.answer()
    t.same(await ended, [[141, null], ''])
    t.equal(store.of('ListParts').length, 2)
  }
})

t.test('abort removes nothing where its list cannot be read', async (t) => {
  const store = await listing(t, 3)
  const child = started(['abort', 's3://b', '--older-than', '0s', '--yes'], ['ignore', 'pipe', 'pipe'], store.endpoint)
  child.stdout?.destroy()
  t.same(await Promise.all([once(child, 'exit'), said(child.stderr)]), [[141, null], ''])
  t.equal(store.of('AbortMultipartUpload').length, 0)
})

t.test('--help and --version end without a stack where standard output is closed', async (t) => {
  for (const args of [['--help'], ['ls', '--help'], ['--version']]) {
    const child = started(args, ['ignore', 'pipe', 'pipe'])
    child.stdout?.destroy()
    t.same(await Promise.all([once(child, 'exit'), said(child.stderr)]), [[141, null], ''], args.join(' '))
  }
})

t.test(
  'where the answer cannot be printed, the exit code says so, and a line says that the object is there',
  async (t) => {
    const Bucket = await makeBucket(t)
    for (const [stdout, code, why] of [
      ['pipe', 141, 'write EPIPE'],
      [openSync('/dev/full', 'w'), 74, 'ENOSPC: no space left on device, write'],
    ] as const) {
      const child = started(
        [`s3://${Bucket}/k${code}`, '--json', '--quiet', '--', 'echo', 'x'],
        ['ignore', stdout, 'pipe'],
      )
      child.stdout?.destroy()
      const line = `s3-writable: s3://${Bucket}/k${code} is there, but standard output could not be written: ${why}\n`
      t.same(await Promise.all([once(child, 'exit'), said(child.stderr)]), [[code, null], line])
      t.ok(await head(Bucket, `k${code}`))
    }
    const { endpoint } = await listing(t, 1)
    for (const args of [['--json'], []]) {
      const child = started(['ls', 's3://b', ...args], ['ignore', openSync('/dev/full', 'w'), 'pipe'], endpoint)
      const line = 's3-writable: Standard output: ENOSPC: no space left on device, write\n'
      t.same(await Promise.all([once(child, 'exit'), said(child.stderr)]), [[74, null], line])
    }
  },
)

t.test('a closed standard error changes nothing: an upload succeeds, and one that fails is removed', async (t) => {
  const Bucket = await makeBucket(t)
  for (const [Key, producer, code] of [
    ['good', 'echo x', 0],
    ['bad', 'head -c 9000000 /dev/zero; exit 3', 3],
  ] as const) {
    const args = [`s3://${Bucket}/${Key}`, '--verbose', '--', 'sh', '-c', producer]
    const child = started(args, ['ignore', 'ignore', 'pipe'])
    child.stderr?.destroy()
    t.same(await once(child, 'exit'), [code, null])
  }
  t.ok(await head(Bucket, 'good'))
  await nothingIsLeft(t, Bucket, 'bad')
})

t.test('what --verbose prints has no line that looks like one of the command’s own', async (t) => {
  const Message = 'no\ns3-writable: s3://b/k was published\x1b[2J'
  const store = await smallStore(t, {
    PutObject: ({ response }) => xml(response, 403, `<Error><Code>X</Code><Message>${Message}</Message></Error>`),
  })
  const child = started(['s3://b/k', '--verbose', '--', 'echo', 'x'], ['ignore', 'ignore', 'pipe'], store.endpoint)
  const [stderr] = await Promise.all([said(child.stderr), once(child, 'exit')])
  const [first = '', ...rest] = stderr.trimEnd().split('\n')
  t.match(first, /^s3-writable: .*X: no\\ns3-writable: s3:\/\/b\/k was published\\x1b\[2J/)
  t.ok(rest.length > 3)
  t.same(
    rest.filter((line) => !line.startsWith('  ')),
    [],
  )
  t.notMatch(stderr, '\x1b')
})

t.test('the SDK’s warning of this version of Node is not printed, whatever is', async (t) => {
  const Bucket = await makeBucket(t)
  const env = { ...plainEnv, AWS_ENDPOINT_URL: endpoint.href, NODE_NO_WARNINGS: undefined }
  for (const [flag, expected] of [
    ['--quiet', /^$/],
    ['--json', /^$/],
    ['--no-progress', /^s3:[^\n]*\n$/],
  ] as const) {
    const args = [BUILT, `s3://${Bucket}/k`, flag, '--', 'echo', 'x']
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    t.match(await said(child.stderr), expected, flag)
  }
})

t.test('no other warning is dropped', async (t) => {
  const { emitWarning } = process
  t.teardown(() => {
    process.emitWarning = emitWarning
  })
  const emitted: unknown[][] = []
  process.emitWarning = (...args: unknown[]): void => {
    emitted.push(args)
  }
  withoutNodeVersionWarning()
  for (const name of ['NodeVersionSupportWarning', 'NodeDeprecationWarning']) {
    process.emitWarning(`${name}: The AWS SDK for JavaScript (v3)\nwill require …`)
  }
  const error = new Error('another')
  process.emitWarning('one', 'DeprecationWarning', 'DEP0')
  process.emitWarning(error)
  t.same(emitted, [['one', 'DeprecationWarning', 'DEP0'], [error]])
})
