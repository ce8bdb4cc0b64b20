import { once } from 'node:events'
import t from 'tap'
import { abortUpload, type S3WritableError, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { s3Error, smallStore, xml } from '../support/small-store.js'

const options = { Bucket: 'b', Key: 'k', partSize: P }

t.test('the clean-up retries until the network works again', async (t) => {
  const store = await smallStore(
    t,
    {
      UploadPart: ({ seen, response }) => (seen.PartNumber === 2 ? s3Error(response, 403, 'AccessDenied') : 'as usual'),
      AbortMultipartUpload: ({ seen, response }) => (seen.attempt < 8 ? response.destroy() : 'as usual'),
      ListParts: ({ seen, response }) => (seen.attempt < 8 ? response.destroy() : 'as usual'),
    },
    { maxAttempts: 1 },
  )
  const upload = s3Writable({ client: store.client, ...options })
  upload.end(bytes(3 * P))
  const error = (await failureOf(upload.done())) as S3WritableError
  t.match(error, { name: 'AccessDenied', PartNumber: 2, cleanupError: undefined })
  t.equal(store.parts, undefined)
})

t.test('a clean-up request that a load balancer answers instead of S3 is sent again', async (t) => {
  const page = '<html><title>Forbidden</title></html>'
  const store = await smallStore(t, {
    AbortMultipartUpload: ({ seen, response }) => (seen.attempt < 3 ? response.writeHead(403).end(page) : 'as usual'),
  })
  const upload = s3Writable({ client: store.client, ...options })
  upload.on('error', () => {})
  upload.write(bytes(P + 1))
  await once(upload, 'progress')
  upload.destroy(new Error('enough'))
  await t.rejects(upload.done(), { message: 'enough', cleanupError: undefined })
  t.equal(store.parts, undefined)
})

t.test('a part that is stored after ListParts has answered NoSuchUpload is removed', async (t) => {
  const store = await smallStore(t, {
    UploadPart: ({ seen }) => (seen.PartNumber === 2 ? undefined : 'as usual'),
    ListParts: ({ seen, response }) => {
      if (seen.attempt > 1) return 'as usual'
      s3Error(response, 404, 'NoSuchUpload')
      store.parts = new Map()
      return store.part(2, bytes(P))
    },
  })
  const upload = s3Writable({ client: store.client, ...options })
  upload.on('error', () => {})
  upload.write(bytes(2 * P + 1))
  await once(upload, 'progress')
  upload.destroy(new Error('enough'))
  await t.rejects(upload.done(), { message: 'enough', cleanupError: undefined })
  t.equal(store.of('AbortMultipartUpload').length, 2)
  t.equal(store.parts, undefined)
})

t.test('abortUpload returns whether the upload existed', async (t) => {
  const store = await smallStore(t)
  store.parts = new Map()
  const upload = { client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' }
  t.equal(await abortUpload(upload), true)
  t.equal(await abortUpload(upload), false)
})

t.test('abortUpload fails after 30 s if the store never stops listing parts', async (t) => {
  const store = await smallStore(t, {
    ListParts: ({ response }) => xml(response, 200, '<R><Part><PartNumber>1</PartNumber></Part></R>'),
  })
  const upload = { client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' }
  await t.rejects(abortUpload(upload), {
    code: 'ERR_S3_REQUEST',
    operation: 'AbortMultipartUpload',
    UploadId: 'u1',
    message: /^s3:\/\/b\/k: upload u1 could not be removed within 30 s\. /,
  })
})
