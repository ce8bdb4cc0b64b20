import { crc32 } from 'node:zlib'
import { crc32Combine } from './checksum.js'
import type { PartSizes } from './part-size.js'

/** A part ready to be sent. Its bytes stay as they are until `release` gives the buffer back to the pool. */
export interface Part {
  PartNumber: number
  body: Buffer
  /** CRC-32 of what the producer wrote, not of the copy: a bad copy does not pass S3's check. */
  crc: number
  release: () => void
}

/** A first buffer that must grow starts here: a small object should not take the memory of a whole part. */
const FIRST_BUFFER = 16 * 1024
const GROWTH = 8
/** Beyond this it is whole at once: what it grew out of may not be collected before every buffer is in use. */
const LARGE = 1024 * 1024

/**
 * Cuts a stream of bytes into parts, whatever the chunks were, and owns the buffers: at most `limit` of them,
 * counting those that are still being sent. They are pooled, because a fresh 8 MiB buffer costs 2,048 page faults.
 */
export class PartCutter {
  readonly #sizes: PartSizes
  readonly #limit: number
  readonly #onPart: (part: Part) => void
  readonly #firstBytes: number
  readonly #free: Buffer[] = []
  #lent = 0

  #buffer: Buffer | undefined
  #filled = 0
  #crc = 0
  #PartNumber = 1
  #size: number

  #cutCrc = 0
  #cutBytes = 0

  /** `firstBytes`: what the first part is known to hold, so that its buffer need not grow. */
  constructor(sizes: PartSizes, limit: number, onPart: (part: Part) => void, firstBytes = FIRST_BUFFER) {
    this.#sizes = sizes
    this.#limit = limit
    this.#onPart = onPart
    this.#firstBytes = firstBytes
    this.#size = sizes(1)
  }

  /** CRC-32 of all that was taken, the part being filled included. */
  get crc(): number {
    return crc32Combine(this.#cutCrc, this.#crc, this.#filled)
  }

  /** How many bytes were taken, the part being filled included. */
  get size(): number {
    return this.#cutBytes + this.#filled
  }

  /** Whether a byte could be taken now. */
  get hasRoom(): boolean {
    return this.#buffer !== undefined || this.#lent < this.#limit
  }

  /**
   * Takes as much of the chunk as there is room for, and says how many bytes that was: fewer than all means that
   * every buffer is being sent. Throws a RangeError where the next part cannot be.
   *
   * A full first part waits for one more byte: up to there it may still become a single PutObject.
   */
  take(chunk: Uint8Array): number {
    let at = 0
    while (at < chunk.length) {
      if (this.#filled === this.#size) this.#cut()
      const buffer = this.#room(chunk.length - at)
      if (buffer === undefined) break
      const end = Math.min(chunk.length, at + buffer.length - this.#filled)
      const piece = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
      this.#crc = crc32(piece, this.#crc)
      buffer.set(piece, this.#filled)
      this.#filled += piece.length
      at = end
      if (this.#filled === this.#size && this.#PartNumber > 1) this.#cut()
    }
    return at
  }

  /** The bytes since the last full part; undefined where there are none. */
  end(): Part | undefined {
    return this.#buffer === undefined ? undefined : this.#part(this.#buffer)
  }

  /** Lets go of every buffer that is not being sent; the stream is over. */
  drop(): void {
    this.#free.length = 0
    this.#buffer = undefined
  }

  /** The buffer to fill, with a free byte in it at least; undefined where all are out. */
  #room(wanted: number): Buffer | undefined {
    const buffer = this.#buffer
    if (buffer === undefined) this.#buffer = this.#acquire(wanted)
    else if (this.#filled === buffer.length) this.#buffer = grown(buffer, this.#filled + wanted, this.#size)
    return this.#buffer
  }

  #acquire(wanted: number): Buffer | undefined {
    if (this.#lent === this.#limit) return undefined
    if (this.#PartNumber === 1) {
      this.#lent++
      return Buffer.allocUnsafeSlow(Math.min(this.#size, Math.max(this.#firstBytes, wanted)))
    }
    const size = this.#sizes(this.#PartNumber)
    const pooled = this.#free.pop()
    const buffer = pooled?.length === size ? pooled : Buffer.allocUnsafeSlow(size)
    this.#lent++
    this.#size = size
    return buffer
  }

  #part(buffer: Buffer): Part {
    return {
      PartNumber: this.#PartNumber,
      body: buffer.subarray(0, this.#filled),
      crc: this.#crc,
      release: () => {
        this.#lent--
        this.#free.push(buffer)
      },
    }
  }

  #cut(): void {
    const part = this.#part(this.#buffer as Buffer)
    this.#cutCrc = this.crc
    this.#cutBytes = this.size
    this.#PartNumber++
    this.#buffer = undefined
    this.#filled = 0
    this.#crc = 0
    this.#onPart(part)
  }
}

function grown(buffer: Buffer, wanted: number, most: number): Buffer {
  const size = Math.max(wanted, buffer.length * GROWTH)
  const larger = Buffer.allocUnsafeSlow(size > LARGE ? most : Math.min(most, size))
  larger.set(buffer)
  return larger
}
