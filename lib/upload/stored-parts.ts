import { allOf, type StoredPart, storedPart, type Whole } from '../checksums/etag.js'
import type { Part } from '../parts/cutter.js'
import type { Requests, SentBody } from '../requests/requests.js'
import { type Earlier, isSame } from '../resume/stored-upload.js'
import type { Progress } from './progress.js'

/** The parts of one upload, each stored by sending it, or because an earlier stream sent it. */
export class Parts {
  readonly #requests: Requests
  readonly #progress: Progress
  readonly #signal: AbortSignal
  /** By PartNumber, the first at 0. */
  readonly stored: StoredPart[] = []
  #earlier: ReadonlyMap<number, StoredPart> = new Map()
  /** What the stream begins behind: so many parts, and what they hold. */
  before: Whole & { parts: number } = { crc: 0, size: 0, parts: 0 }

  /** `signal` cancels what is on its way. */
  constructor(requests: Requests, progress: Progress, signal: AbortSignal) {
    this.#requests = requests
    this.#progress = progress
    this.#signal = signal
  }

  /** To be called before the first part is stored. */
  resume({ parts, before }: Earlier): void {
    this.#earlier = parts
    for (let n = 1; n <= before; n++) this.stored.push(parts.get(n) as StoredPart)
    this.before = { ...allOf(this.stored), parts: before }
    this.#progress.skip(this.before.size, before)
  }

  async store(UploadId: string, part: Part): Promise<void> {
    const earlier = this.#earlier.get(part.PartNumber)
    if (earlier !== undefined && (await isSame(part, earlier))) {
      this.#progress.skip(earlier.size, 1)
      this.stored[part.PartNumber - 1] = { ...earlier, crc: part.crc }
    } else {
      this.stored[part.PartNumber - 1] = await this.#send(UploadId, part)
    }
  }

  sent(body: Buffer, crc: number, signal: AbortSignal): SentBody {
    return { body, crc, signal, onTaken: this.#progress.part() }
  }

  acknowledged({ body, onTaken }: SentBody): void {
    onTaken(body.length)
    this.#progress.stored(body.length)
  }

  async #send(UploadId: string, part: Part): Promise<StoredPart> {
    const { PartNumber, body, crc } = part
    const sent = this.sent(body, crc, this.#signal)
    const answer = await this.#requests.uploadPart(UploadId, PartNumber, sent)
    const { Bucket } = this.#requests.names
    const stored = storedPart(part, answer, await this.#requests.declared(), Bucket)
    if (typeof stored === 'string') {
      const place = { UploadId, PartNumber, operation: 'UploadPart' }
      throw this.#requests.error('ERR_S3_INTEGRITY', `part ${PartNumber} is not stored: ${stored}`, place)
    }
    this.acknowledged(sent)
    return stored
  }
}
