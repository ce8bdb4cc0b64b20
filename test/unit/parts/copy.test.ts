import tap from 'tap'
import { copyInto } from '../../../lib/parts/copy.js'
import { bytes } from '../../support/bytes.js'

for (const [kind, to] of [
  ['own', Buffer.alloc(1000)],
  ['shared', Buffer.from(new SharedArrayBuffer(1000))],
] as const) {
  tap.test(
    `copies into ${kind} memory, however source and destination are aligned, and nothing around it`,
    async (t) => {
      const data = bytes(300)
      for (let skip = 0; skip < 9; skip++) {
        for (const at of [0, 1, 7, 8, 1000 - data.length + skip]) {
          const from = new Uint8Array(data.buffer, data.byteOffset + skip, data.length - skip)
          to.fill(0)
          copyInto(to, from, at)
          const after = Buffer.alloc(to.length - at - from.length)
          t.ok(Buffer.concat([Buffer.alloc(at), from, after]).equals(to), `from ${skip} to ${at}`)
        }
      }
    },
  )
}
