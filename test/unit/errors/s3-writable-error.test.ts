import { inspect } from 'node:util'
import t from 'tap'
import { S3WritableError } from '../../../lib/errors/s3-writable-error.js'

t.test("an error has the name of S3's exception if S3 answered, otherwise the name of its class", async (t) => {
  const details = { Bucket: 'b', Key: 'k', PartNumber: 2, operation: 'UploadPart' }
  const answered = Object.assign(new Error(), { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } })
  const error = new S3WritableError('ERR_S3_REQUEST', 'why', { ...details, cause: answered })
  t.match(error, { name: 'NoSuchBucket', cause: answered, $metadata: { httpStatusCode: 404 }, ...details })
  const unanswered = Object.assign(new Error(), { name: 'TimeoutError', $metadata: { attempts: 3 } })
  t.match(new S3WritableError('ERR_S3_REQUEST', 'why', { ...details, cause: unanswered }), {
    name: 'S3WritableError',
    $metadata: { attempts: 3 },
  })
  t.notOk('UploadId' in error, 'an unknown detail is not a property')
})

t.test('a cause holds no secret in its message, its stack, its own causes and its joined errors', async (t) => {
  const secret = (): Error =>
    Object.assign(new Error('x-amz-security-token: SECRET\nSignature=SECRET, authorization: SECRET SECRET'), {
      $response: { headers: 'SECRET' },
      config: 'SECRET',
      code: 'ECONNRESET',
    })
  const cause = new AggregateError([secret(), 'x-amz-security-token=SECRET&more'], 'both', { cause: secret() })
  const error = new S3WritableError('ERR_S3_REQUEST', 'why', { Bucket: 'b', Key: 'k', cause })
  t.notMatch(inspect(error, { depth: 20, showHidden: true }), /SECRET/)
  t.match(error.cause, { name: 'AggregateError', message: 'both', errors: [{ code: 'ECONNRESET' }, /more$/] })
  t.ok(error.cause instanceof AggregateError)
})

t.test('errors that are their own causes, and that join each other, are copied', async (t) => {
  const loops = ['a', 'b', 'c', 'd'].map((name) => new AggregateError([], name))
  for (const loop of loops) Object.assign(loop, { errors: [...loops, null], cause: loop })
  t.ok(new S3WritableError('ERR_S3_REQUEST', 'why', { Bucket: 'b', Key: 'k', cause: loops[0] }).cause)
})
