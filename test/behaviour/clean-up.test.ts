import { once } from 'node:events'
import t from 'tap'
import { abortUpload, type S3WritableError, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import { type Answer, listsPart, type SmallStore, s3Error, smallStore } from '../support/small-store.js'

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

t.test(
  'an upload existed if the first answer to its Abort was lost, and the second one does not find it',
  async (t) => {
    const store: SmallStore = await smallStore(t, {
      AbortMultipartUpload: ({ seen, response }) => {
        if (seen.attempt > 1) return 'as usual'
        store.parts = undefined
        return response.destroy()
      },
    })
    store.parts = new Map()
    t.equal(await abortUpload({ client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' }), true)
  },
)

t.test('abortUpload fails after 30 s if the store never stops listing parts', async (t) => {
  const store = await smallStore(t, {
    ListParts: listsPart,
    AbortMultipartUpload: ({ response }) => response.writeHead(204).end(),
  })
  const upload = { client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' }
  await t.rejects(abortUpload(upload), {
    code: 'ERR_S3_REQUEST',
    operation: 'AbortMultipartUpload',
    UploadId: 'u1',
    message:
      /^s3:\/\/b\/k: upload u1 could not be removed within 30 s\. Error: ListParts lists parts of it after every Abort$/,
  })
})

t.test('parts that are listed although no Abort finds the upload are those of an object, as in Swift', async (t) => {
  const store = await smallStore(t, { ListParts: listsPart })
  t.equal(await abortUpload({ client: store.client, Bucket: 'b', Key: 'k', UploadId: 'u1' }), false)
  t.same(
    store.seen.map(({ operation }) => operation),
    ['AbortMultipartUpload', 'ListParts', 'AbortMultipartUpload'],
  )
})

t.test('a part that is stored after the upload was removed, and that no Abort removes, is reported', async (t) => {
  // S3Proxy stores such a part, lists it, and answers that there is no such upload.
  const store: SmallStore = await smallStore(t, {
    UploadPart: ({ seen }) => (seen.PartNumber === 2 ? undefined : 'as usual'),
    ListParts: (exchange) => (exchange.seen.attempt === 1 ? 'as usual' : listsPart(exchange)),
  })
  const upload = s3Writable({ client: store.client, ...options })
  upload.on('error', () => {})
  upload.write(bytes(2 * P + 1))
  await once(upload, 'progress')
  const error: Error & { cleanupError?: S3WritableError } = new Error('enough')
  upload.destroy(error)
  t.equal(await failureOf(upload.done()), error)
  t.match(error.cleanupError, {
    code: 'ERR_S3_REQUEST',
    UploadId: 'u1',
    message: /parts of upload u1 may be left\. Error: ListParts lists parts of it, but Abort finds no such upload$/,
  })
  t.equal(store.of('AbortMultipartUpload').length, 4)
})

t.test('ListParts is repeated only if S3 may have received a part that it did not answer', async (t) => {
  const listings = async (part2: Answer, maxAttempts: number): Promise<number> => {
    const store = await smallStore(
      t,
      { UploadPart: (exchange) => (exchange.seen.PartNumber === 2 ? part2(exchange) : 'as usual') },
      { maxAttempts },
    )
    const upload = s3Writable({ client: store.client, ...options, concurrency: 1 })
    upload.end(bytes(3 * P))
    t.match(await failureOf(upload.done()), { PartNumber: 2, cleanupError: undefined })
    return store.of('ListParts').length
  }
  const refused: Answer = ({ response }) => s3Error(response, 403, 'AccessDenied')
  const lost: Answer = ({ response }) => response.destroy()
  t.equal(await listings(refused, 1), 1, 'S3 answered it')
  t.equal(await listings(lost, 1), 2, 'S3 did not answer it')
  t.equal(await listings(({ response }) => response.writeHead(502).end('<html>'), 1), 2, 'a gateway answered it')
  const lostThenRefused: Answer = (exchange) => (exchange.seen.attempt === 1 ? lost : refused)(exchange)
  t.equal(await listings(lostThenRefused, 2), 2, 'S3 answered only the second attempt')
  t.equal(await listings(({ response }) => response.writeHead(200).end(), 1), 1, 'S3 answered it without an ETag')
})
