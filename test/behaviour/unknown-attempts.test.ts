import { once } from 'node:events'
import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import type { S3Writable, S3WritableError } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { denied } from '../support/faults.js'
import { scenario } from '../support/scenario.js'
import { s3Client } from '../support/store.js'
import { processWarnings } from '../support/warnings.js'

/** A stream whose upload cannot be removed, and the warnings of the process. */
async function unremovable(t: Test): Promise<{ stream: S3Writable; warnings: Error[] }> {
  const { upload, Bucket } = await scenario(t, {
    fault: ({ operation }) => (operation === 'AbortMultipartUpload' ? denied : undefined),
  })
  const stream = upload()
  stream.write(bytes(P + 1))
  await once(stream, 'upload')
  const { UploadId } = stream
  t.teardown(() => s3Client(t).send(new AbortMultipartUploadCommand({ Bucket, Key: 'k', UploadId })))
  return { stream, warnings: processWarnings(t, (warning) => 'Bucket' in warning) }
}

const LEFT = { code: 'ERR_S3_REQUEST', name: 'AccessDenied', UploadId: /./, message: /may be left\. AccessDenied/ }

t.test(
  'without an error and without a listener, a failed clean-up is a process warning, and done() reports it',
  async (t) => {
    const { stream, warnings } = await unremovable(t)
    const closed = new Promise((resolve) => stream.on('close', resolve))
    stream.destroy()
    await closed
    t.match(warnings, [LEFT])
    t.match(await failureOf(stream.done()), { code: 'ERR_STREAM_PREMATURE_CLOSE', cleanupError: warnings[0] })
    t.equal(await failureOf(stream[Symbol.asyncDispose]()), warnings[0])
  },
)

t.test(
  'with a listener for errors, the failed clean-up is emitted as the error, and there is no warning',
  async (t) => {
    const { stream, warnings } = await unremovable(t)
    const done = stream.done()
    const errors: Error[] = []
    stream.on('error', (error) => errors.push(error))
    stream.destroy()
    const error = await failureOf(done)
    t.match(error, LEFT)
    t.same(errors, [error])
    t.equal((error as S3WritableError).cleanupError, undefined)
    t.same(warnings, [])
  },
)

t.test(
  'the end of an `await using` block reports a failed clean-up, even if the stream was destroyed inside it',
  async (t) => {
    const { stream, warnings } = await unremovable(t)
    stream.destroy()
    t.match(await failureOf(stream[Symbol.asyncDispose]()), LEFT)
    t.same(warnings, [])
  },
)

t.test(
  'a cleanupError on the error that a stream was destroyed with is not reported again by the end of the block',
  async (t) => {
    const { stream, warnings } = await unremovable(t)
    const reason = new Error('enough')
    const done = stream.done()
    stream.destroy(reason)
    t.equal(await failureOf(done), reason)
    t.match(reason, { cleanupError: LEFT })
    await stream[Symbol.asyncDispose]()
    t.same(warnings, [])
  },
)
