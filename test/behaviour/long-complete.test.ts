import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, MiB, P } from '../support/bytes.js'
import { type StoreRequest, s3Error, smallStore } from '../support/small-store.js'

const data = bytes(6 * MiB)
const COMPLETE = 'CompleteMultipartUpload'
const options = { Bucket: 'b', Key: 'k', partSize: P }
/** In ms. Every Complete in this file takes longer. */
const stallTimeout = 500

/** Sends status 200 at once, then white space until `until` resolves, as S3 does. */
async function sendWhiteSpace({ response }: StoreRequest, until: Promise<unknown>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/xml' }).write('<?xml version="1.0" encoding="UTF-8"?>\n')
  const timer = setInterval(() => response.write(' '), 50)
  response.on('close', () => clearInterval(timer))
  await until
  clearInterval(timer)
}

t.test('a Complete whose answer is white space for longer than stallTimeout is sent only once', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async (request) => {
      await sendWhiteSpace(request, sleep(4 * stallTimeout))
      const { ETag } = store.complete('k')
      request.response.end(`<CompleteMultipartUploadResult><ETag>${ETag}</ETag></CompleteMultipartUploadResult>`)
    },
  })
  const upload = s3Writable({ client: store.client, ...options, stallTimeout })
  upload.end(data)
  const { ETag } = await upload.done()
  t.equal(ETag, store.objects.get('k')?.ETag)
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
})

t.test('every byte of an answer counts as progress, of any operation', async (t) => {
  const store = await smallStore(t, {
    CreateMultipartUpload: async ({ response }) => {
      const xml = '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>'
      store.parts = new Map()
      for (const character of xml) {
        response.write(character)
        await sleep((3 * stallTimeout) / xml.length)
      }
      response.end()
    },
  })
  const upload = s3Writable({ client: store.client, ...options, stallTimeout })
  upload.end(data)
  await upload.done()
  t.equal(store.of('CreateMultipartUpload').length, 1)
})

t.test('a Complete whose answer breaks off is not sent again, and HeadObject proves the object', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async (request) => {
      await sendWhiteSpace(request, sleep(100))
      request.response.destroy()
      // The store goes on although the client has disconnected.
      await sleep(500)
      store.complete('k')
    },
  })
  const upload = s3Writable({ client: store.client, ...options })
  upload.end(data)
  const { ETag, size } = await upload.done()
  t.same([ETag, size], [store.objects.get('k')?.ETag, data.length])
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
})

t.test('a Complete whose answer stalls after its first bytes is not sent again', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/xml' }).write(' ')
      await sleep(3 * stallTimeout)
      store.complete('k')
    },
  })
  const upload = s3Writable({ client: store.client, ...options, stallTimeout })
  upload.end(data)
  await upload.done()
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
})

t.test('if the outcome of Complete stays unknown, the parts are kept and the error has objectMayExist', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async (request) => {
      await sendWhiteSpace(request, sleep(100))
      request.response.destroy()
    },
  })
  const upload = s3Writable({ client: store.client, ...options })
  upload.end(data)
  await t.rejects(upload.done(), {
    operation: COMPLETE,
    UploadId: 'u1',
    objectMayExist: true,
    message: /it may exist\. Look for it; if it does not exist, abort upload u1, whose parts are left$/,
    cleanupError: { message: /may be left/, UploadId: 'u1' },
  })
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
  t.equal(store.parts?.size, 2)
})

t.test('a Complete that stalls without an answer is sent again after HeadObject and ListParts', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async ({ seen }) => {
      if (seen.attempt > 1) return 'as usual'
      return await new Promise(() => {})
    },
  })
  const upload = s3Writable({ client: store.client, ...options, stallTimeout })
  upload.end(data)
  await upload.done()
  const sinceComplete = store.seen.slice(store.seen.findIndex(({ operation }) => operation === COMPLETE))
  t.same(
    sinceComplete.map(({ operation }) => operation),
    [COMPLETE, 'HeadObject', 'ListParts', COMPLETE],
  )
})

t.test('if ListParts is denied, a Complete that stalls is sent again unless the object exists', async (t) => {
  for (const isMade of [false, true]) {
    const store = await smallStore(t, {
      [COMPLETE]: async ({ seen }) => {
        if (seen.attempt > 1) return 'as usual'
        if (isMade) store.complete('k')
        return await new Promise(() => {})
      },
      ListParts: ({ response }) => s3Error(response, 403, 'AccessDenied'),
    })
    const upload = s3Writable({ client: store.client, ...options, stallTimeout })
    upload.end(data)
    t.equal((await upload.done()).ETag, store.objects.get('k')?.ETag)
    t.equal(store.of(COMPLETE).length, isMade ? 1 : 2)
  }
})

t.test('a Complete that stalls but is carried out later is a success, and nothing is aborted', async (t) => {
  const store = await smallStore(
    t,
    {
      [COMPLETE]: async ({ seen, response }) => {
        if (store.parts === undefined) return s3Error(response, 404, 'NoSuchUpload')
        // The object is made after both attempts have stalled.
        if (seen.attempt === 2) setTimeout(() => store.complete('k'), 2 * stallTimeout)
        await new Promise(() => {})
      },
    },
    { maxAttempts: 2 },
  )
  const upload = s3Writable({ client: store.client, ...options, stallTimeout })
  upload.end(data)
  await upload.done()
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [2, 0])
})
