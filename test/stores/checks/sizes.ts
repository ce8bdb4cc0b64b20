import { MiB, P } from '../../support/bytes.js'
import { equal, failure, ok } from './assert.js'
import type { Checks } from './check.js'
import { data, holds, newKey, nothingIsLeft, nothingIsThere, put } from './target.js'

/** Uploads this many bytes, and asserts that they become an object of so many parts. */
async function stored(size: number, parts: number, options: object = {}): Promise<void> {
  const Key = newKey()
  const result = await put(Key, data(size), options)
  ok(result.ETag, `the ETag of the result is ${result.ETag}`)
  equal(result.size, size, 'the size of the result')
  equal(result.parts, parts, 'the number of parts of the result')
  const { ContentType, ETag } = await holds(Key, data(size))
  equal(ContentType, 'application/octet-stream', 'the ContentType of the object')
  equal(ETag, result.ETag, 'the ETag of the object')
  await nothingIsLeft(Key)
}

async function refused(size: number): Promise<void> {
  const Key = newKey()
  const error = await failure(put(Key, data(size), { ContentLength: size + 1 }))
  equal(error.code, 'ERR_S3_LENGTH', 'the code of the error')
  await nothingIsThere(Key)
}

export const sizes: Checks = {
  'an empty stream makes an empty object': () => stored(0, 1),
  'one byte makes an object of one byte': () => stored(1, 1),
  'the bytes of one part make an object by a single PutObject': () => stored(P, 1),
  'one byte more than a part makes an object of two parts': () => stored(P + 1, 2),
  'five parts and three bytes make an object of six parts': () => stored(5 * P + 3, 6),
  'twenty parts, eight of them at once, make an object': () => stored(20 * P, 20, { concurrency: 8 }),
  'parts of equal size make an object': () => stored(4 * P + 5, 5, { equalParts: true, maxParts: 100 }),
  'parts that grow make an object': () => stored(30 * MiB, 5, { maxParts: 6 }),
  'a stream of the promised ContentLength makes an object': () => stored(2 * P + 5, 3, { ContentLength: 2 * P + 5 }),
  'a stream that is shorter than its ContentLength publishes nothing': async () => {
    await refused(100)
    await refused(2 * P)
  },
  'an unsigned payload makes an object': async () => {
    await stored(100, 1, { unsignedPayload: true })
    await stored(2 * P, 2, { unsignedPayload: true })
  },
}
