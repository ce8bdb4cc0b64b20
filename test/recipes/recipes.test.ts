import { createDecipheriv } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { extract } from 'tar-stream'
import { nothingIsLeft } from '../support/assertions.js'
import { bytes, MiB, sha256 } from '../support/bytes.js'
import { faultProxy } from '../support/fault-proxy.js'
import { runRecipe, startRecipe } from '../support/recipe.js'
import { head, makeBucket, minio, read, s3Client, stored } from '../support/store.js'

const data = bytes(12 * MiB)
const complete = { sha256: sha256(data), size: data.length }

t.test('fetch: a complete response of a URL becomes an object, and an incomplete one does not', async (t) => {
  const Bucket = await makeBucket(t)
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'video/webm', 'content-length': data.length })
    if (request.url === '/cut') response.write(data.subarray(0, 9 * MiB), () => response.destroy())
    else response.end(data)
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.match(await runRecipe('fetch', [`${url}/complete`, Bucket, 'k']), { code: 0, stdout: `${data.length}\n` })
  t.same(await stored(Bucket, 'k'), complete)
  t.equal((await head(Bucket, 'k'))?.ContentType, 'video/webm')
  t.match(await runRecipe('fetch', [`${url}/cut`, Bucket, 'cut']), { code: 1, stderr: /terminated|other side closed/ })
  await nothingIsLeft(t, Bucket, 'cut')
})

t.test('logs: a new object begins after a number of bytes or milliseconds, and no line is lost or split', async (t) => {
  const Bucket = await makeBucket(t)
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i} ${'ü'.repeat(i % 50)}`)
  const ran = await runRecipe('logs', [Bucket, 'day/', '4000', '60000'], `${lines.join('\n')}\n`)
  t.equal(ran.code, 0)
  const keys = ran.stdout.trim().split('\n').sort()
  t.ok(keys.length > 3)
  const all = await Promise.all(keys.map((key) => read(Bucket, key)))
  t.equal(all.join(''), `${lines.join('\n')}\n`)
  t.ok(all.slice(0, -1).every(({ length }) => length >= 4000 && length < 4200))

  const slow = startRecipe('logs', [Bucket, 'slow/', '4000', '200'])
  slow.stdin?.write('one\n')
  const [first] = await once(slow.stdout ?? slow, 'data')
  t.equal(
    String(first),
    'slow/000001.log\n',
    'it ends after 200 ms, though it is small and its producer is still running',
  )
  slow.stdin?.end('two\n')
  await once(slow, 'exit')
  const failed = await runRecipe('logs', ['no-such-bucket-here', 'a/', '3', '60000'], 'one\ntwo\n')
  t.equal(failed.code, 1)
  for (const key of ['a/000001.log', 'a/000002.log']) t.match(failed.stderr, `${key} is lost: s3://no-such-bucket-here`)
  t.same([`${await read(Bucket, 'slow/000001.log')}`, `${await read(Bucket, 'slow/000002.log')}`], ['one\n', 'two\n'])
})

t.test('logs: if an object fails while no line arrives, the next line goes into a new object', async (t) => {
  const logs = startRecipe('logs', ['no-such-bucket-here', 'a/', '1000000000', '60000'])
  let stderr = ''
  logs.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  logs.stdin?.write(`${'x'.repeat(9 * MiB)}\n`)
  while (!stderr.includes('a/000001.log is lost')) await once(logs.stderr ?? logs, 'data')
  logs.stdin?.end('two\n')
  t.same(await once(logs, 'close'), [1, null])
  t.match(stderr, 'a/000002.log is lost')
})

t.test('tee: a file and an object get the same bytes, and if the upload fails there is no file', async (t) => {
  const Bucket = await makeBucket(t)
  const file = join(t.testdir(), 'copy')
  t.equal((await runRecipe('tee', [file, Bucket, 'k'], data)).code, 0)
  t.equal(sha256(readFileSync(file)), complete.sha256)
  t.same(await stored(Bucket, 'k'), complete)
  t.match(await runRecipe('tee', [join(file, 'no'), Bucket, 'no'], data), { code: 1, stderr: /ENOTDIR/ })
  await nothingIsLeft(t, Bucket, 'no')
  const other = join(t.testdir(), 'other')
  t.match(await runRecipe('tee', [other, 'no-such-bucket-here', 'k'], data), { code: 1, stderr: /NoSuchBucket/ })
  t.notOk(existsSync(other))
})

t.test('encrypt: the object is encrypted, and can be decrypted with the key', async (t) => {
  const Bucket = await makeBucket(t)
  const KEY = '07'.repeat(32)
  t.equal((await runRecipe('encrypt', [Bucket, 'k'], data, { KEY })).code, 0)
  const object = await read(Bucket, 'k')
  t.equal(object.length, 12 + data.length + 16)
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(KEY, 'hex'), object.subarray(0, 12))
  decipher.setAuthTag(object.subarray(-16))
  const plain = Buffer.concat([decipher.update(object.subarray(12, -16)), decipher.final()])
  t.equal(sha256(plain), complete.sha256)
  t.equal((await runRecipe('encrypt', [Bucket, 'no'], data, { KEY: '07' })).code, 1)
  await nothingIsLeft(t, Bucket, 'no')
})

t.test('archive: many objects become one archive, and there is none if one of them cannot be read', async (t) => {
  const Bucket = await makeBucket(t)
  const client = s3Client(t)
  const sizes = { 'in/a': 0, 'in/b': 100_000, 'in/sub/c': 9 * MiB, 'out/d': 5 }
  for (const [Key, size] of Object.entries(sizes)) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes(size) }))
  }
  t.equal((await runRecipe('archive', [Bucket, 'in/', 'all.tar'])).code, 0)
  const sizesInArchive: Record<string, number> = {}
  const entries = (await minio.getObject(Bucket, 'all.tar')).pipe(extract())
  for await (const entry of entries) {
    const content = await buffer(entry as unknown as Readable)
    t.ok(content.equals(bytes(content.length)), entry.header.name)
    sizesInArchive[entry.header.name] = content.length
  }
  t.same(sizesInArchive, { 'in/a': 0, 'in/b': 100_000, 'in/sub/c': 9 * MiB })

  const notFound = { do: 'answer', status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' } as const
  const proxy = await faultProxy(t, {
    fault: ({ operation, url }) => (operation === 'GetObject' && url.includes('in/sub/c') ? notFound : undefined),
  })
  const failed = await runRecipe('archive', [Bucket, 'in/', 'no.tar'], '', { AWS_ENDPOINT_URL: proxy.url })
  t.match(failed, { code: 1, stderr: /NoSuchKey/ })
  await nothingIsLeft(t, Bucket, 'no.tar')
})
