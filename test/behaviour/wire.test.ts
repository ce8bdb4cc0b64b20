import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { MiB, P, zeros } from '../support/bytes.js'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { makeBucket, s3Client, stored } from '../support/store.js'

const SHA256 = /^[0-9a-f]{64}$/
const withChecksum = ({ headers }: RecordedRequest): string[] =>
  Object.keys(headers).filter((name) => /checksum|trailer/.test(name))
const bodies = (proxy: FaultProxy): RecordedRequest[] => [...proxy.of('UploadPart'), ...proxy.of('PutObject')]

t.test('64 parts use one connection for each part in flight, and one for the other requests', async (t) => {
  for (const tls of [false, true]) {
    const proxy = await faultProxy(t, { tls })
    const client = s3Client(t, { endpoint: proxy.url })
    const Bucket = await makeBucket(t)
    const size = 64 * P
    await pipeline(zeros(size), s3Writable({ client, Bucket, Key: 'k', partSize: P, concurrency: 4 }))
    t.equal(proxy.of('UploadPart').length, 64)
    t.ok(proxy.of('UploadPart').every(({ length }) => length === P))
    t.ok(proxy.connections() <= 5, `${proxy.connections()} connections over ${proxy.url}`)
    t.equal((await stored(Bucket, 'k')).size, size)
  }
})

t.test('no request with a body has Expect: 100-continue', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  await client.send(new PutObjectCommand({ Bucket, Key: 'sdk', Body: Buffer.alloc(3 * MiB) }))
  t.equal(proxy.of('PutObject')[0]?.headers.expect, '100-continue', 'as the SDK by itself would')
  proxy.seen.length = 0
  await pipeline(zeros(3 * MiB), s3Writable({ client, Bucket, Key: 'put' }))
  await pipeline(zeros(12 * MiB), s3Writable({ client, Bucket, Key: 'parts' }))
  t.equal(bodies(proxy).length, 3)
  t.ok(bodies(proxy).every(({ headers }) => headers.expect === undefined))
})

t.test('by default the payload is signed over http and not over https', async (t) => {
  const Bucket = await makeBucket(t)
  const expected: [tls: boolean, unsignedPayload: boolean | undefined, signed: boolean][] = [
    [false, undefined, true],
    [true, undefined, false],
    [false, true, false],
    [true, false, true],
  ]
  for (const [tls, unsignedPayload, signed] of expected) {
    const proxy = await faultProxy(t, { tls })
    const client = s3Client(t, { endpoint: proxy.url })
    for (const size of [MiB, 12 * MiB]) {
      await pipeline(zeros(size), s3Writable({ client, Bucket, Key: 'k', unsignedPayload }))
      t.equal((await stored(Bucket, 'k')).size, size)
    }
    t.equal(bodies(proxy).length, 3)
    for (const { headers } of bodies(proxy)) {
      t.match(headers['x-amz-content-sha256'], signed ? SHA256 : 'UNSIGNED-PAYLOAD', `over ${proxy.url}`)
    }
  }
})

t.test('with WHEN_REQUIRED no checksum is sent, and none is listed', async (t) => {
  const completes: string[] = []
  const proxy = await faultProxy(t, {
    onXml: ({ operation }, xml) => operation === 'CompleteMultipartUpload' && completes.push(xml),
  })
  const client = s3Client(t, { endpoint: proxy.url, requestChecksumCalculation: 'WHEN_REQUIRED' })
  const Bucket = await makeBucket(t)
  await pipeline(zeros(MiB), s3Writable({ client, Bucket, Key: 'put' }))
  await pipeline(zeros(12 * MiB), s3Writable({ client, Bucket, Key: 'parts' }))
  t.same(proxy.seen.flatMap(withChecksum), [])
  t.equal(completes.length, 1)
  t.notMatch(completes[0], /Checksum/)
  t.match(completes[0], /ETag/)
})

t.test('by default CRC-32 is declared, sent with each part and listed', async (t) => {
  const completes: string[] = []
  const proxy = await faultProxy(t, {
    onXml: ({ operation }, xml) => operation === 'CompleteMultipartUpload' && completes.push(xml),
  })
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  await pipeline(zeros(12 * MiB), s3Writable({ client, Bucket, Key: 'parts' }))
  t.equal(proxy.of('CreateMultipartUpload')[0]?.headers['x-amz-checksum-algorithm'], 'CRC32')
  t.ok(proxy.of('UploadPart').every(({ headers }) => headers['x-amz-checksum-crc32'] !== undefined))
  t.equal(completes[0]?.match(/<ChecksumCRC32>/g)?.length, 2)
})

t.test('every body is sent with a Content-Length, and not in chunked encoding', async (t) => {
  const proxy = await faultProxy(t)
  const client = s3Client(t, { endpoint: proxy.url })
  const Bucket = await makeBucket(t)
  await pipeline(zeros(12 * MiB), s3Writable({ client, Bucket, Key: 'parts' }))
  for (const { headers, length } of proxy.of('UploadPart')) {
    t.equal(headers['content-length'], String(length))
    t.equal(headers['transfer-encoding'], undefined)
    t.equal(headers['content-encoding'], undefined)
  }
})

t.test("a body that the client's own middleware has replaced is sent unchanged", async (t) => {
  for (const [step, unsignedPayload] of [
    ['finalizeRequest', true],
    ['build', false],
  ] as const) {
    const client = s3Client(t)
    client.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { body?: unknown }
        if (!(request.body instanceof Uint8Array)) return next(args)
        return next({ ...args, request: { ...request, body: Readable.from([request.body]) } })
      },
      { step: step as 'build', priority: 'low' },
    )
    const Bucket = await makeBucket(t)
    await pipeline(zeros(2 * P), s3Writable({ client, Bucket, Key: 'k', partSize: P, unsignedPayload }))
    t.equal((await stored(Bucket, 'k')).size, 2 * P)
  }
})
