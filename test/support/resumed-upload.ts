/** The bytes of the uploads that the tests of `resume` leave unfinished and resume. */
import { Readable } from 'node:stream'
import type { ResumePoint } from '../../lib/index.js'
import type { StoredObject } from './assertions.js'
import { bytes, KiB, P, pieces, sha256 } from './bytes.js'

/** Four parts of 5 MiB and a smaller one. */
export const DATA = bytes(4 * P + 1000)

/** A source of all bytes, in chunks that do not end where parts do. */
export function source(data = DATA): Readable {
  return Readable.from(
    pieces(data, () => 300 * KiB),
    { objectMode: false },
  )
}

/** A source of the bytes from the resume point on. */
export function remainingBytes({ offset }: ResumePoint): Readable {
  return Readable.from([DATA.subarray(offset)])
}

/** What `stored` should return for an object of these bytes. */
export function digestOf(data: Buffer): StoredObject {
  return { sha256: sha256(data), size: data.length }
}
