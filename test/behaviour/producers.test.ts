import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { failureOf, nothingIsLeft } from '../support/assertions.js'
import { bytes, KiB, MiB, P, sha256, zeros } from '../support/bytes.js'
import { deferred } from '../support/deferred.js'
import { denied } from '../support/faults.js'
import { scenario } from '../support/scenario.js'
import { stored } from '../support/store.js'

/** Returns a `beforeComplete` that rejects unless the process ended with exit code 0. */
function requireExitZero(child: ChildProcess): () => Promise<void> {
  const closed = once(child, 'close')
  return async () => {
    const [code] = await closed
    if (code !== 0) throw new Error(`the producer ended with code ${code}`)
  }
}

for (const script of ['head -c 7000000 /dev/zero; exit 3', 'exit 3']) {
  t.test(`beforeComplete rejects the output of a process that failed: ${script}`, async (t) => {
    const { upload, fails } = await scenario(t)
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await fails(pipeline(child.stdout, upload({ beforeComplete: requireExitZero(child) })), {
      message: 'the producer ended with code 3',
    })
  })
}

t.test('a failed upload ends a producer that never ends, and the error is S3’s', async (t) => {
  const { upload, fails } = await scenario(t, {
    fault: ({ operation }) => (operation === 'CreateMultipartUpload' ? denied : undefined),
  })
  const child = spawn('cat', ['/dev/zero'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  await fails(pipeline(child.stdout, upload()), { name: 'AccessDenied', operation: 'CreateMultipartUpload' })
  // Node's pipe is a socket pair: if it is closed with unread bytes, the producer gets ECONNRESET instead of SIGPIPE.
  t.not((await closed)[0], 0, 'the broken pipe ended the producer')
})

t.test('if an HTTP client disconnects before its request ends, there is no object', async (t) => {
  const { upload, fails } = await scenario(t)
  const { promise: failed, resolve } = deferred()
  const server = createServer((request) => {
    const piped = pipeline(request, upload())
    void fails(piped, { code: 'ECONNRESET' }).then(resolve)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = request({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': 20 * MiB } })
  client.on('error', () => {})
  client.write(bytes(8 * MiB), () => client.destroy())
  await failed
  server.close()
})

t.test('a file stream is uploaded as it is read: through a link, from an offset, or from a device', async (t) => {
  const { upload, Bucket } = await scenario(t)
  const data = bytes(2 * P + 7)
  const folder = t.testdir()
  writeFileSync(join(folder, 'file'), data)
  symlinkSync('file', join(folder, 'link'))
  for (const start of [0, 1, P, 2 * P + 6]) {
    await pipeline(createReadStream(join(folder, 'link'), { start }), upload())
    const rest = data.subarray(start)
    t.same(await stored(Bucket, 'k'), { sha256: sha256(rest), size: rest.length })
  }
  await pipeline(createReadStream('/dev/urandom', { end: P }), upload())
  t.equal((await stored(Bucket, 'k')).size, P + 1)
})

t.test('lines that are written slowly become one PutObject at the end', async (t) => {
  const { upload, Bucket, proxy } = await scenario(t)
  const log = upload()
  for (let i = 0; i < 100; i++) {
    log.write(`line ${i}\n`)
    await new Promise(setImmediate)
  }
  t.equal(proxy.seen.length, 0)
  log.end()
  t.equal((await log.done()).size, 790)
  t.equal((await stored(Bucket, 'k')).size, 790)
  t.same(
    proxy.seen.map(({ operation }) => operation),
    ['PutObject'],
  )
})

t.test('a loop of write and drain is ended by the error of a failed part', async (t) => {
  const { upload, fails } = await scenario(t, { fault: ({ PartNumber }) => (PartNumber === 1 ? denied : undefined) })
  const stream = upload()
  const endless = async (): Promise<void> => {
    for (;;) if (!stream.write(bytes(64 * KiB))) await once(stream, 'drain')
  }
  await fails(endless(), { name: 'AccessDenied', PartNumber: 1 })
})

t.test('the event loop gets a turn after each MiB of a producer that never waits', async (t) => {
  const { upload } = await scenario(t)
  const piece = bytes(64 * KiB)
  let left = 32 * MiB
  let sinceTurn = 0
  let most = 0
  const source = new Readable({
    read() {
      left -= piece.length
      sinceTurn += piece.length
      this.push(left < 0 ? null : piece)
    },
  })
  const countTurn = (): void => {
    most = Math.max(most, sinceTurn)
    sinceTurn = 0
    next = setImmediate(countTurn)
  }
  let next = setImmediate(countTurn)
  await pipeline(source, upload({ partSize: 8 * MiB }))
  clearImmediate(next)
  // In one turn of the loop, an answer and a timer may each go on with the writes. The rest is in the streams' own buffers.
  t.ok(most <= 3 * MiB, `${most} bytes in one turn`)
})

t.test('an exception of the producer is passed on as the same object', async (t) => {
  const { upload, fails } = await scenario(t)
  const error = Object.freeze(new TypeError('x is not a function'))
  const source = Readable.from(
    (async function* () {
      yield bytes(P + 1)
      throw error
    })(),
  )
  await fails(pipeline(source, upload()), error)
})

t.test('one AbortController aborts two uploads', async (t) => {
  const { upload, Bucket, proxy } = await scenario(t)
  const controller = new AbortController()
  const uploads = ['one', 'two'].map((Key) => upload({ Key, signal: controller.signal }))
  const failures = uploads.map((upload) => failureOf(pipeline(new Readable({ read() {} }), upload)))
  for (const upload of uploads) upload.write(bytes(P + 1))
  await Promise.all(uploads.map((upload) => once(upload, 'progress')))
  controller.abort()
  for (const error of await Promise.all(failures)) t.match(error, { name: 'AbortError' })
  for (const Key of ['one', 'two']) await nothingIsLeft(t, Bucket, Key)
  t.equal(proxy.of('AbortMultipartUpload').length, 2)
})

t.test('two concurrent uploads to one key do not mix: the object has the bytes of one of them', async (t) => {
  const { upload, Bucket } = await scenario(t)
  const both = [bytes(3 * P, 1), bytes(3 * P, 2)]
  const uploads = both.map((data) => {
    const stream = upload()
    return pipeline(Readable.from([data]), stream).then(() => stream.UploadId)
  })
  const [first, second] = await Promise.all(uploads)
  t.not(first, second)
  const { sha256: hash } = await stored(Bucket, 'k')
  t.ok(both.map(sha256).includes(hash))
})

t.test('a pipeline that takes only the start of a source makes an object of that start', async (t) => {
  const { upload, Bucket } = await scenario(t)
  await pipeline(
    zeros(1024 * MiB),
    async function* (source: AsyncIterable<Buffer>) {
      let left = P + 1
      for await (const chunk of source) {
        yield chunk.subarray(0, left)
        left -= chunk.length
        if (left <= 0) return
      }
    },
    upload(),
  )
  t.equal((await stored(Bucket, 'k')).size, P + 1)
})
