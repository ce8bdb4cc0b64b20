import t from 'tap'
import { answeredStatus, describeCause } from '../../../lib/errors/causes.js'

t.test('a cause is described in one line, whatever was thrown', async (t) => {
  t.equal(describeCause('a string'), "'a string'")
  t.equal(describeCause(undefined), 'undefined')
  t.equal(describeCause(new TypeError('why')), 'TypeError: why')
  t.equal(describeCause(Object.assign(new Error(''), { code: 'ECONNRESET' })), 'Error: ECONNRESET')
  t.equal(describeCause(new Error('')), 'Error: no message')
  t.equal(
    describeCause(new AggregateError([new Error('over IPv4'), new Error('over IPv6')])),
    'AggregateError: over IPv4; over IPv6',
  )
  t.equal(describeCause(Object.assign(new Error(''), { errors: [null, { message: 7 }] })), 'Error: null; 7')
  t.equal(describeCause(Object.assign(new Error(''), { errors: 'none' })), 'Error: no message')
  const $metadata = { httpStatusCode: 503, requestId: '18', attempts: 3 }
  t.equal(
    describeCause(Object.assign(new Error('Slow'), { $metadata })),
    'Error: Slow (HTTP 503, request 18, 3 attempts)',
  )
  // The message that the SDK puts where Ceph sends none, and that of rclone.
  for (const message of ['UnknownError', 'NoSuchBucket']) {
    const cause = Object.assign(new Error(message), { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } })
    t.equal(describeCause(cause), 'NoSuchBucket (HTTP 404)')
  }
})

t.test('a status counts as S3’s answer only if it comes with an exception of S3', async (t) => {
  const $metadata = { httpStatusCode: 404 }
  const failed = (cause: unknown): Error => new Error('failed', { cause })
  t.equal(answeredStatus(failed(Object.assign(new Error('No'), { $fault: 'client', $metadata }))), 404)
  t.equal(answeredStatus(failed(Object.assign(new Error('aborted'), { $metadata }))), undefined)
  t.equal(answeredStatus(failed(undefined)), undefined)
  t.equal(answeredStatus(null), undefined)
})
