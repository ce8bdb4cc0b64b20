import { once } from 'node:events'
import { createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { S3WritableError, s3Writable } from '../../lib/index.js'
import { KiB, MiB, zeros } from '../support/bytes.js'
import {
  accessKeyId,
  head,
  isMinio,
  makeBucket,
  s3Client,
  secretAccessKey,
  unfinishedUploads,
} from '../support/store.js'

const SIZES = { small: KiB, large: 12 * MiB }
const FIRST_REQUEST = { small: 'PutObject', large: 'CreateMultipartUpload' } as const
const KEYS = ['small', 'large'] as const

/** Uploads an object of each size with a client that S3 refuses, and checks the error. */
async function expectRefusal(t: Test, config: S3ClientConfig, expected: object, bucket?: string): Promise<void> {
  const Bucket = bucket ?? (await makeBucket(t))
  for (const Key of KEYS) {
    const client = s3Client(t, config)
    const upload = s3Writable({ client, Bucket, Key })
    const error = await pipeline(zeros(SIZES[Key]), upload).catch((error: unknown) => error)
    t.ok(error instanceof S3WritableError && error.cause instanceof Error)
    t.match(error, { code: 'ERR_S3_REQUEST', Bucket, Key, operation: FIRST_REQUEST[Key], ...expected })
    t.match((error as Error).message, `s3://${Bucket}/${Key}: ${FIRST_REQUEST[Key]} failed. `)
    t.equal((error as S3WritableError).UploadId, undefined)
    t.equal(upload.result, undefined)
    if (bucket === undefined) t.notOk(await head(Bucket, Key))
  }
  if (bucket === undefined) t.same(await unfinishedUploads(Bucket), [])
}

t.test('a bucket that does not exist gives NoSuchBucket', (t) =>
  expectRefusal(
    t,
    {},
    { name: 'NoSuchBucket', cause: { name: 'NoSuchBucket' }, $metadata: { httpStatusCode: 404 } },
    'there-is-no-such-bucket',
  ),
)

t.test('a wrong secret key gives SignatureDoesNotMatch', (t) =>
  expectRefusal(
    t,
    { credentials: { accessKeyId, secretAccessKey: 'wrong' } },
    { name: 'SignatureDoesNotMatch', $metadata: { httpStatusCode: 403 } },
  ),
)

t.test('an unknown access key gives InvalidAccessKeyId', (t) =>
  expectRefusal(
    t,
    { credentials: { accessKeyId: 'nobody', secretAccessKey } },
    { name: isMinio ? 'InvalidAccessKeyId' : /./ },
  ),
)

t.test('an unsigned request to a private bucket gives AccessDenied', (t) =>
  expectRefusal(
    t,
    { signer: { sign: async (request) => request } },
    { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } },
  ),
)

t.test('a wrong clock gives RequestTimeTooSkewed', (t) =>
  expectRefusal(t, { systemClockOffset: 86_400_000 }, { name: 'RequestTimeTooSkewed' }),
)

t.test('the error of an unreachable host names its socket error', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  await expectRefusal(
    t,
    { endpoint: `http://127.0.0.1:${port}` },
    { name: 'S3WritableError', message: /ECONNREFUSED/, cause: { code: 'ECONNREFUSED' } },
  )
  await expectRefusal(
    t,
    { endpoint: 'http://no-such-host.invalid' },
    { name: 'S3WritableError', cause: { code: /ENOTFOUND|EAI_AGAIN/ } },
  )
})

t.test('the error of a credentials provider that fails names the provider’s error', (t) =>
  expectRefusal(
    t,
    { credentials: () => Promise.reject(new Error('the vault is sealed')) },
    { name: 'S3WritableError', message: /the vault is sealed/ },
  ),
)

t.test('a client that throws a value that is no Error fails the stream', async (t) => {
  const Bucket = await makeBucket(t)
  const throwing = {
    config: {},
    send: () => {
      throw 'not an error'
    },
  }
  for (const Key of KEYS) {
    const upload = s3Writable({ client: throwing as never, Bucket, Key })
    await t.rejects(pipeline(zeros(SIZES[Key]), upload), {
      code: 'ERR_S3_REQUEST',
      cause: 'not an error',
      message: /failed. 'not an error'/,
    })
  }
})
