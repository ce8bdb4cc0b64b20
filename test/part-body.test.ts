import t from 'tap'
import { PartBody, SLICE } from '../lib/part-body.js'
import { bytes } from './support/bytes.js'

t.test('a body is its bytes, in slices of the same memory', async (t) => {
  for (const size of [1, SLICE, SLICE + 1, 3 * SLICE]) {
    const data = bytes(size)
    const taken: number[] = []
    const slices: Buffer[] = await new PartBody(data, (bytes) => taken.push(bytes)).toArray()
    t.ok(Buffer.concat(slices).equals(data))
    t.ok(slices.every(({ buffer, length }) => buffer === data.buffer && length <= SLICE))
    t.equal(taken.at(-1), size)
    t.equal(taken.length, Math.ceil(size / SLICE))
  }
})
