import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.js'
import { denied } from '../support/faults.js'
import { serveRecipe } from '../support/recipe.js'
import { head, keysOf, makeBucket, stored, unfinishedUploads } from '../support/store.js'
import {
  type SentAs,
  type SentFile,
  send,
  sendStart,
  type UploadRequest,
  uploadRequests,
} from '../support/upload-requests.js'

/** Every recipe that receives files. */
const servers: Record<string, SentAs> = {
  form: 'form',
  multer: 'form',
  formidable: 'form',
  fastify: 'form',
  'http-server': 'body',
  hono: 'body',
}
const file = (name: string, size: number): SentFile => ({ name, type: 'image/png', data: bytes(size) })

interface Serving {
  url: string
  Bucket: string
  proxy: FaultProxy
  /** Emits the name of each operation that the server asks S3 for. */
  operations: EventEmitter
  /** The operation that S3 refuses, if any. */
  refused?: string | undefined
  /** What the server logs. */
  log: PassThrough
}

/** Starts the recipe with an S3 that can refuse an operation. */
async function serve(t: Test, recipe: string): Promise<Serving> {
  const Bucket = await makeBucket(t)
  const operations = new EventEmitter()
  const log = new PassThrough({ encoding: 'utf8' })
  const proxy = await faultProxy(t, {
    fault: ({ operation }) => {
      operations.emit(operation)
      return operation === serving.refused ? denied : undefined
    },
  })
  const serving: Serving = { url: '', Bucket, proxy, operations, log }
  serving.url = await serveRecipe(t, recipe, [Bucket], { AWS_ENDPOINT_URL: proxy.url }, log)
  return serving
}

/** Resolves once all of these words have been logged. */
async function logged(log: PassThrough, ...words: string[]): Promise<void> {
  let text = ''
  while (!words.every((word) => text.includes(word))) {
    const chunk = log.read()
    if (chunk === null) await once(log, 'readable')
    else text += chunk
  }
}

/** Asserts that the bucket has objects with these keys and no others, once no upload is unfinished. */
async function onlyTheseExist(t: Test, Bucket: string, keys: string[]): Promise<void> {
  while ((await unfinishedUploads(Bucket)).length > 0) await sleep(50)
  t.same(await keysOf(Bucket), keys.toSorted(), 'there are only the objects that were answered with 201')
}

for (const [recipe, sentAs] of Object.entries(servers)) {
  t.test(recipe, async (t) => {
    const serving = await serve(t, recipe)
    const { url, Bucket, proxy, operations, log } = serving
    const keys: string[] = []
    const requestFor = async (...files: SentFile[]): Promise<UploadRequest> =>
      (await uploadRequests(sentAs, files))[0] as UploadRequest

    /** Sends the files, and asserts that they are stored once the server has answered. */
    const store = async (t: Test, ...files: SentFile[]): Promise<void> => {
      const keyOf = new Map(files.map(({ name }) => [name, name]))
      for (const request of await uploadRequests(sentAs, files)) {
        const { status, text } = await send(url, request)
        t.equal(status, 201, text)
        if (sentAs === 'form') for (const { name, Key } of JSON.parse(text)) keyOf.set(name, Key)
      }
      for (const { name, type, data } of files) {
        const Key = keyOf.get(name) ?? ''
        t.match(await head(Bucket, Key), { ContentType: type, ContentLength: data.length })
        t.same(await stored(Bucket, Key), { sha256: sha256(data), size: data.length })
        keys.push(Key)
      }
    }

    await t.test('the answer comes when the objects exist', async (t) => {
      await store(t, file('small', 7), file('large', 12 * MiB))
      await onlyTheseExist(t, Bucket, keys)
    })

    await t.test('a file that is too large is answered with 413, and nothing is published', async (t) => {
      const before = proxy.of('CompleteMultipartUpload').length
      const { status, text } = await send(url, await requestFor(file('too-large', 21 * MiB)))
      t.equal(status, 413, text)
      t.equal(proxy.of('CompleteMultipartUpload').length, before, 'not even for a moment')
      await onlyTheseExist(t, Bucket, keys)
    })

    for (const refused of ['PutObject', 'UploadPart']) {
      await t.test(`if S3 refuses ${refused}, the answer is an error, and the server logs why`, async (t) => {
        serving.refused = refused
        log.read()
        const isSmall = refused === 'PutObject'
        // The rest of a large file comes when its upload has already failed.
        const failed = isSmall ? undefined : once(operations, 'AbortMultipartUpload')
        const request = await requestFor(file('refused', isSmall ? 7 : 19 * MiB))
        const { status, text } = await send(url, request, isSmall ? 0 : 9 * MiB, failed)
        serving.refused = undefined
        if (!t.ok(status >= 500, `${status} ${text}`)) return
        await logged(log, 'AccessDenied', 'ERR_S3_REQUEST')
        await onlyTheseExist(t, Bucket, keys)
      })
    }

    await t.test('a client that disconnects leaves nothing', async (t) => {
      await sendStart(url, await requestFor(file('small-cut', 100_000)), 50_000)
      const [sent, removed] = [once(operations, 'UploadPart'), once(operations, 'AbortMultipartUpload')]
      await sendStart(url, await requestFor(file('large-cut', 12 * MiB)), 9 * MiB, sent)
      await removed
      await onlyTheseExist(t, Bucket, keys)
    })

    await t.test('it goes on to serve, and nothing has appeared meanwhile', async (t) => {
      await store(t, file('last', 7))
      await onlyTheseExist(t, Bucket, keys)
    })

    if (sentAs === 'body') {
      await t.test('the answer has the ETag, and what cannot be a key or a type is refused', async (t) => {
        const { etag } = await send(url, await requestFor(file('a%20folder/last', 7)))
        t.equal(etag, (await head(Bucket, 'a folder/last'))?.ETag)
        t.match(await send(url, await requestFor(file('', 7))), { status: recipe === 'hono' ? 404 : 400 })
        t.match(await send(url, await requestFor({ ...file('k', 7), type: 'image/é' })), { status: 400 })
      })
    }

    if (recipe === 'http-server') {
      await t.test('only PUT is allowed, and a path that cannot be decoded is refused', async (t) => {
        t.equal((await fetch(`${url}/favicon.ico`)).status, 405)
        t.equal((await send(url, await requestFor(file('%', 7)))).status, 400)
      })
    }

    if (recipe === 'formidable' || recipe === 'fastify') {
      await t.test('a type that no header can carry is refused, and does not end the server', async (t) => {
        const { body, ...request } = await requestFor(file('k', 7))
        const changed = Buffer.from(body.toString('latin1').replace('image/png', 'image/é'), 'latin1')
        t.match(await send(url, { ...request, body: changed }), { status: 400, text: /ContentType/ })
        await onlyTheseExist(t, Bucket, keys)
      })
    }

    if (recipe === 'multer') {
      await t.test('a stored file is removed if the client disconnects during a later one', async (t) => {
        const [stored, removed] = [once(operations, 'PutObject'), once(operations, 'DeleteObject')]
        await sendStart(url, await requestFor(file('small', 7), file('cut', 100_000)), 50_000, stored)
        await removed
        while ((await keysOf(Bucket)).length > keys.length) await sleep(50)
        await onlyTheseExist(t, Bucket, keys)
      })
    }
  })
}
