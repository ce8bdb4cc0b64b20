import { crc32, crc32Combine } from '../checksums/crc32.js'
import type { CutError, SizeOfPart } from './sizes.js'

export const EMPTY_BUFFER = Buffer.alloc(0)

/**
 * A part ready to be sent. Its bytes stay as they are until `release` gives the buffer back to the pool; the part lets go
 * of it then, since whatever remembers the request, an error's stack say, leads to the part.
 */
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
/** The most bytes that a UTF-16 unit of a string becomes, in any encoding. */
const BYTES_A_UNIT = 3
/** Text is summed up when there is so much of it: one call costs more than a line does. */
const SUM = 32 * 1024

/**
 * Cuts a stream of bytes into parts, whatever the chunks were, and owns the buffers, those that are still being sent among
 * them: `limit` parts of the first size, or two of the present size, where parts have grown so far that this is more. They
 * are pooled, because a fresh 8 MiB buffer costs 2,048 page faults.
 */
export class PartCutter {
  readonly #sizes: SizeOfPart
  readonly #limit: number
  readonly #onPart: (part: Part) => void
  readonly #firstBytes: number
  /** All of the present size. */
  readonly #free: Buffer[] = []
  /** Bytes in the buffers of the parts that are being filled or sent. */
  #lent = 0
  /** How many bytes there was no room for; undefined where there was. */
  #denied: number | undefined

  #buffer: Buffer | undefined
  #filled = 0
  /** Of the first `#summed` bytes of the buffer. */
  #crc = 0
  #summed = 0
  #PartNumber: number
  /** How many bytes the part holds when it is full; known once there is a byte for it. */
  #size = Number.POSITIVE_INFINITY

  #cutCrc = 0
  #cutBytes = 0

  /**
   * `firstBytes`: what the first part is known to hold, so that its buffer need not grow. `PartNumber`: where the cut
   * begins, behind parts that are stored already.
   */
  constructor(
    sizes: SizeOfPart,
    limit: number,
    onPart: (part: Part) => void,
    { firstBytes = FIRST_BUFFER, PartNumber = 1 } = {},
  ) {
    this.#sizes = sizes
    this.#limit = limit
    this.#onPart = onPart
    this.#firstBytes = firstBytes
    this.#PartNumber = PartNumber
  }

  /** CRC-32 of all that was taken, the part being filled included. */
  get crc(): number {
    this.#sum()
    return crc32Combine(this.#cutCrc, this.#crc, this.#filled)
  }

  /** How many bytes were taken, the part being filled included. */
  get size(): number {
    return this.#cutBytes + this.#filled
  }

  /** Whether a byte could be taken now. */
  get hasRoom(): boolean {
    return this.#buffer !== undefined || this.#denied === undefined || this.#fits(this.#denied)
  }

  /**
   * Takes as much of the chunk as there is room for, and says how many bytes that was: fewer than all means that
   * every buffer is being sent. Throws a CutError where the next part cannot be.
   *
   * A full first part waits for one more byte: up to there it may still become a single PutObject.
   */
  take(chunk: Uint8Array): number {
    this.#sum()
    let at = 0
    while (at < chunk.length) {
      if (this.#filled === this.#size) {
        // Throws where there can be no second part: then nothing need be begun.
        this.#sizes(this.#PartNumber + 1)
        this.#cut()
      }
      const buffer = this.#room(chunk.length - at)
      if (buffer === undefined) break
      const end = Math.min(chunk.length, at + buffer.length - this.#filled)
      const piece = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
      this.#crc = crc32(piece, this.#crc)
      buffer.set(piece, this.#filled)
      this.#filled += piece.length
      this.#summed = this.#filled
      at = end
      if (this.#filled === this.#size && this.#PartNumber > 1) this.#cut()
    }
    return at
  }

  /**
   * Takes text straight into the buffer, and says how many bytes it became; undefined where it might not fit, and must be
   * a chunk. Before that it was no bytes, so those in the buffer are the first that a CRC can be of.
   */
  takeText(text: string, encoding: BufferEncoding): number | undefined {
    const buffer = this.#buffer
    if (buffer === undefined || this.#filled + text.length * BYTES_A_UNIT >= buffer.length) return undefined
    const taken = buffer.write(text, this.#filled, encoding)
    this.#filled += taken
    if (this.#filled - this.#summed >= SUM) this.#sum()
    return taken
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
    else if (this.#filled === buffer.length) this.#buffer = this.#grown(buffer, this.#filled + wanted)
    return this.#buffer
  }

  #acquire(wanted: number): Buffer | undefined {
    const size = this.#sizes(this.#PartNumber)
    this.#denied = this.#fits(size) ? undefined : size
    if (this.#denied !== undefined) return undefined
    if (size !== this.#size) this.#free.length = 0
    this.#size = size
    const buffer =
      this.#free.pop() ?? this.#allocate(this.#PartNumber === 1 ? Math.max(this.#firstBytes, wanted) : size)
    this.#lent += size
    return buffer
  }

  /** Where nothing is lent, anything does: there is always a way on. */
  #fits(size: number): boolean {
    return this.#lent + size <= Math.max(this.#limit * this.#sizes(1), 2 * size)
  }

  #grown(buffer: Buffer, wanted: number): Buffer {
    const size = Math.max(wanted, buffer.length * GROWTH)
    const larger = this.#allocate(size > LARGE ? this.#size : size)
    larger.set(buffer)
    return larger
  }

  /** At most the size of the part. */
  #allocate(wanted: number): Buffer {
    const size = Math.min(this.#size, wanted)
    try {
      return Buffer.allocUnsafeSlow(size)
    } catch (cause) {
      const why = `there is no memory for part ${this.#PartNumber}, for which ${size} bytes were asked for`
      const advice = 'Lower partSize or concurrency, or, where parts have grown, give ContentLength or expectedSize'
      throw Object.assign(new Error(`${why}. ${advice}`, { cause }), {
        code: 'ERR_S3_MEMORY',
      } as const) satisfies CutError
    }
  }

  #sum(): void {
    if (this.#buffer === undefined || this.#summed === this.#filled) return
    this.#crc = crc32(this.#buffer.subarray(this.#summed, this.#filled), this.#crc)
    this.#summed = this.#filled
  }

  #part(buffer: Buffer): Part {
    this.#sum()
    const whole: Buffer[] = [buffer]
    const size = this.#size
    const part = {
      PartNumber: this.#PartNumber,
      body: buffer.subarray(0, this.#filled),
      crc: this.#crc,
      release: () => {
        this.#lent -= size
        for (const buffer of whole.splice(0)) if (buffer.length === this.#size) this.#free.push(buffer)
        part.body = EMPTY_BUFFER
      },
    }
    return part
  }

  #cut(): void {
    const part = this.#part(this.#buffer as Buffer)
    this.#cutCrc = this.crc
    this.#cutBytes = this.size
    this.#PartNumber++
    this.#buffer = undefined
    this.#filled = 0
    this.#summed = 0
    this.#crc = 0
    this.#onPart(part)
  }
}
