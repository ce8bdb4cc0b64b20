import type { BodyToSend } from '../requests/body.js'

/**
 * The `progress` event: how far the upload is. The event is emitted for every part, and at most ten times a second in
 * between. `loaded`, `sent` and `parts` never decrease, and at the end `loaded` and `sent` are the size of the object.
 */
export interface S3WritableProgress {
  /** The bytes that S3 has acknowledged, including `skipped`. */
  loaded: number
  /**
   * The bytes that were passed to the network, including `skipped`. Bytes that are sent again are not counted again.
   */
  sent: number
  /** The size of the object in bytes, if `ContentLength` was given. */
  total?: number
  /** The number of parts that S3 has acknowledged; an object that is sent by a single PutObject counts as one. */
  parts: number
  /** With `resume`: the bytes that S3 already held and that are not sent again. */
  skipped?: number
}

/** The `upload` event: the multipart upload that the stream writes to. Keep its id to be able to resume it. */
export interface S3WritableUpload {
  /** The id that S3 gave to the upload. */
  UploadId: string
}

/**
 * The events of a Writable, and `upload` and `progress`.
 * @inline
 */
export interface AddListener<Self> {
  (event: 'upload', listener: (upload: S3WritableUpload) => void): Self
  (event: 'progress', listener: (progress: S3WritableProgress) => void): Self
  (event: 'error', listener: (error: Error) => void): Self
  // biome-ignore lint/suspicious/noExplicitAny: as in Node's own types; with `unknown`, no listener with typed arguments would fit
  (event: string | symbol, listener: (...args: any[]) => void): Self
}

/** The shortest time between two events, in ms, except for the event of a part that was stored. */
const INTERVAL = 100

/** Counts the bytes and parts of one upload, and emits its progress. */
export class Progress {
  loaded = 0
  sent = 0
  parts = 0
  /** The bytes that were passed to the network again. */
  resent = 0
  /** Undefined for an upload that was not resumed. */
  skipped: number | undefined
  readonly #total: number | undefined
  readonly #onProgress: (progress: S3WritableProgress) => void
  #emittedAt = 0

  constructor(total: number | undefined, onProgress: (progress: S3WritableProgress) => void) {
    this.#total = total
    this.#onProgress = onProgress
  }

  /** A body whose attempts are counted. */
  bodyToSend(body: Buffer, crc: number, signal: AbortSignal): BodyToSend {
    return { body, crc, signal, onSent: this.#countPart() }
  }

  /** Counts a body that S3 has acknowledged. */
  acknowledged({ body, onSent }: BodyToSend): void {
    // The whole body, even if the client does not run the middleware that counts.
    onSent(body.length, 0)
    this.loaded += body.length
    this.parts++
    this.#emit()
  }

  /**
   * A function that every attempt at one part calls when it has passed `bytes` more to the network, `taken` bytes so far.
   */
  #countPart(): (taken: number, bytes: number) => void {
    let highest = 0
    return (taken, bytes) => {
      const firstTime = Math.max(0, taken - highest)
      this.resent += Math.max(0, bytes - firstTime)
      if (firstTime === 0) return
      this.sent += firstTime
      highest = taken
      if (performance.now() - this.#emittedAt >= INTERVAL) this.#emit()
    }
  }

  /** Counts parts that an earlier stream stored. */
  skip(bytes: number, parts: number): void {
    this.skipped = (this.skipped ?? 0) + bytes
    this.sent += bytes
    this.loaded += bytes
    this.parts += parts
    this.#emit()
  }

  #emit(): void {
    this.#emittedAt = performance.now()
    const { loaded, sent, parts, skipped } = this
    this.#onProgress({
      loaded,
      sent,
      ...(this.#total === undefined ? {} : { total: this.#total }),
      parts,
      ...(skipped === undefined ? {} : { skipped }),
    })
  }
}
