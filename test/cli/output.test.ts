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

/** Starts the command with the given standard streams. */
function startWith(args: string[], stdio: [Streams, Streams, Streams], at = endpoint.href): ChildProcess {
  const [node = '', ...main] = CLI
  const env = { ...process.env, NODE_NO_WARNINGS: '1', AWS_ENDPOINT_URL: at }
  return spawn(node, [...main, ...args], { env, stdio })
}

const readAll = async (stream: Readable | null): Promise<string> => await text(stream as Readable)

/**
 * A store with `count` unfinished uploads. `secondRequest` resolves when the parts of the second upload are requested;
 * they are sent after a call of `answer`.
 */
async function storeWithUploads(
  t: Test,
  count: number,
): Promise<SmallStore & { secondRequest: Promise<unknown>; answer: () => void }> {
  const secondRequest = deferred()
  const answered = deferred()
  const initiated = '<Initiated>2026-01-01T00:00:00Z</Initiated>'
  const upload = (i: number): string => `<Upload><Key>k${i}</Key><UploadId>u${i}</UploadId>${initiated}</Upload>`
  const uploads = Array.from({ length: count }, (_, i) => upload(i))
  const store = await smallStore(t, {
    ListMultipartUploads: ({ response }) =>
      xml(response, 200, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`),
    ListParts: async ({ query, response }) => {
      if (query.get('uploadId') === 'u1') {
        secondRequest.resolve()
        await answered.promise
      }
      xml(response, 200, '<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>')
    },
  })
  return { ...store, secondRequest: secondRequest.promise, answer: answered.resolve }
}

t.test('ls exits with 141 and no message when its reader closes the pipe, and sends no more requests', async (t) => {
  for (const json of [[], ['--json']]) {
    const store = await storeWithUploads(t, 300)
    const child = startWith(['ls', 's3://b', ...json], ['ignore', 'pipe', 'pipe'], store.endpoint)
    const ended = Promise.all([once(child, 'exit'), readAll(child.stderr)])
    const [line] = await once(createInterface(child.stdout as Readable), 'line')
    t.match(line, /k0/)
    await store.secondRequest
    child.stdout?.destroy()
    store.answer()
    t.same(await ended, [[141, null], ''])
    t.equal(store.of('ListParts').length, 2)
  }
})

t.test('abort removes nothing if its list cannot be printed', async (t) => {
  const store = await storeWithUploads(t, 3)
  const child = startWith(
    ['abort', 's3://b', '--older-than', '0s', '--yes'],
    ['ignore', 'pipe', 'pipe'],
    store.endpoint,
  )
  child.stdout?.destroy()
  t.same(await Promise.all([once(child, 'exit'), readAll(child.stderr)]), [[141, null], ''])
  t.equal(store.of('AbortMultipartUpload').length, 0)
})

t.test('--help and --version exit without a stack trace when standard output is closed', async (t) => {
  for (const args of [['--help'], ['ls', '--help'], ['--version']]) {
    const child = startWith(args, ['ignore', 'pipe', 'pipe'])
    child.stdout?.destroy()
    t.same(await Promise.all([once(child, 'exit'), readAll(child.stderr)]), [[141, null], ''], args.join(' '))
  }
})

t.test(
  'if the result cannot be printed, the exit code says so, and a message says that the object was published',
  async (t) => {
    const Bucket = await makeBucket(t)
    for (const [stdout, code, reason] of [
      ['pipe', 141, 'write EPIPE'],
      [openSync('/dev/full', 'w'), 74, 'ENOSPC: no space left on device, write'],
    ] as const) {
      const child = startWith(
        [`s3://${Bucket}/k${code}`, '--json', '--quiet', '--', 'echo', 'x'],
        ['ignore', stdout, 'pipe'],
      )
      child.stdout?.destroy()
      const message = `s3://${Bucket}/k${code} was published, but standard output could not be written: ${reason}`
      const line = `s3-writable: ${message}\n`
      t.same(await Promise.all([once(child, 'exit'), readAll(child.stderr)]), [[code, null], line])
      t.ok(await head(Bucket, `k${code}`))
    }
    const { endpoint } = await storeWithUploads(t, 1)
    for (const args of [['--json'], []]) {
      const child = startWith(['ls', 's3://b', ...args], ['ignore', openSync('/dev/full', 'w'), 'pipe'], endpoint)
      const line = 's3-writable: Standard output could not be written: ENOSPC: no space left on device, write\n'
      t.same(await Promise.all([once(child, 'exit'), readAll(child.stderr)]), [[74, null], line])
    }
  },
)

t.test('with standard error closed, an upload still succeeds, and a failed upload is still removed', async (t) => {
  const Bucket = await makeBucket(t)
  for (const [Key, producer, code] of [
    ['good', 'echo x', 0],
    ['bad', 'head -c 9000000 /dev/zero; exit 3', 3],
  ] as const) {
    const args = [`s3://${Bucket}/${Key}`, '--verbose', '--', 'sh', '-c', producer]
    const child = startWith(args, ['ignore', 'ignore', 'pipe'])
    child.stderr?.destroy()
    t.same(await once(child, 'exit'), [code, null])
  }
  t.ok(await head(Bucket, 'good'))
  await nothingIsLeft(t, Bucket, 'bad')
})

t.test('no line that --verbose prints can be mistaken for a message of the command', async (t) => {
  const Message = 'no\ns3-writable: s3://b/k was published\x1b[2J'
  const store = await smallStore(t, {
    PutObject: ({ response }) => xml(response, 403, `<Error><Code>X</Code><Message>${Message}</Message></Error>`),
  })
  const child = startWith(['s3://b/k', '--verbose', '--', 'echo', 'x'], ['ignore', 'ignore', 'pipe'], store.endpoint)
  const [stderr] = await Promise.all([readAll(child.stderr), once(child, 'exit')])
  const [first = '', ...rest] = stderr.trimEnd().split('\n')
  t.match(first, /^s3-writable: .*X: no\\ns3-writable: s3:\/\/b\/k was published\\x1b\[2J/)
  t.ok(rest.length > 3)
  t.same(
    rest.filter((line) => !line.startsWith('  ')),
    [],
  )
  t.notMatch(stderr, '\x1b')
})

t.test('the SDK’s warning about the version of Node is not printed, with any option', async (t) => {
  const Bucket = await makeBucket(t)
  const env = { ...plainEnv, AWS_ENDPOINT_URL: endpoint.href, NODE_NO_WARNINGS: undefined }
  for (const [flag, expected] of [
    ['--quiet', /^$/],
    ['--json', /^$/],
    ['--no-progress', /^s3:[^\n]*\n$/],
  ] as const) {
    const args = [BUILT, `s3://${Bucket}/k`, flag, '--', 'echo', 'x']
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    t.match(await readAll(child.stderr), expected, flag)
  }
})

t.test('other warnings are passed on unchanged', async (t) => {
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
