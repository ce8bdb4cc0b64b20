import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, P } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { holdForever, streamWithFault } from '../support/scenario.js'
import { head } from '../support/store.js'

t.test('destroyed without an error while it commits, it does not look finished to anyone', async (t) => {
  for (const [size, operation] of [
    [KiB, 'PutObject'],
    [P + 1, 'UploadPart'],
  ] as const) {
    const { upload, proxy, Bucket } = await streamWithFault(t, holdForever(operation))
    const sent = pipeline(Readable.from([bytes(size)]), upload)
    const finish = finished(upload)
    await proxy.waitFor({ operation })
    upload.destroy()
    await t.rejects(sent, { code: 'ERR_STREAM_DESTROYED' })
    await t.rejects(finish, { code: 'ERR_STREAM_DESTROYED' })
    await nothingIsLeft(t, Bucket, 'k')
    // Nobody listens: no error that would end the process.
    const silent = await streamWithFault(t, holdForever(operation))
    silent.upload.end(bytes(size))
    await silent.proxy.waitFor({ operation })
    const closed = new Promise((resolve) => silent.upload.on('close', resolve))
    silent.upload.destroy()
    await closed
  }
})

t.test('destroyed after finish, it changes nothing', async (t) => {
  for (const size of [KiB, 12 * MiB]) {
    const { upload, Bucket, proxy } = await streamWithFault(t)
    upload.on('error', () => {})
    upload.end(bytes(size))
    const result = await upload.done()
    upload.destroy(new Error('too late'))
    t.equal((await head(Bucket, 'k'))?.ETag, result.ETag)
    t.equal(proxy.of('AbortMultipartUpload').length, 0)
  }
})

t.test('a PutObject of which bytes are still to be sent is cancelled with its stream', async (t) => {
  const { upload, proxy, Bucket } = await streamWithFault(t, ({ operation }) =>
    operation === 'PutObject' ? { do: 'ignore' } : undefined,
  )
  upload.on('error', () => {})
  // More than the system's buffers take, so that some of it waits.
  upload.end(bytes(P))
  await proxy.waitFor({ operation: 'PutObject' })
  const error = new Error('no more')
  const start = performance.now()
  upload.destroy(error)
  await t.rejects(upload.done(), error)
  t.ok(performance.now() - start < 8000, 'the 8 s for an answer are not waited')
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('a PutObject that has been sent is waited for, because S3 may have carried it out', async (t) => {
  for (const size of [KiB, P]) {
    const { promise: until, resolve: release } = deferred()
    const { upload, proxy, Bucket } = await streamWithFault(t, ({ operation }) =>
      operation === 'PutObject' ? { do: 'pass on late', until } : undefined,
    )
    upload.on('error', () => {})
    upload.end(bytes(size))
    await proxy.waitFor({ operation: 'PutObject', complete: true })
    const error = new Error('too late')
    upload.destroy(error)
    release()
    await t.rejects(upload.done(), error)
    t.match(upload.result, { size, parts: 1 })
    t.equal((await head(Bucket, 'k'))?.ContentLength, size)
  }
})

t.test('what was destroyed is not sent again, whatever became of the attempt under way', async (t) => {
  for (const [size, operation] of [
    [KiB, 'PutObject'],
    [P + 1, 'CreateMultipartUpload'],
    [P + 1, 'CompleteMultipartUpload'],
  ] as const) {
    const { promise: until, resolve: release } = deferred()
    // Held, then broken off: the SDK would try again.
    const { upload, proxy, Bucket } = await streamWithFault(t, (seen) =>
      seen.operation === operation ? { do: 'reset', after: 0, until } : undefined,
    )
    upload.on('error', () => {})
    upload.end(bytes(size))
    await proxy.waitFor({ operation })
    const error = new Error('too late')
    upload.destroy(error)
    release()
    await t.rejects(upload.done(), error)
    t.equal(proxy.of(operation).length, 1)
    t.equal(upload.result, undefined)
    await nothingIsLeft(t, Bucket, 'k')
  }
})

t.test('the object appears if destroy comes too late, and result says so', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const { upload, proxy, Bucket } = await streamWithFault(t, ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { do: 'hold', until } : undefined,
  )
  upload.on('error', () => {})
  upload.end(bytes(12 * MiB))
  await proxy.waitFor({ operation: 'CompleteMultipartUpload' })
  const error = new Error('too late')
  upload.destroy(error)
  release()
  await t.rejects(upload.done(), error)
  t.match(upload.result, { size: 12 * MiB, parts: 3 })
  t.equal((await head(Bucket, 'k'))?.ContentLength, 12 * MiB)
})

t.test('destroyed too late and without an error, done() tells of the destroy, and result of the object', async (t) => {
  const { promise: until, resolve: release } = deferred()
  const { upload, proxy } = await streamWithFault(t, ({ operation }) =>
    operation === 'CompleteMultipartUpload' ? { do: 'hold', until } : undefined,
  )
  upload.end(bytes(12 * MiB))
  await proxy.waitFor({ operation: 'CompleteMultipartUpload' })
  const closed = new Promise((resolve) => upload.on('close', resolve))
  upload.destroy()
  release()
  await closed
  await t.rejects(upload.done(), { code: 'ERR_STREAM_DESTROYED' })
  t.match(upload.result, { size: 12 * MiB, parts: 3 })
})
