import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'

export const KiB = 1024
export const MiB = 1024 * KiB
/** The smallest part size that S3 accepts. The tests use it so that they stay fast. */
export const P = 5 * MiB

/** Pseudo-random bytes, the same in every run. */
export function bytes(size: number, seed = 1): Buffer {
  const key = Buffer.alloc(16, seed)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** The ETag that S3 gives to an object stored in parts of this size. */
export function multipartETag(data: Buffer, partSize: number): string {
  const hashes: Buffer[] = []
  for (let offset = 0; offset < data.length; offset += partSize) {
    hashes.push(
      createHash('md5')
        .update(data.subarray(offset, offset + partSize))
        .digest(),
    )
  }
  return `"${createHash('md5').update(Buffer.concat(hashes)).digest('hex')}-${hashes.length}"`
}

/** Yields the data in pieces; `nextLength` is called for the length of each. */
export function* pieces(data: Buffer, nextLength: () => number): Generator<Buffer> {
  for (let offset = 0; offset < data.length; ) {
    const length = nextLength()
    yield data.subarray(offset, offset + length)
    offset += length
  }
}

/** A source of `size` zero bytes. It pushes views of one block, so that it takes almost no memory itself. */
export function zeros(size: number, chunkSize = 64 * KiB): Readable {
  const block = Buffer.alloc(chunkSize)
  let remaining = size
  return new Readable({
    read() {
      if (remaining === 0) {
        this.push(null)
        return
      }
      const piece = block.subarray(0, Math.min(chunkSize, remaining))
      remaining -= piece.length
      this.push(piece)
    },
  })
}
