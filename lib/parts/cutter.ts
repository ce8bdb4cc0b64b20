import { crc32, crc32Combine } from '../checksums/crc32.js'
import { copyInto } from './copy.js'
import { BufferPool } from './pool.js'
import type { CutError, SizeOfPart } from './sizes.js'

export const EMPTY_BUFFER = Buffer.alloc(0)

/**
 * A part that is ready to be sent. Its bytes do not change until `release` returns the buffer to the pool, which
 * `release(false)` does not. `release` also empties `body`, because a finished request, or the stack of its error, may keep the part reachable.
 */
export interface Part {
  /** From 1 to 10,000. */
  PartNumber: number
  body: Buffer
  /** The CRC-32 of the bytes as the producer wrote them, not of their copy, so that S3 rejects a corrupted copy. */
  crc: number
  release: (mayReuse?: boolean) => void
}

/** The only part of an upload that exists although its stream is empty, because S3 completes no upload without parts. */
export const EMPTY_PART: Part = { PartNumber: 1, body: EMPTY_BUFFER, crc: 0, release: () => {} }

/**
 * The first buffer starts at this many bytes and grows, so that a small object does not take the memory of a whole
 * part.
 */
const FIRST_BUFFER = 16 * 1024
const GROWTH = 8
/**
 * A buffer that must grow beyond this many bytes grows to the full part at once: the buffers it outgrew may not have
 * been garbage-collected when all other buffers are in use.
 */
const MAX_GROWN_BUFFER = 1024 * 1024
/** The largest number of bytes that one UTF-16 code unit becomes, in any encoding. */
const MAX_BYTES_PER_CODE_UNIT = 3
/**
 * The CRC-32 of text is computed in batches of this many bytes, because one call takes longer than hashing a short
 * line.
 */
const CRC_BATCH = 32 * 1024

/**
 * Cuts a stream of bytes into parts, regardless of the chunks, and owns the buffers, including those of parts in
 * flight. They hold at most `limit` parts of the first size, or two parts of the present size if the parts have grown
 * so far that this is more.
 */
export class PartCutter {
  readonly #sizeOfPart: SizeOfPart
  readonly #limit: () => number
  readonly #onPart: (part: Part) => void
  readonly #firstBytes: number
  /** Its buffers all have the present part size. */
  readonly #pool: BufferPool
  /** The size of the buffers of all parts that are being filled or sent, in bytes. */
  #bytesInUse = 0
  /** The size of the buffer that `#acquire` last refused because of the limit; undefined if it refused none. */
  #refusedSize: number | undefined

  #buffer: Buffer | undefined
  #filled = 0
  /** The CRC-32 of the first `#hashed` bytes of the buffer. */
  #crc = 0
  #hashed = 0
  #PartNumber: number
  /** The size of the current part when it is full; not known before its first byte. */
  #size = Number.POSITIVE_INFINITY

  /** The CRC-32 and the size of all parts before the current one. */
  #cutCrc = 0
  #cutBytes = 0

  /**
   * `limit` may change; its least value is how many buffers are kept. `firstBytes`: the known size of the first part, so
   * that its buffer need not grow. `PartNumber`: the number of the first part, if the parts before it are already stored.
   */
  constructor(
    sizeOfPart: SizeOfPart,
    limit: () => number,
    onPart: (part: Part) => void,
    { firstBytes = FIRST_BUFFER, PartNumber = 1, pool = new BufferPool(limit()) } = {},
  ) {
    this.#sizeOfPart = sizeOfPart
    this.#limit = limit
    this.#onPart = onPart
    this.#firstBytes = firstBytes
    this.#PartNumber = PartNumber
    this.#pool = pool
  }

