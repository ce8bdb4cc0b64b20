import t from 'tap'
import { bytes, P } from '../support/bytes.js'
import { cli } from '../support/cli.js'
import { faultProxy } from '../support/fault-proxy.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { makeBucket, secretAccessKey } from '../support/store.js'

t.test('NODE_DEBUG=s3-writable prints one line for each thing that happens', async (t) => {
  const Bucket = await makeBucket(t)
  const faults: Fault[] = [
    { do: 'reset', after: 0 },
    { do: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' },
  ]
  const fault = ({ operation }: RecordedRequest) => (operation === 'UploadPart' ? faults.shift() : undefined)
  const proxy = await faultProxy(t, { fault })
  const args = ['--part-size', '5MiB', '--concurrency', '1', `s3://${Bucket}/a key`]
  const env = { NODE_DEBUG: 's3-writable' }
  const { code, stderr } = await cli(args, { env, input: bytes(P + 1), at: proxy.url })
  t.equal(code, 0)
  const lines = stderr.split('\n').filter((line) => line.startsWith('S3-WRITABLE '))
  const about = (what: string): RegExp => new RegExp(`^S3-WRITABLE \\d+: ${what}`)
  for (const [index, what] of [
    "request operation='CreateMultipartUpload' Bucket='.*' Key='a key' attempt=1 bytes=0 status=200 ms=\\d+$",
    "request operation='UploadPart' .* PartNumber=1 attempt=1 bytes=5242880 error='.*(ECONNRESET|EPIPE|socket).*' ms=\\d+$",
    "retry .* PartNumber=1 attempt=2 .*previous=\\{ error: '.*' \\}$",
    "request .* PartNumber=1 attempt=2 bytes=5242880 status=503 Code='SlowDown' ms=\\d+$",
    "retry .* PartNumber=1 attempt=3 .*previous=\\{ status: 503, Code: 'SlowDown' \\}$",
    'request .* PartNumber=1 attempt=3 bytes=5242880 status=200 ms=\\d+$',
    'request .* PartNumber=2 attempt=1 bytes=1 status=200',
    "request operation='CompleteMultipartUpload' .*status=200",
    "upload Bucket='.*' Key='a key' result=\\{ ETag: '.*', size: 5242881, parts: 2, stats: \\{ .* \\} \\} UploadId='.*' ms=\\d+$",
  ].entries()) {
    t.match(lines[index], about(what))
  }
  t.equal(lines.length, 9)
  t.equal(stderr.includes(secretAccessKey), false)
})

t.test('NODE_DEBUG=s3-writable prints why an upload failed, in one line, and escapes control characters', async (t) => {
  const env = { NODE_DEBUG: 's3-writable' }
  const { code, stderr } = await cli(['s3://a-bucket-that-is-not-there/a key\u001b[31m'], { env, input: 'x' })
  t.equal(code, 1)
  t.match(stderr, /^S3-WRITABLE \d+: upload .* Key='a key\\x1B\[31m' error='NoSuchBucket: .*' ms=\d+$/m)
  t.equal(stderr.includes('\u001b'), false)
})
