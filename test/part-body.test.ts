import { Writable } from 'node:stream'
import t from 'tap'
import { FIRST_SLICE, PartBody, SLICE } from '../lib/part-body.js'
import { bytes } from './support/bytes.js'

t.test('a body is its bytes, in slices of the same memory', async (t) => {
  for (const [size, count] of [
    [1, 1],
    [FIRST_SLICE, 1],
    [FIRST_SLICE + 1, 2],
    [FIRST_SLICE + SLICE, 2],
    [FIRST_SLICE + 3 * SLICE + 1, 5],
  ] as const) {
    const data = bytes(size)
    const taken: number[] = []
    const slices: Buffer[] = await new PartBody(data, (bytes) => taken.push(bytes)).toArray()
    t.ok(Buffer.concat(slices).equals(data))
    t.ok(slices.every(({ buffer, length }) => buffer === data.buffer && length <= SLICE))
    t.equal(taken.at(-1), size)
    t.equal(taken.length, count)
  }
})

t.test('released, it breaks off a request that has not all its bytes, and lets another end', async (t) => {
  for (const [size, has] of [
    [FIRST_SLICE, true],
    [3 * SLICE, false],
  ] as const) {
    const slow = new Writable({ highWaterMark: 1, write() {} })
    const body = new PartBody(bytes(size), () => {})
    body.pipe(slow)
    await new Promise(setImmediate)
    body.release()
    t.equal(slow.writableEnded, has)
    t.equal(slow.destroyed, !has)
    t.ok(body.destroyed)
  }
})

t.test('released before any request has taken it, it is empty', async (t) => {
  const body = new PartBody(bytes(SLICE), () => {})
  body.release()
  t.ok(body.destroyed)
  t.equal(body.readableLength, 0)
})
