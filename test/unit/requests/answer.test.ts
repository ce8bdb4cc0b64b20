import t from 'tap'
import { type Attempt, hasBegunAnswer, wasNotCarriedOut } from '../../../lib/requests/answer.js'

/** Attempts, and what is certain about each: that S3 made no object, or that it began to answer that it makes the object. */
const ATTEMPTS: [name: string, attempt: Partial<Attempt>, notCarriedOut: boolean, begun: boolean][] = [
  ['no connection', { wasNotSent: true }, true, false],
  ['a connection that broke before the answer', {}, false, false],
  ['a refusal', { status: 403, Code: 'AccessDenied', answered: true }, true, false],
  ['a failed condition', { status: 412, Code: 'PreconditionFailed', answered: true }, true, false],
  ['SlowDown', { status: 503, Code: 'SlowDown', answered: true }, true, false],
  ['a status without a code of S3', { status: 503, answered: true }, false, false],
  ['InternalError', { status: 500, Code: 'InternalError', answered: true }, false, false],
  ['a timeout of a gateway', { status: 504, Code: 'GatewayTimeout', answered: true }, false, false],
  ['NoSuchUpload', { status: 404, Code: 'NoSuchUpload', answered: true }, false, false],
  ['an error in an answer with status 200', { status: 200, Code: 'SlowDown', answered: true }, true, false],
  ['an answer that broke off', { status: 200 }, false, true],
  ['a complete answer', { status: 200, answered: true }, false, false],
]

t.test('an attempt made no object for certain if it was not sent, or if S3 itself refused it', async (t) => {
  for (const [name, attempt, expected] of ATTEMPTS) {
    t.equal(wasNotCarriedOut({ sent: 0, answered: false, ...attempt }), expected, name)
  }
})

t.test('S3 began to answer if the status is 2xx and the rest is missing', async (t) => {
  for (const [name, attempt, , expected] of ATTEMPTS) {
    t.equal(hasBegunAnswer({ sent: 0, answered: false, ...attempt }), expected, name)
  }
})
