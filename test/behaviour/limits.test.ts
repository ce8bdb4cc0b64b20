import { getEventListeners, once } from 'node:events'
import t, { type Test } from 'tap'
import { abortUpload, s3Writable } from '../../lib/index.js'
import { orLimit } from '../../lib/requests/retry.js'
import { bytes, P } from '../support/bytes.js'
import { COMPLETE, closeConnection, uploadBy } from '../support/object-requests.js'
import { type Answer, s3Error, smallStore } from '../support/small-store.js'

/** Every signal that AbortSignal.timeout makes in this test. */
function recordLimits(t: Test): AbortSignal[] {
  const limits: AbortSignal[] = []
  const { timeout } = AbortSignal
  t.teardown(() => {
    AbortSignal.timeout = timeout
  })
  AbortSignal.timeout = (ms) => {
    const limit = timeout(ms)
    limits.push(limit)
    return limit
  }
  return limits
}

/** In Deno, a limit in time keeps the process alive for as long as it has a listener. */
t.test('when a stream has ended, none of its limits in time has a listener', async (t) => {
  const limits = recordLimits(t)
  const refusePart2: Answer = ({ seen, response }) =>
    seen.PartNumber === 2 ? s3Error(response, 403, 'AccessDenied') : 'as usual'
  const refused = await smallStore(t, { UploadPart: refusePart2 })
  await t.rejects(uploadBy(COMPLETE, refused), { code: 'ERR_S3_REQUEST', PartNumber: 2 })

  const lost = await smallStore(t, { [COMPLETE]: closeConnection }, { maxAttempts: 1 })
  await t.rejects(uploadBy(COMPLETE, lost), { code: 'ERR_S3_REQUEST', operation: COMPLETE })

  const destroyed = await smallStore(t, { [COMPLETE]: () => {} })
  const upload = s3Writable({ client: destroyed.client, Bucket: 'b', Key: 'k', partSize: P })
  upload.on('error', () => {})
  upload.write(bytes(2 * P + 1))
  await once(upload, 'progress')
  upload.destroy(new Error('enough'))
  await t.rejects(upload.done(), { message: 'enough' })
  await abortUpload({ client: destroyed.client, Bucket: 'b', Key: 'k', UploadId: 'u1' })

  t.ok(limits.length >= 6)
  t.same(
    limits.flatMap((limit) => getEventListeners(limit, 'abort')),
    [],
  )
})

t.test('a limit that aborts before the promise settles gives its reason, and keeps no listener either', async (t) => {
  const reason = new Error('too late')
  const limit = new AbortController()
  const limited = orLimit(limit.signal, new Promise(() => {}))
  t.equal(getEventListeners(limit.signal, 'abort').length, 1)
  limit.abort(reason)
  await t.rejects(limited, reason)
  t.equal(getEventListeners(limit.signal, 'abort').length, 0)
  await t.rejects(orLimit(limit.signal, Promise.resolve()), reason)
})
