import type { StoredPart } from '../checksums/etag.js'
import { addToMessage, type S3WritableError } from '../errors/s3-writable-error.js'
import { type Part, PartCutter } from '../parts/cutter.js'
import type { CutError, PartSizes } from '../parts/sizes.js'
import type { Requests } from '../requests/requests.js'
import type { Aborted } from '../upload/cleanup.js'
import { isThere } from '../upload/complete.js'

/**
 * In an upload's place where the one to be resumed is gone and there is an object: reads the bytes to their end, to tell
 * whether the object is made of them. Sends nothing, and always fails.
 */
export class Comparison {
  readonly UploadId = undefined
  readonly bytesUploaded = 0
  /** Why: what the stream fails with. */
  readonly gone: S3WritableError
  readonly #requests: Requests
  readonly #cutter: PartCutter
  readonly #parts: StoredPart[] = []

  constructor(sizes: PartSizes, requests: Requests, gone: S3WritableError) {
    this.#requests = requests
    this.gone = gone
    this.#cutter = new PartCutter(sizes, 1, (part) => this.#note(part))
  }

  write(chunk: Uint8Array): number {
    try {
      return this.#cutter.take(chunk)
    } catch (cause) {
      throw this.#requests.error((cause as CutError).code, (cause as CutError).message, { cause })
    }
  }

  writeText(): undefined {}

  async room(): Promise<void> {}

  async end(): Promise<never> {
    const { crc, size } = this.#cutter
    const last = this.#cutter.end()
    if (last !== undefined) this.#note(last)
    const found = (await isThere(this.#requests, this.#parts, { crc, size }))
      ? 'It is made of these very bytes: the upload was completed, and there is nothing left to do'
      : `It does not show that it is made of the ${size} bytes that came`
    throw addToMessage(this.gone, found)
  }

  async abort(): Promise<Aborted> {
    this.#cutter.drop()
    return {}
  }

  #note({ PartNumber, body, crc, release }: Part): void {
    this.#parts.push({ listed: { PartNumber }, crc, size: body.length, md5: undefined })
    release()
  }
}
