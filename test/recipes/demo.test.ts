import { join } from 'node:path'
import t from 'tap'
import { faultProxy } from '../support/fault-proxy.js'
import { runProgram } from '../support/run-program.js'
import { endpoint } from '../support/store.js'

const DEMO = join(import.meta.dirname, 'demo.ts')
const ROOT = join(import.meta.dirname, '../..')

t.test('without S3_ENDPOINT the demo starts an S3 server of its own', async (t) => {
  const { code, stdout } = await runProgram(DEMO, [], { S3_ENDPOINT: '' })
  t.equal(code, 0)
  t.match(stdout, /s3rver/)
  t.match(stdout, /^part {3}1 stored: 8\.0 MiB of \d/m)
  t.match(stdout, /^part {2}\d\d stored: /m)
  t.match(stdout, /^written: (\d+ bytes, SHA-256 [0-9a-f]{64})\nread: {4}\1\nThey are the same\.$/m)
})

t.test('with S3_ENDPOINT the demo uses that S3', async (t) => {
  const { code, stdout } = await runProgram(DEMO, [join(ROOT, 'lib')])
  t.equal(code, 0)
  t.ok(stdout.includes(endpoint.origin))
  t.match(stdout, /They are the same/)
})

t.test('the demo fails if it reads back other bytes than it wrote', async (t) => {
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => (operation === 'GetObject' ? { do: 'answer', status: 200, body: 'other' } : undefined),
  })
  const { code, stdout } = await runProgram(DEMO, [join(ROOT, 'lib')], { S3_ENDPOINT: proxy.url })
  t.equal(code, 1)
  t.match(stdout, /^read: {4}5 bytes/m)
  t.match(stdout, /THEY DIFFER/)
})

t.test('the demo fails if tar fails, and makes no object', async (t) => {
  const proxy = await faultProxy(t)
  const { code, stderr } = await runProgram(DEMO, [join(ROOT, 'no such folder')], { S3_ENDPOINT: proxy.url })
  t.equal(code, 1)
  t.match(stderr, /tar ended with code [12]/)
  t.equal(proxy.of('PutObject').length, 0)
})
