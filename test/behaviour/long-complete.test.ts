import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, MiB, P } from '../support/bytes.js'
import { type StoreRequest, s3Error, smallStore } from '../support/small-store.js'

const data = bytes(6 * MiB)
const COMPLETE = 'CompleteMultipartUpload'
const place = { Bucket: 'b', Key: 'k', partSize: P }
/** Shorter than any of these Completes takes. */
const stallTimeout = 500

/** Answers 200 at once, and a blank now and then until `until`, as S3 does. */
async function blanks({ response }: StoreRequest, until: Promise<unknown>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/xml' }).write('<?xml version="1.0" encoding="UTF-8"?>\n')
  const timer = setInterval(() => response.write(' '), 50)
  response.on('close', () => clearInterval(timer))
  await until
  clearInterval(timer)
}

t.test('a Complete whose answer trickles for longer than stallTimeout is waited for, and sent once', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async (asked) => {
      await blanks(asked, sleep(4 * stallTimeout))
      const { ETag } = store.complete('k')
      asked.response.end(`<CompleteMultipartUploadResult><ETag>${ETag}</ETag></CompleteMultipartUploadResult>`)
    },
  })
  const upload = s3Writable({ client: store.client, ...place, stallTimeout })
  upload.end(data)
  const { ETag } = await upload.done()
  t.equal(ETag, store.objects.get('k')?.ETag)
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
})

t.test('the bytes of any answer are movement', async (t) => {
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
  const upload = s3Writable({ client: store.client, ...place, stallTimeout })
  upload.end(data)
  await upload.done()
  t.equal(store.of('CreateMultipartUpload').length, 1)
})

t.test('a Complete whose answer has begun and is cut off is not sent again, and the object proves it', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async (asked) => {
      await blanks(asked, sleep(100))
      asked.response.destroy()
      // The store works on, though its client has gone.
      await sleep(500)
      store.complete('k')
    },
  })
  const upload = s3Writable({ client: store.client, ...place })
  upload.end(data)
  const { ETag, size } = await upload.done()
  t.same([ETag, size], [store.objects.get('k')?.ETag, data.length])
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
})

t.test('a Complete whose answer has begun and then stands still is not sent again', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/xml' }).write(' ')
      await sleep(3 * stallTimeout)
      store.complete('k')
    },
  })
  const upload = s3Writable({ client: store.client, ...place, stallTimeout })
  upload.end(data)
  await upload.done()
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
})

t.test(
  'where S3 works on beyond all patience, the parts are left, and the error says that the object may be there',
  async (t) => {
    const store = await smallStore(t, {
      [COMPLETE]: async (asked) => {
        await blanks(asked, sleep(100))
        asked.response.destroy()
      },
    })
    const upload = s3Writable({ client: store.client, ...place })
    upload.end(data)
    await t.rejects(upload.done(), {
      operation: COMPLETE,
      UploadId: 'u1',
      objectMayExist: true,
      message: /it may be there\. Look for it, and if it is not there, abort upload u1: its parts are left$/,
      cleanupError: { message: /may be left/, UploadId: 'u1' },
    })
    t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [1, 0])
    t.equal(store.parts?.size, 2)
  },
)

t.test('a silent Complete is looked after before it is sent again', async (t) => {
  const store = await smallStore(t, {
    [COMPLETE]: async ({ seen }) => {
      if (seen.attempt > 1) return 'as usual'
      return await new Promise(() => {})
    },
  })
  const upload = s3Writable({ client: store.client, ...place, stallTimeout })
  upload.end(data)
  await upload.done()
  const after = store.seen.slice(store.seen.findIndex(({ operation }) => operation === COMPLETE))
  t.same(
    after.map(({ operation }) => operation),
    [COMPLETE, 'HeadObject', 'ListParts', COMPLETE],
  )
})

t.test('who may not list the parts sends a silent Complete again, unless the object is there', async (t) => {
  for (const made of [false, true]) {
    const store = await smallStore(t, {
      [COMPLETE]: async ({ seen }) => {
        if (seen.attempt > 1) return 'as usual'
        if (made) store.complete('k')
        return await new Promise(() => {})
      },
      ListParts: ({ response }) => s3Error(response, 403, 'AccessDenied'),
    })
    const upload = s3Writable({ client: store.client, ...place, stallTimeout })
    upload.end(data)
    t.equal((await upload.done()).ETag, store.objects.get('k')?.ETag)
    t.equal(store.of(COMPLETE).length, made ? 1 : 2)
  }
})

t.test('a silent Complete that is carried out meanwhile is a success, and nothing is aborted', async (t) => {
  const store = await smallStore(
    t,
    {
      [COMPLETE]: async ({ seen, response }) => {
        if (store.parts === undefined) return s3Error(response, 404, 'NoSuchUpload')
        // Once each attempt at it has stood still.
        if (seen.attempt === 2) setTimeout(() => store.complete('k'), 2 * stallTimeout)
        await new Promise(() => {})
      },
    },
    { maxAttempts: 2 },
  )
  const upload = s3Writable({ client: store.client, ...place, stallTimeout })
  upload.end(data)
  await upload.done()
  t.same([store.of(COMPLETE).length, store.of('AbortMultipartUpload').length], [2, 0])
})
