import PQueue from 'p-queue'
import { wasAnswered } from '../errors/causes.js'
import type { CheckedOptions, ConcurrencyBounds } from '../options/types.js'
import type { Part } from '../parts/cutter.js'
import { maxSocketsOf } from '../requests/max-sockets.js'
import type { Requests } from '../requests/requests.js'
import { Concurrency } from './concurrency.js'
import type { Progress } from './progress.js'
import { type PartHooks, StoredParts } from './stored-parts.js'
import { sharedTraffic } from './traffic.js'

/** The callbacks of a PartSender. */
export interface PartListener {
  /** A buffer may be free. */
  onRoom: () => void
  /** A part could not be stored. May be called more than once. */
  onFailure: (error: Error) => void
}

/** Sends the parts of one multipart upload, as many at the same time as may be in flight. */
export class PartSender {
  readonly parts: StoredParts
  readonly #requests: Requests
  readonly #options: CheckedOptions
  readonly #listener: PartListener
  /** Cancels the requests of the parts. */
  readonly #canceller = new AbortController()
  /** Starts when the upload exists. */
  readonly #queue: PQueue
  #bounds: ConcurrencyBounds
  #concurrency: Concurrency | undefined
  /** The numbers of the parts that S3 has not acknowledged although the operating system has all their bytes. */
  readonly #awaitingAnswer = new Set<number>()
  /** The parts that wait in the queue. */
  readonly #waiting = new Set<Part>()
  #UploadId = ''
  #inFlight = 0
  /** The numbers of the parts in flight of which bytes were sent. */
  readonly #begun = new Set<number>()
  /** Whether S3 may have received a part that it has not answered. */
  #mayArriveLate = false
  /** The most parts that were in flight at the same time. */
  most = 0
  /** The client's `maxSockets`, if it kept more parts from being sent at the same time. */
  limitingSockets: number | undefined

  constructor(requests: Requests, options: CheckedOptions, progress: Progress, listener: PartListener) {
    this.#requests = requests
    this.#options = options
    this.#listener = listener
    this.parts = new StoredParts(requests, progress, this.#canceller.signal)
    this.#bounds = options.concurrency
    this.#queue = new PQueue({ concurrency: this.#bounds.min, autoStart: false })
  }

  /** The number of parts that may be in flight at present. */
  get allowed(): number {
    return this.#queue.concurrency
  }

  /** Starts to send. To be called when the upload exists. */
  begin(UploadId: string): void {
    this.#UploadId = UploadId
    const { min, max } = this.#bounds
    if (min < max) this.#beginToMeasure()
    this.#queue.start()
  }

  add(part: Part): void {
    this.#waiting.add(part)
    void this.#queue.add(() => this.#store(part))
  }

  /** Resolves when all parts are stored, or have failed. */
  async onIdle(): Promise<void> {
    await this.#queue.onIdle()
  }

  /** To be called when the last part is stored. */
  end(): void {
    this.#concurrency?.end()
    this.#concurrency = undefined
  }

  /**
   * Cancels the requests. Resolves when they have ended, with whether S3 may store one of their parts later. The signal gets
   * a reason, because the DOMException that it would make itself keeps its stack frames alive, and with them a part.
   */
  async cancel(reason: Error): Promise<boolean> {
    this.end()
    this.#queue.clear()
    for (const { release } of this.#waiting) release()
    this.#canceller.abort(reason)
    await this.#queue.onIdle()
    return this.#mayArriveLate
  }

  #beginToMeasure(): void {
    const { min, max } = this.#bounds
    const { client } = this.#options
    const sockets = maxSocketsOf(client, this.#requests.server.protocol) ?? max
    // More parts would only wait for each other's sockets.
    this.#bounds = { min: Math.min(min, sockets), max: Math.min(max, sockets) }
    this.#concurrency = new Concurrency(this.#bounds, sharedTraffic(client))
    this.#concurrency.begin(performance.now(), this.#requests.roundTrip)
    this.#allow()
  }

  /** One part more may be sent while another one only waits for its answer, because a long link is idle meanwhile. */
  #allow(): void {
    if (this.#concurrency === undefined) return
    this.#requests.sliceSize.keepsSmall = this.#concurrency.isStarting
    const { max } = this.#bounds
    const isIdle = this.#concurrency.isFar && this.#awaitingAnswer.size > 0
    const allowed = Math.min(max, this.#concurrency.limit + (isIdle ? 1 : 0))
    if (allowed === max && max < this.#options.concurrency.max) this.limitingSockets = max
    if (allowed === this.#queue.concurrency) return
    this.#queue.concurrency = allowed
    this.#listener.onRoom()
  }

  async #store(part: Part): Promise<void> {
    const { PartNumber, body } = part
    const { length } = body
    this.#waiting.delete(part)
    this.#changeInFlight(1)
    try {
      const wasSent = await this.parts.store(this.#UploadId, part, this.#hooks(PartNumber))
      // A mock client keeps the parts that it was called with.
      part.release(!(wasSent && this.#requests.hasUnknownAttempts))
      if (wasSent) this.#concurrency?.stored(length, performance.now())
      this.#listener.onRoom()
    } catch (error) {
      part.release(!this.#requests.hasUnknownAttempts)
      const wasBegun = this.#begun.has(PartNumber) || this.#requests.hasUnknownAttempts
      if (wasBegun && !wasAnswered(error)) this.#mayArriveLate = true
      this.#listener.onFailure(error as Error)
    }
    this.#begun.delete(PartNumber)
    this.#awaitingAnswer.delete(PartNumber)
    this.#changeInFlight(-1)
    this.#allow()
  }

  #changeInFlight(by: number): void {
    this.#inFlight += by
    this.most = Math.max(this.most, this.#inFlight)
    this.#concurrency?.inFlight(this.#inFlight, performance.now())
  }

  #hooks(PartNumber: number): PartHooks {
    return {
      onGiven: (bytes) => {
        this.#begun.add(PartNumber)
        this.#awaitingAnswer.delete(PartNumber)
        this.#concurrency?.given(bytes, performance.now())
        this.#allow()
      },
      onHandedOver: () => {
        this.#awaitingAnswer.add(PartNumber)
        this.#allow()
      },
      onSlowDown: () => {
        this.#concurrency?.slowDown(performance.now())
        this.#allow()
      },
    }
  }
}
