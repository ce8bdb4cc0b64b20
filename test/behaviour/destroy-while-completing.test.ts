import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import t from 'tap'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, P } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { holdForever, streamWithFault } from '../support/scenario.js'
import { head } from '../support/store.js'

t.test('a stream that is destroyed without an error during its last request does not count as finished', async (t) => {
  for (const [size, operation] of [
    [KiB, 'PutObject'],
    [P + 1, 'UploadPart'],
  ] as const) {
    const { upload, proxy, Bucket } = await streamWithFault(t, holdForever(operation))
    const piped = pipeline(Readable.from([bytes(size)]), upload)
    const whenFinished = finished(upload)
    await proxy.waitFor({ operation })
    upload.destroy()
    await t.rejects(piped, { code: 'ERR_STREAM_DESTROYED' })
    await t.rejects(whenFinished, { code: 'ERR_STREAM_DESTROYED' })
    await nothingIsLeft(t, Bucket, 'k')
    // Without a listener, an error event would end the process, so destroy must not emit one.
    const unobserved = await streamWithFault(t, holdForever(operation))
    unobserved.upload.end(bytes(size))
    await unobserved.proxy.waitFor({ operation })
    const closed = new Promise((resolve) => unobserved.upload.on('close', resolve))
    unobserved.upload.destroy()
    await closed
  }
})

t.test('destroy after finish changes neither the object nor the result', async (t) => {
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

t.test('destroy cancels a PutObject that still has bytes to send', async (t) => {
  const { upload, proxy, Bucket } = await streamWithFault(t, ({ operation }) =>
    operation === 'PutObject' ? { do: 'ignore' } : undefined,
  )
  upload.on('error', () => {})
  // The body is larger than the socket buffers, so some of it stays unsent.
  upload.end(bytes(P))
  await proxy.waitFor({ operation: 'PutObject' })
  const error = new Error('no more')
  const start = performance.now()
  upload.destroy(error)
  await t.rejects(upload.done(), error)
  t.ok(performance.now() - start < 8000, 'it does not wait 8 s for an answer')
  await nothingIsLeft(t, Bucket, 'k')
})

t.test('destroy waits for the answer to a PutObject that was sent, because S3 may have made the object', async (t) => {
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

t.test('a request is not sent again after destroy, even if its connection breaks', async (t) => {
  for (const [size, operation] of [
    [KiB, 'PutObject'],
    [P + 1, 'CreateMultipartUpload'],
    [P + 1, 'CompleteMultipartUpload'],
  ] as const) {
    const { promise: until, resolve: release } = deferred()
    // The connection breaks after the destroy. Without the destroy, the SDK would send the request again.
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

t.test('if destroy comes too late, the object is made, and result describes it', async (t) => {
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

t.test('if destroy without an error comes too late, done() rejects, and result describes the object', async (t) => {
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
