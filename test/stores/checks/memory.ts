import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3'
import { MiB, P } from '../../support/bytes.js'
import { equal, ok } from './assert.js'
import type { Checks } from './check.js'
import { Bucket, data, newKey, plain, upload } from './target.js'

/** Chunks of 1 MiB, of which no two are the same. */
async function* chunks(count: number, onChunk: (chunk: Buffer) => unknown): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) {
    const chunk = Buffer.from(data(MiB))
    chunk.writeUInt32BE(i)
    onChunk(chunk)
    yield chunk
  }
}

export const memory: Checks = {
  '300 MiB are uploaded in bounded memory': async () => {
    const Key = newKey()
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }, 10)
    const sent = createHash('sha256')
    const source = chunks(300, (chunk) => sent.update(chunk))
    await pipeline(Readable.from(source, { objectMode: false }), upload(Key)).finally(() => clearInterval(timer))
    const { Body } = await plain.send(new GetObjectCommand({ Bucket, Key }))
    const stored = createHash('sha256')
    for await (const chunk of Body as AsyncIterable<Buffer>) stored.update(chunk)
    equal(stored.digest('hex'), sent.digest('hex'), 'the SHA-256 of the object')
    await plain.send(new DeleteObjectCommand({ Bucket, Key }))
    // Five parts are held by the stream. The rest is what the garbage collector has not seen yet: Bun's is in no hurry.
    ok(most < 160 * MiB, `${Math.round(most / MiB)} MiB were held, with parts of ${P / MiB} MiB`)
  },
}
