import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import t from 'tap'
import { toError, toPlainError } from '../../lib/threads/messages.js'
import { failureOf } from '../support/assertions.js'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { defaultHandlers, outcome, testServer } from '../support/http-handlers.js'
import { makeBucket, s3Client } from '../support/store.js'

const closed = await testServer(t, () => {})
closed.server.close()
const handlers = defaultHandlers(t)

for (const hostname of ['127.0.0.1', 'localhost', 'no-such-host.invalid']) {
  t.test(`an error has its own name, code, errno and causes with every handler: ${hostname}`, async (t) => {
    const results: object[] = []
    for (const [, handler] of handlers) results.push(await outcome(handler, closed.request({ hostname })))
    const [expected, ...others] = results
    for (const actual of others) t.same(actual, expected)
    t.match(expected, { error: { code: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/ } })
  })
}

t.test('errors of any kind go through a message', async (t) => {
  const deep = [1, 2, 3, 4, 5, 6, 7].reduce((cause, n) => new Error(`${n}`, { cause }), new Error('0'))
  const both = Object.assign(new AggregateError([new TypeError('a'), 'b'], 'both', { cause: deep }), {
    code: 'E',
    o: {},
  })
  const error = toError(structuredClone(toPlainError(both))) as AggregateError & { o?: unknown }
  t.ok(error instanceof AggregateError)
  t.match(error, { message: 'both', code: 'E', stack: both.stack, cause: { message: '7', cause: { message: '6' } } })
  t.match(error.errors, [
    { name: 'TypeError', message: 'a' },
    { name: 'Error', message: 'b' },
  ])
  t.equal(error.o, undefined)
  t.equal(toError(toPlainError('text')).message, 'text')
  let nested: unknown = new AggregateError([new Error('inner')])
  for (let n = 0; n < 7; n++) nested = new AggregateError([nested])
  t.ok(toError(structuredClone(toPlainError(nested))))
})

for (const [kind, handler] of handlers) {
  t.test(`commands of the S3 client work (${kind})`, async (t) => {
    const Bucket = await makeBucket(t)
    const client = s3Client(t, { requestHandler: handler as never })
    const data = bytes(3 * MiB + 1)
    for (const Body of [data, new Uint8Array(data), 'text', ''])
      await client.send(new PutObjectCommand({ Bucket, Key: 'a b/ä', Body }))
    await client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: data, Metadata: { a: 'b' } }))
    t.match(await client.send(new HeadObjectCommand({ Bucket, Key: 'k' })), {
      ContentLength: data.length,
      Metadata: { a: 'b' },
    })
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }))
    t.equal(sha256((await got.Body?.transformToByteArray()) as Uint8Array), sha256(data))
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
    t.equal(Contents.length, 2)
    t.match(await failureOf(client.send(new GetObjectCommand({ Bucket, Key: 'none' }))), { name: 'NoSuchKey' })
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }))
    await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'a b/ä' }] } }))
  })
}
