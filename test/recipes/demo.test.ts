import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ListBucketsCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { faultProxy, type ProxyOptions } from '../support/fault-proxy.js'
import { startRecipe } from '../support/recipe.js'
import { type ProgramResult, runProgram } from '../support/run-program.js'
import { endpoint, s3Client } from '../support/store.js'

const DEMO = join(import.meta.dirname, 'demo.ts')
/** A small folder. Relative, because tar warns about an absolute path. */
const SMALL = 'lib'

async function demo(folder: string, at = endpoint.href): Promise<ProgramResult> {
  return await runProgram(DEMO, [folder], { S3_ENDPOINT: at })
}

/** The demo removes its bucket, whether it succeeds or fails. */
async function noBucketIsLeft(t: Test): Promise<void> {
  const { Buckets = [] } = await s3Client(t).send(new ListBucketsCommand())
  t.same(
    Buckets.map(({ Name = '' }) => Name).filter((name) => name.startsWith('s3-writable-demo-')),
    [],
  )
}

t.test('without S3_ENDPOINT the demo starts an S3 server, and shows each of its claims with the proof', async (t) => {
  const { code, stdout, stderr } = await runProgram(DEMO, [], { S3_ENDPOINT: '' })
  t.equal(code, 0)
  t.equal(stderr, '')
  const shown = [
    /^The S3 is s3rver, which this demo has started\. The bucket is s3-writable-demo-[\w-]+\.$/,
    /^1\. An upload while it goes: tar -cf - node_modules \| s3:\/\/.*\/archive\.tar$/,
    /^ {3}8\.0 MiB are stored while tar still runs; in the bucket is no object yet\.$/,
    /^ {3}tar has ended with 0, and archive\.tar exists: [\d.]+ MiB, parts: \d\d+, in [\d.]+ s\.$/,
    /^ {3}SHA-256 written and read back: [0-9a-f]{64}$/,
    /^2\. A producer that crashes: s3-writable s3:\/\/.*\/dump\.sql -- node dump\.js$/,
    /^ {3}It crashes when 2 parts are stored\. The command exits with 137 and says: .*SIGKILL\. Nothing was published\.$/,
    /^ {3}In the bucket is only archive\.tar, no dump\.sql; unfinished uploads: none\.$/,
    /^3\. An upload that is killed: s3-writable s3:\/\/.*\/disk\.img < disk\.img$/,
    /^ {3}kill -9 when 4 parts are stored\. In the bucket is no disk\.img; unfinished uploads: disk\.img\.$/,
    /^ {3}s3-writable --resume: 32\.0 MiB were stored already, 16\.0 MiB are sent\.$/,
    /^ {3}SHA-256 written and read back: [0-9a-f]{64}$/,
    /^In the bucket are archive\.tar and disk\.img; unfinished uploads: none\.$/,
    /^All of this was checked\. The demo now removes its bucket\.$/,
  ]
  const lines = stdout.trimEnd().split('\n')
  t.equal(lines.length, shown.length)
  for (const [i, line] of shown.entries()) t.match(lines[i], line)
})

t.test('with S3_ENDPOINT the demo uses that S3, and removes its bucket', async (t) => {
  const { code, stdout } = await demo(SMALL)
  t.equal(code, 0)
  t.ok(stdout.includes(endpoint.origin))
  t.match(stdout, 'The archive is so small that tar ended before its first part was stored')
  t.match(stdout, 'All of this was checked')
  await noBucketIsLeft(t)
})

t.test('the demo fails if a claim does not hold, and removes its bucket', async (t) => {
  const otherBytes = { do: 'answer', status: 200, body: 'other' } as const
  const dump = '<Contents><Key>dump.sql</Key></Contents>'
  const withDump = { do: 'rewrite', body: (xml: string) => xml.replace('</Contents>', `</Contents>${dump}`) } as const
  const failures: [fault: NonNullable<ProxyOptions['fault']>, message: RegExp][] = [
    [
      ({ operation }) => (operation === 'GetObject' ? otherBytes : undefined),
      /: archive\.tar has the SHA-256 d9298a10d1b0\w+ when it is read back, but \w{64} was written$/,
    ],
    [
      ({ operation }) => (operation === 'GET bucket' ? withDump : undefined),
      /: the bucket should hold only archive\.tar\. It holds archive\.tar and dump\.sql$/,
    ],
    [
      ({ operation, url }) => (operation === 'GetObject' && url.includes('/disk.img') ? otherBytes : undefined),
      /: disk\.img has the SHA-256 d9298a10d1b0\w+ when it is read back, but \w{64} was written$/,
    ],
  ]
  for (const [fault, message] of failures) {
    const proxy = await faultProxy(t, { fault })
    const { code, stdout, stderr } = await demo(SMALL, proxy.url)
    t.equal(code, 1)
    t.match(stderr, /^The demo has failed: .*\n$/)
    t.match(stderr.trimEnd(), message)
    t.notMatch(stdout, 'All of this was checked')
    await noBucketIsLeft(t)
  }
})

t.test('the demo fails if tar fails, and makes no object', async (t) => {
  const proxy = await faultProxy(t)
  const { code, stderr } = await demo('no such folder', proxy.url)
  t.equal(code, 1)
  t.match(stderr, /tar ended with code [12]/)
  t.equal(proxy.of('PutObject').length, 0)
  await noBucketIsLeft(t)
})

t.test('a demo that is stopped removes its bucket', async (t) => {
  for (const [after, signal, expected] of [
    ['1. ', 'SIGINT', 130],
    ['2. ', 'SIGTERM', 143],
    ['3. ', 'SIGHUP', 129],
  ] as const) {
    const child = startRecipe('demo', [SMALL], { S3_ENDPOINT: endpoint.href })
    const stdout = child.stdout as Readable
    let shown = ''
    stdout.on('data', (text) => {
      const wasShown = shown.includes(`\n${after}`)
      shown += text
      if (!wasShown && shown.includes(`\n${after}`)) child.kill(signal)
    })
    t.same(await once(child, 'close'), [expected, null], signal)
    t.notMatch(shown, 'All of this was checked')
    await noBucketIsLeft(t)
  }
})
