import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import type { S3Writable } from '../../lib/index.js'
import { bytes, KiB, P, sha256 } from '../support/bytes.js'
import { denied } from '../support/faults.js'
import { scenario } from '../support/scenario.js'
import { head, stored } from '../support/store.js'

/** What `close` calls back with, and whether that was while it was called. */
async function closing(upload: S3Writable): Promise<unknown[]> {
  let called = false
  return await new Promise((resolve, reject) => {
    upload.close((...given) => (called ? resolve(given) : reject(new Error('called back at once'))))
    called = true
  })
}

t.test('close() ends the stream, and calls back once the object is there and the stream is closed', async (t) => {
  const { upload, Bucket } = await scenario(t)
  for (const size of [0, KiB, 2 * P + 1]) {
    const data = bytes(size)
    const stream = upload()
    stream.write(data)
    t.same(await closing(stream), [])
    t.ok(stream.closed)
    t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size })
    t.match(stream.result, { size })
    t.same(await closing(stream), [], 'of a stream that is closed too')
  }
})

t.test('close() may come after end(), more than once, and without a callback', async (t) => {
  const { upload } = await scenario(t)
  const ended = upload()
  ended.end('x')
  t.same(await Promise.all([closing(ended), closing(ended)]), [[], []])
  const without = upload()
  without.close()
  await once(without, 'finish')
  t.match(without.result, { size: 0 })
})

t.test('close() calls back with what the stream fails with, which is told to nobody else', async (t) => {
  const { upload, fails } = await scenario(t, { fault: ({ PartNumber }) => (PartNumber === 1 ? denied : undefined) })
  const stream = upload()
  stream.write(bytes(P + 1))
  const expected = { name: 'AccessDenied', PartNumber: 1 }
  const [error] = await closing(stream)
  await fails(Promise.reject(error), expected)
  t.same(await closing(stream), [error], 'after it has failed too')
})

t.test('close() calls back with an error where the stream is destroyed, before it or after', async (t) => {
  const { upload, Bucket } = await scenario(t)
  const code = /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/
  for (const end of [true, false]) {
    const destroyed = upload()
    if (end) destroyed.end('x')
    destroyed.destroy()
    t.match(await closing(destroyed), [{ code }])
    t.match(await closing(destroyed), [{ code }])
  }
  const later = upload()
  const closed = closing(later)
  later.destroy()
  t.match(await closed, [{ code }])
  const reason = new Error('enough')
  const failed = upload()
  const closedThen = closing(failed)
  failed.destroy(reason)
  t.same(await closedThen, [reason])
  t.notOk(await head(Bucket, 'k'))
})

t.test('a stream that has close() is any other Writable to Node', async (t) => {
  const { upload, Bucket } = await scenario(t)
  await pipeline(Readable.from(['pipeline']), upload({ Key: 'pipeline' }))
  const web = Writable.toWeb(upload({ Key: 'web' })).getWriter()
  await web.write(Buffer.from('toWeb'))
  await web.close()
  const ended = upload({ Key: 'finished' }).end('finished')
  await finished(ended)
  for (const Key of ['pipeline', 'web', 'finished']) t.ok(await head(Bucket, Key))
})