  /** The CRC-32 of all bytes taken so far, including those of the current part. */
  get crc(): number {
    this.#updateCrc()
    return crc32Combine(this.#cutCrc, this.#crc, this.#filled)
  }

  /** The number of bytes taken so far, including those of the current part. */
  get size(): number {
    return this.#cutBytes + this.#filled
  }

  /** Whether `take` would take at least one byte. */
  get hasRoom(): boolean {
    return this.#buffer !== undefined || this.#refusedSize === undefined || this.#isWithinLimit(this.#refusedSize)
  }

  /**
   * Takes as many bytes of the chunk as there is room for, and returns their number. If that is less than the whole
   * chunk, every buffer is in use.
   *
   * A full first part is cut only when one more byte arrives: until then, the object may still be a single PutObject.
   *
   * @throws CutError if the next part cannot be begun.
   */
  take(chunk: Uint8Array): number {
    this.#updateCrc()
    let taken = 0
    while (taken < chunk.length) {
      if (this.#filled === this.#size) {
        // Throws if there can be no second part, before the first one is sent and begins a multipart upload.
        this.#sizeOfPart(this.#PartNumber + 1)
        this.#cut()
      }
      const buffer = this.#bufferWithRoom(chunk.length - taken)
      if (buffer === undefined) break
      const end = Math.min(chunk.length, taken + buffer.length - this.#filled)
      const piece = taken === 0 && end === chunk.length ? chunk : chunk.subarray(taken, end)
      this.#crc = crc32(piece, this.#crc)
      copyInto(buffer, piece, this.#filled)
      this.#filled += piece.length
      this.#hashed = this.#filled
      taken = end
      if (this.#filled === this.#size && this.#PartNumber > 1) this.#cut()
    }
    return taken
  }

  /**
   * Encodes text directly into the buffer, and returns its length in bytes; undefined if it might not fit and must be
   * passed to `take` instead. Its CRC-32 is computed in the buffer, because the text has no bytes before it is there.
   */
  takeText(text: string, encoding: BufferEncoding): number | undefined {
    const buffer = this.#buffer
    if (buffer === undefined || this.#filled + text.length * MAX_BYTES_PER_CODE_UNIT >= buffer.length) return undefined
    const taken = buffer.write(text, this.#filled, encoding)
    this.#filled += taken
    if (this.#filled - this.#hashed >= CRC_BATCH) this.#updateCrc()
    return taken
  }

  /** The last part: the bytes after the last part that was cut; undefined if there are none. */
  end(): Part | undefined {
    const buffer = this.#buffer
    if (buffer === undefined) return undefined
    this.#updateCrc()
    this.#buffer = undefined
    return this.#toPart(buffer)
  }

  /** Frees every buffer that is not being sent. To be called when the stream has ended or failed. */
  drop(): void {
    this.#pool.end()
    if (this.#buffer !== undefined) this.#pool.free(this.#buffer)
    this.#buffer = undefined
  }

  /** The buffer of the current part, with room for at least one byte; undefined if every buffer is in use. */
  #bufferWithRoom(needed: number): Buffer | undefined {
    const buffer = this.#buffer
    if (buffer === undefined) this.#buffer = this.#acquire(needed)
    else if (this.#filled === buffer.length) this.#buffer = this.#grow(buffer, this.#filled + needed)
    return this.#buffer
  }

  #acquire(needed: number): Buffer | undefined {
    const size = this.#sizeOfPart(this.#PartNumber)
    this.#refusedSize = this.#isWithinLimit(size) ? undefined : size
    if (this.#refusedSize !== undefined) return undefined
    if (size !== this.#size) this.#pool.clear()
    this.#size = size
    const buffer =
      this.#pool.take() ?? this.#allocate(this.#PartNumber === 1 ? Math.max(this.#firstBytes, needed) : size)
    this.#bytesInUse += size
    return buffer
  }

  /** Always true if no buffer is in use, so that the stream can go on at any part size. */
  #isWithinLimit(size: number): boolean {
    return this.#bytesInUse + size <= Math.max(this.#limit() * this.#sizeOfPart(1), 2 * size)
  }

  #grow(buffer: Buffer, needed: number): Buffer {
    const size = Math.max(needed, buffer.length * GROWTH)
    const larger = this.#allocate(size > MAX_GROWN_BUFFER ? this.#size : size)
    copyInto(larger, buffer, 0)
    this.#pool.free(buffer)
    return larger
  }

  /** A buffer of `needed` bytes, but not larger than the part. */
  #allocate(needed: number): Buffer {
    const size = Math.min(this.#size, needed)
    try {
      return this.#pool.allocate(size)
    } catch (cause) {
      const why = `${size} bytes of memory for part ${this.#PartNumber} could not be allocated`
      const advice = 'Lower partSize or concurrency, or, if parts have grown, give ContentLength or expectedSize'
      throw Object.assign(new Error(`${why}. ${advice}`, { cause }), {
        code: 'ERR_S3_MEMORY',
      } as const) satisfies CutError
    }
  }

  #updateCrc(): void {
    if (this.#buffer === undefined || this.#hashed === this.#filled) return
    this.#crc = crc32(this.#buffer.subarray(this.#hashed, this.#filled), this.#crc)
    this.#hashed = this.#filled
  }

  #toPart(buffer: Buffer): Part {
    this.#updateCrc()
    // An array, so that `release` can drop the reference to the buffer.
    const unreleased: Buffer[] = [buffer]
    const size = this.#size
    const part: Part = {
      PartNumber: this.#PartNumber,
      body: buffer.subarray(0, this.#filled),
      crc: this.#crc,
      release: (mayReuse = true) => {
        this.#bytesInUse -= size
        const [buffer] = unreleased.splice(0)
        if (buffer !== undefined) this.#pool.giveBack(buffer, mayReuse && buffer.length === this.#size)
        part.body = EMPTY_BUFFER
      },
    }
    return part
  }

  #cut(): void {
    const part = this.#toPart(this.#buffer as Buffer)
    this.#cutCrc = this.crc
    this.#cutBytes = this.size
    this.#PartNumber++
    this.#buffer = undefined
    this.#filled = 0
    this.#hashed = 0
    this.#crc = 0
    this.#onPart(part)
  }
}
