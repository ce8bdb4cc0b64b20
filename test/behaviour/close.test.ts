import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import type { S3Writable } from '../../lib/index.js'
import { bytes, KiB, P, sha256 } from '../support/bytes.js'
import { denied } from '../support/faults.js'
import { scenario } from '../support/scenario.js'
import { head, stored } from '../support/store.js'

/** Calls `close` and resolves with the arguments of its callback. Rejects if the callback is called synchronously. */
async function closeAndWait(upload: S3Writable): Promise<unknown[]> {
  let returned = false
  return await new Promise((resolve, reject) => {
    upload.close((...args) => (returned ? resolve(args) : reject(new Error('the callback was called synchronously'))))
    returned = true
  })
}

t.test('close() ends the stream and calls back once the object exists and the stream is closed', async (t) => {
  const { upload, Bucket } = await scenario(t)
  for (const size of [0, KiB, 2 * P + 1]) {
    const data = bytes(size)
    const stream = upload()
    stream.write(data)
    t.same(await closeAndWait(stream), [])
    t.ok(stream.closed)
    t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size })
    t.match(stream.result, { size })
    t.same(await closeAndWait(stream), [], 'also on a stream that is closed already')
  }
})

t.test('close() may be called after end(), more than once, and without a callback', async (t) => {
  const { upload } = await scenario(t)
  const ended = upload()
  ended.end('x')
  t.same(await Promise.all([closeAndWait(ended), closeAndWait(ended)]), [[], []])
  const withoutCallback = upload()
  withoutCallback.close()
  await once(withoutCallback, 'finish')
  t.match(withoutCallback.result, { size: 0 })
})

t.test('close() calls back with the error of the stream, even without a listener for error events', async (t) => {
  const { upload, fails } = await scenario(t, { fault: ({ PartNumber }) => (PartNumber === 1 ? denied : undefined) })
  const stream = upload()
  stream.write(bytes(P + 1))
  const expected = { name: 'AccessDenied', PartNumber: 1 }
  const [error] = await closeAndWait(stream)
  await fails(Promise.reject(error), expected)
  t.same(await closeAndWait(stream), [error], 'also on a stream that has failed already')
})

t.test('close() calls back with an error if the stream is destroyed before or after the call', async (t) => {
  const { upload, Bucket } = await scenario(t)
  const code = /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/
  for (const end of [true, false]) {
    const destroyed = upload()
    if (end) destroyed.end('x')
    destroyed.destroy()
    t.match(await closeAndWait(destroyed), [{ code }])
    t.match(await closeAndWait(destroyed), [{ code }])
  }
  const destroyedAfter = upload()
  const closed = closeAndWait(destroyedAfter)
  destroyedAfter.destroy()
  t.match(await closed, [{ code }])
  const reason = new Error('enough')
  const failed = upload()
  const closedWithError = closeAndWait(failed)
  failed.destroy(reason)
  t.same(await closedWithError, [reason])
  t.notOk(await head(Bucket, 'k'))
})

t.test('pipeline, Writable.toWeb and finished accept a stream that has close()', async (t) => {
  const { upload, Bucket } = await scenario(t)
  await pipeline(Readable.from(['pipeline']), upload({ Key: 'pipeline' }))
  const web = Writable.toWeb(upload({ Key: 'web' })).getWriter()
  await web.write(Buffer.from('toWeb'))
  await web.close()
  const ended = upload({ Key: 'finished' }).end('finished')
  await finished(ended)
  for (const Key of ['pipeline', 'web', 'finished']) t.ok(await head(Bucket, Key))
})
