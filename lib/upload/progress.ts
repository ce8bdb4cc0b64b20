/** How far an upload is. Neither `loaded` nor `sent` ever falls, and both end at the object's size. */
export interface S3WritableProgress {
  /** Bytes that S3 has acknowledged, `skipped` among them. */
  loaded: number
  /** Bytes given to the network, and `skipped`; what a repeated attempt sends again is not counted again. */
  sent: number
  /** `ContentLength`, where it was given. */
  total?: number
  /** Parts that S3 has acknowledged; an object sent by one PutObject counts as one. */
  parts: number
  /** With `resume`: bytes that S3 held before, and that are not sent again. */
  skipped?: number
}

/** The multipart upload that a stream is stored by: what to write down, to resume it. */
export interface S3WritableUpload {
  UploadId: string
}

/** Between two parts a listener hears of it at most this often, in milliseconds. */
const INTERVAL = 100

/** Counts, and tells: on every part, and at most ten times a second in between. */
export class Progress {
  loaded = 0
  sent = 0
  parts = 0
  /** Undefined for an upload that was not resumed. */
  skipped: number | undefined
  readonly #total: number | undefined
  readonly #tell: (progress: S3WritableProgress) => void
  #told = 0

  constructor(total: number | undefined, tell: (progress: S3WritableProgress) => void) {
    this.#total = total
    this.#tell = tell
  }

  /** A counter for one part, that every attempt at it tells how many bytes have gone. */
  part(): (taken: number) => void {
    let most = 0
    return (taken) => {
      if (taken <= most) return
      this.sent += taken - most
      most = taken
      if (performance.now() - this.#told >= INTERVAL) this.#now()
    }
  }

  stored(bytes: number): void {
    this.loaded += bytes
    this.parts++
    this.#now()
  }

  /** What an earlier stream had stored. */
  skip(bytes: number, parts: number): void {
    this.skipped = (this.skipped ?? 0) + bytes
    this.sent += bytes
    this.loaded += bytes
    this.parts += parts
    this.#now()
  }

  #now(): void {
    this.#told = performance.now()
    const { loaded, sent, parts, skipped } = this
    this.#tell({
      loaded,
      sent,
      ...(this.#total === undefined ? {} : { total: this.#total }),
      parts,
      ...(skipped === undefined ? {} : { skipped }),
    })
  }
}
