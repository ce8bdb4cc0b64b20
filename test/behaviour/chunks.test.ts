import { createHash } from 'node:crypto'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import t, { type Test } from 'tap'
import { s3Writable } from '../../lib/index.js'
import { bytes, KiB, MiB, P, pieces, sha256 } from '../support/bytes.js'
import { makeBucket, s3Client, stored } from '../support/store.js'

const DATA = bytes(12 * MiB)
const TEXT = 'Größe: 5 €. '.repeat(600 * KiB)

async function newUpload(t: Test) {
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  return {
    upload: s3Writable({ client, Bucket, Key: 'k', partSize: P }),
    isStored: async (data: Buffer) => t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length }),
  }
}

t.test('Buffers are stored unchanged', async (t) => {
  const { upload, isStored } = await newUpload(t)
  await pipeline(Readable.from(pieces(DATA, () => 100 * KiB)), upload)
  await isStored(DATA)
})

t.test('of a view of any kind, exactly its own bytes are stored', async (t) => {
  const views: [string, (piece: Buffer) => Uint8Array | Uint16Array | DataView][] = [
    ['Uint8Array', (piece) => new Uint8Array(piece.buffer, piece.byteOffset, piece.length)],
    ['DataView', (piece) => new DataView(piece.buffer, piece.byteOffset, piece.length)],
    ['Uint16Array', (piece) => new Uint16Array(piece.buffer, piece.byteOffset, piece.length / 2)],
  ]
  for (const [name, view] of views) {
    await t.test(name, async (t) => {
      const { upload, isStored } = await newUpload(t)
      for (const piece of pieces(DATA, () => 100 * KiB)) {
        if (!upload.write(view(piece))) await new Promise((resolve) => upload.once('drain', resolve))
      }
      upload.end()
      await upload.done()
      await isStored(DATA)
    })
  }
})

t.test('a string is stored in the encoding that is passed to write()', async (t) => {
  for (const encoding of ['utf8', 'latin1', 'utf16le', 'base64'] as const) {
    await t.test(encoding, async (t) => {
      const { upload, isStored } = await newUpload(t)
      const text = encoding === 'base64' ? DATA.toString('base64') : TEXT
      upload.write(text, encoding)
      upload.end('ü', encoding === 'base64' ? 'latin1' : encoding)
      await upload.done()
      await isStored(
        Buffer.concat([Buffer.from(text, encoding), Buffer.from('ü', encoding === 'base64' ? 'latin1' : encoding)]),
      )
    })
  }
})

t.test('the length and the MD5 of text are those of its encoded bytes', async (t) => {
  const lines = ['Größe\n', '5 €\n', '\n', 'last']
  const data = Buffer.from(lines.join(''))
  const client = s3Client(t)
  const Bucket = await makeBucket(t)
  const ContentMD5 = createHash('md5').update(data).digest('base64')
  for (const options of [{ ContentLength: data.length }, { ContentMD5 }, {}]) {
    const upload = s3Writable({ client, Bucket, Key: 'k', ...options })
    for (const line of lines) upload.write(line)
    upload.end()
    await upload.done()
    t.same(await stored(Bucket, 'k'), { sha256: sha256(data), size: data.length })
  }
})

t.test('setDefaultEncoding applies to strings without an encoding', async (t) => {
  const { upload, isStored } = await newUpload(t)
  upload.setDefaultEncoding('latin1').end('Größe')
  await upload.done()
  await isStored(Buffer.from('Größe', 'latin1'))
})

t.test('a web stream is stored, by pipeline and by pipeTo', async (t) => {
  const webStream = () => ReadableStream.from(pieces(DATA, () => 100 * KiB))
  await t.test('pipeline', async (t) => {
    const { upload, isStored } = await newUpload(t)
    await pipeline(webStream(), upload)
    await isStored(DATA)
  })
  await t.test('Writable.toWeb', async (t) => {
    const { upload, isStored } = await newUpload(t)
    await webStream().pipeTo(Writable.toWeb(upload))
    await isStored(DATA)
  })
  await t.test('Readable.toWeb', async (t) => {
    const { upload, isStored } = await newUpload(t)
    await pipeline(Readable.toWeb(Readable.from(pieces(DATA, () => 100 * KiB))), upload)
    await isStored(DATA)
  })
  await t.test('the body of a Response', async (t) => {
    const { upload, isStored } = await newUpload(t)
    const { body } = new Response(DATA)
    await pipeline(body as ReadableStream, upload)
    await isStored(DATA)
  })
})

t.test('an async generator is stored', async (t) => {
  const { upload, isStored } = await newUpload(t)
  await pipeline(async function* () {
    for (const piece of pieces(DATA, () => 300 * KiB)) {
      await new Promise(setImmediate)
      yield piece
    }
  }, upload)
  await isStored(DATA)
})

t.test('a producer may reuse its buffer once the write callback has been called', async (t) => {
  const { upload, isStored } = await newUpload(t)
  const buffer = Buffer.alloc(64 * KiB)
  for (const piece of pieces(DATA, () => buffer.length)) {
    piece.copy(buffer)
    await new Promise<void>((resolve, reject) => {
      upload.write(buffer.subarray(0, piece.length), (error) => (error ? reject(error) : resolve()))
    })
    buffer.fill(0)
  }
  upload.end()
  await upload.done()
  await isStored(DATA)
})

t.test('one chunk larger than all part buffers together is stored', async (t) => {
  const { upload, isStored } = await newUpload(t)
  const data = bytes(8 * P + 5)
  upload.end(data)
  await upload.done()
  await isStored(data)
})

t.test('chunks that are written while the stream is corked are stored', async (t) => {
  const { upload, isStored } = await newUpload(t)
  upload.cork()
  for (const piece of pieces(DATA, () => MiB)) upload.write(piece)
  upload.uncork()
  upload.end()
  await upload.done()
  await isStored(DATA)
})

t.test('write() throws for an object, a number and null, as in any byte stream', async (t) => {
  const { upload } = await newUpload(t)
  t.throws(() => upload.write({ a: 1 } as never), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => upload.write(1 as never), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => upload.write(null as never), { code: 'ERR_STREAM_NULL_VALUES' })
  upload.destroy()
})
