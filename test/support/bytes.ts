import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'

export const KiB = 1024
export const MiB = 1024 * KiB
/** The smallest part size that S3 takes: the tests' own, so that they stay quick. */
export const P = 5 * MiB

/** Bytes that look random and are the same in every run. */
export function bytes(size: number, seed = 1): Buffer {
  const key = Buffer.alloc(16, seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** The ETag that S3 gives an object stored in parts of this size. */
export function multipartETag(data: Buffer, partSize: number): string {
  const hashes: Buffer[] = []
  for (let at = 0; at < data.length; at += partSize) {
    hashes.push(
      createHash('md5')
        .update(data.subarray(at, at + partSize))
        .digest(),
    )
  }
  return `"${createHash('md5').update(Buffer.concat(hashes)).digest('hex')}-${hashes.length}"`
}

/** The data in pieces of the lengths that `next` gives. */
export function* pieces(data: Buffer, next: () => number): Generator<Buffer> {
  for (let at = 0; at < data.length; ) {
    const length = next()
    yield data.subarray(at, at + length)
    at += length
  }
}

/** A source of `size` bytes made as they are asked for, so that it takes no memory itself. */
export function zeros(size: number, chunk = 64 * KiB): Readable {
  const block = Buffer.alloc(chunk)
  let left = size
  return new Readable({
    read() {
      if (left === 0) {
        this.push(null)
        return
      }
      const piece = block.subarray(0, Math.min(chunk, left))
      left -= piece.length
      this.push(piece)
    },
  })
}
