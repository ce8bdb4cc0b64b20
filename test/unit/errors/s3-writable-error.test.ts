import { inspect } from 'node:util'
import t from 'tap'
import { answeredStatus, describeCause } from '../../../lib/errors/causes.js'
import { invalidOption } from '../../../lib/errors/invalid-option.js'
import { S3WritableError } from '../../../lib/errors/s3-writable-error.js'

t.test('a cause is told on one line, whatever was thrown', async (t) => {
  t.equal(describeCause('a string'), "'a string'")
  t.equal(describeCause(undefined), 'undefined')
  t.equal(describeCause(new TypeError('why')), 'TypeError: why')
  t.equal(describeCause(Object.assign(new Error(''), { code: 'ECONNRESET' })), 'Error: ECONNRESET')
  t.equal(describeCause(new Error('')), 'Error: no message')
  t.equal(
    describeCause(new AggregateError([new Error('over IPv4'), new Error('over IPv6')])),
    'AggregateError: over IPv4; over IPv6',
  )
  const $metadata = { httpStatusCode: 503, requestId: '18', attempts: 3 }
  t.equal(
    describeCause(Object.assign(new Error('Slow'), { $metadata })),
    'Error: Slow (HTTP 503, request 18, 3 attempts)',
  )
})

t.test("an error has S3's name where S3 answered, and ours where it did not", async (t) => {
  const place = { Bucket: 'b', Key: 'k', PartNumber: 2, operation: 'UploadPart' }
  const answered = Object.assign(new Error(), { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } })
  const error = new S3WritableError('ERR_S3_REQUEST', 'why', { ...place, cause: answered })
  t.match(error, { name: 'NoSuchBucket', cause: answered, $metadata: { httpStatusCode: 404 }, ...place })
  const unanswered = Object.assign(new Error(), { name: 'TimeoutError', $metadata: { attempts: 3 } })
  t.match(new S3WritableError('ERR_S3_REQUEST', 'why', { ...place, cause: unanswered }), {
    name: 'S3WritableError',
    $metadata: { attempts: 3 },
  })
  t.notOk('UploadId' in error, 'what is not known is not there')
})

t.test('an object that came instead of an option is named and never shown', async (t) => {
  const told = (value: unknown): string => invalidOption('ERR_INVALID_ARG_TYPE', 'client', 'a client', value).message
  t.match(told(new URL('http://user:secret@host')), /Received an instance of URL$/)
  t.match(told({ secretAccessKey: 'x' }), /Received an instance of Object$/)
  t.match(told(Object.create(null)), /Received an instance of Object$/)
  t.match(
    told(function send() {}),
    /Received function send$/,
  )
})

t.test('a status counts as answered where S3’s exception came with it', async (t) => {
  const $metadata = { httpStatusCode: 404 }
  const failed = (cause: unknown): Error => new Error('failed', { cause })
  t.equal(answeredStatus(failed(Object.assign(new Error('No'), { $fault: 'client', $metadata }))), 404)
  t.equal(answeredStatus(failed(Object.assign(new Error('aborted'), { $metadata }))), undefined)
  t.equal(answeredStatus(failed(undefined)), undefined)
  t.equal(answeredStatus(null), undefined)
})

t.test('a cause holds no secret, in its message, its stack, its own causes and those that it joins', async (t) => {
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
  const loops = ['a', 'b', 'c', 'd'].map((name) => new AggregateError([], name))
  for (const one of loops) Object.assign(one, { errors: [...loops, null], cause: one })
  t.ok(new S3WritableError('ERR_S3_REQUEST', 'why', { Bucket: 'b', Key: 'k', cause: loops[0] }).cause)
  t.equal(describeCause(Object.assign(new Error(''), { errors: [null, { message: 7 }] })), 'Error: null; 7')
  t.equal(describeCause(Object.assign(new Error(''), { errors: 'none' })), 'Error: no message')
})
