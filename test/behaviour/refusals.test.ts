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
const FIRST = { small: 'PutObject', large: 'CreateMultipartUpload' } as const
const KEYS = ['small', 'large'] as const

/** Sends an object of each size with a client that S3 will not have, and looks at the error. */
async function refused(t: Test, config: S3ClientConfig, expected: object, bucket?: string): Promise<void> {
  const Bucket = bucket ?? (await makeBucket(t))
  for (const Key of KEYS) {
    const client = s3Client(t, config)
    const upload = s3Writable({ client, Bucket, Key })
    const error = await pipeline(zeros(SIZES[Key]), upload).catch((error: unknown) => error)
    t.ok(error instanceof S3WritableError && error.cause instanceof Error)
    t.match(error, { code: 'ERR_S3_REQUEST', Bucket, Key, operation: FIRST[Key], ...expected })
    t.match((error as Error).message, `s3://${Bucket}/${Key}: ${FIRST[Key]} failed. `)
    t.equal((error as S3WritableError).UploadId, undefined)
    t.equal(upload.result, undefined)
    if (bucket === undefined) t.notOk(await head(Bucket, Key))
  }
  if (bucket === undefined) t.same(await unfinishedUploads(Bucket), [])
}

t.test('a bucket that is not there is NoSuchBucket', (t) =>
  refused(
    t,
    {},
    { name: 'NoSuchBucket', cause: { name: 'NoSuchBucket' }, $metadata: { httpStatusCode: 404 } },
    'there-is-no-such-bucket',
  ),
)

t.test('a wrong secret is SignatureDoesNotMatch', (t) =>
  refused(
    t,
    { credentials: { accessKeyId, secretAccessKey: 'wrong' } },
    { name: 'SignatureDoesNotMatch', $metadata: { httpStatusCode: 403 } },
  ),
)

t.test('an unknown access key is refused by name', (t) =>
  refused(
    t,
    { credentials: { accessKeyId: 'nobody', secretAccessKey } },
    { name: isMinio ? 'InvalidAccessKeyId' : /./ },
  ),
)

t.test('no credentials for a private bucket is AccessDenied', (t) =>
  refused(
    t,
    { signer: { sign: async (request) => request } },
    { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } },
  ),
)

t.test('a clock that is wrong is RequestTimeTooSkewed', (t) =>
  refused(t, { systemClockOffset: 86_400_000 }, { name: 'RequestTimeTooSkewed' }),
)

t.test('a host that nobody answers at is told by its socket error', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  await refused(
    t,
    { endpoint: `http://127.0.0.1:${port}` },
    { name: 'S3WritableError', message: /ECONNREFUSED/, cause: { code: 'ECONNREFUSED' } },
  )
  await refused(
    t,
    { endpoint: 'http://no-such-host.invalid' },
    { name: 'S3WritableError', cause: { code: /ENOTFOUND|EAI_AGAIN/ } },
  )
})

t.test('credentials that cannot be had are told', (t) =>
  refused(
    t,
    { credentials: () => Promise.reject(new Error('the vault is sealed')) },
    { name: 'S3WritableError', message: /the vault is sealed/ },
  ),
)

t.test('a client that throws, and not even an Error, fails the stream', async (t) => {
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
