import type { ConcurrencyBounds } from '../../lib/options/types.js'
import { Concurrency } from '../../lib/upload/concurrency.js'
import type { Traffic } from '../../lib/upload/traffic.js'
import { KiB, MiB } from './bytes.js'

/** A link with the connections over it. Times are in ms, rates in bytes a second. */
export interface Link {
  roundTrip: number
  rate: number
  /** How long S3 takes to answer. */
  answer: number
}

/** A stream that uploads over the link. */
export interface SimulatedStream {
  bounds: ConcurrencyBounds
  /** How many parts it has. */
  parts: number
  /** How long Create took; undefined if that is not known. */
  roundTrip?: number | undefined
  /** How many parts its source makes in a second. */
  source?: number
  /** When it begins. */
  from?: number
}

/** How the upload of one stream went. */
export interface Outcome {
  /** When each part was stored. */
  stored: number[]
  /** Every number of parts that could be in flight, and since when. */
  limits: { at: number; limit: number }[]
  /** The most parts in flight. */
  most: number
}

type Connection = { at: 'idle' | 'connecting' | 'sending' | 'waiting'; until: number; left: number; window: number }

const PART = 8 * MiB
/** How much TCP sends before the first acknowledgement, with ten large packets, and how much the socket buffers hold. */
const FIRST_WINDOW = 90 * KiB
const LARGEST_WINDOW = 4 * MiB
const SLICE = 64 * KiB

/**
 * Uploads over a link whose connections begin slowly, double their rate in each round trip as TCP does, share the link
 * equally, and idle for a round trip after each part. Time passes in steps, so it takes no real time. `onStep` may disturb it.
 */
export function simulate(
  link: Link,
  streams: SimulatedStream[],
  onStep: (now: number, concurrencies: Concurrency[]) => void = () => {},
): Outcome[] {
  const traffic: Traffic = { stored: 0, changes: 0, tryingUntil: 0 }
  const uploads = streams.map((stream) => new SimulatedUpload(stream, link, traffic))
  const partTakes = (PART / link.rate) * 1000
  const step = Math.max(Math.min(link.roundTrip / 8, 5), partTakes / 50)
  for (let now = 0; uploads.some((upload) => !upload.isDone); now += step) {
    const sending = uploads.flatMap((upload) => upload.sending.map((connection) => ({ upload, connection })))
    sending.sort((a, b) => a.connection.window - b.connection.window)
    let free = (link.rate * step) / 1000
    sending.forEach(({ upload, connection }, index) => {
      free -= upload.send(connection, free / (sending.length - index), now, step)
    })
    for (const upload of uploads) {
      upload.settle(now)
      upload.begin(now, step)
    }
    onStep(
      now,
      uploads.map(({ concurrency }) => concurrency),
    )
  }
  return uploads.map(({ outcome }) => outcome)
}

class SimulatedUpload {
  readonly concurrency: Concurrency
  readonly outcome: Outcome = { stored: [], limits: [], most: 0 }
  readonly #stream: SimulatedStream
  readonly #link: Link
  readonly #connections: Connection[] = []
  #begun = 0
  #ready = 0
  #hasBegun = false

  constructor(stream: SimulatedStream, link: Link, traffic: Traffic) {
    this.#stream = stream
    this.#link = link
    this.concurrency = new Concurrency(stream.bounds, traffic)
  }

  get isDone(): boolean {
    return this.outcome.stored.length === this.#stream.parts
  }

  get sending(): Connection[] {
    return this.#connections.filter(({ at }) => at === 'sending')
  }

  get #inFlight(): number {
    return this.#connections.filter(({ at }) => at !== 'idle').length
  }

  /** Begins the parts that are ready and may be in flight. */
  begin(now: number, step: number): void {
    const { from = 0, source = Number.POSITIVE_INFINITY, roundTrip, parts } = this.#stream
    if (now < from || this.isDone) return
    if (!this.#hasBegun) this.concurrency.begin(now, roundTrip)
    this.#hasBegun = true
    // As many parts as there are buffers for may be ready.
    this.#ready = Math.min(this.#ready + (source * step) / 1000, this.concurrency.limit + 1 - this.#inFlight)
    while (this.#begun < parts && this.#ready >= 1 && this.#inFlight < this.concurrency.limit) {
      this.#ready--
      this.#begun++
      const idle = this.#connections.find(({ at }) => at === 'idle')
      if (idle === undefined) {
        const until = now + 2 * this.#link.roundTrip
        this.#connections.push({ at: 'connecting', until, left: PART, window: FIRST_WINDOW })
      } else {
        Object.assign(idle, { at: 'sending', left: PART })
      }
      this.concurrency.inFlight(this.#inFlight, now)
      this.concurrency.given(SLICE, now)
    }
    this.outcome.most = Math.max(this.outcome.most, this.#inFlight)
    const { limit } = this.concurrency
    if (this.outcome.limits.at(-1)?.limit !== limit) this.outcome.limits.push({ at: now, limit })
  }

  /** Sends at most `share` bytes over the connection, and returns how many it took. */
  send(connection: Connection, share: number, now: number, step: number): number {
    const wanted = Math.min(connection.left, (connection.window * step) / this.#link.roundTrip)
    const taken = Math.min(wanted, share)
    const slices = Math.ceil(connection.left / SLICE) - Math.ceil((connection.left - taken) / SLICE)
    connection.left -= taken
    if (taken === wanted)
      connection.window = Math.min(LARGEST_WINDOW, connection.window * 2 ** (step / this.#link.roundTrip))
    if (slices > 0) this.concurrency.given(slices * SLICE, now)
    return taken
  }

  /** Ends what has ended by now. */
  settle(now: number): void {
    for (const connection of this.#connections) {
      if (connection.at === 'connecting' && now >= connection.until) connection.at = 'sending'
      if (connection.at === 'sending' && connection.left <= 0)
        Object.assign(connection, { at: 'waiting', until: now + this.#link.roundTrip + this.#link.answer })
      if (connection.at !== 'waiting' || now < connection.until) continue
      connection.at = 'idle'
      this.outcome.stored.push(now)
      this.concurrency.inFlight(this.#inFlight, now)
      this.concurrency.stored(PART, now)
      if (this.isDone) this.concurrency.end()
    }
  }
}

/** The bytes a second of the second half of the parts. */
export function settledRate({ stored }: Outcome): number {
  const half = Math.floor(stored.length / 2)
  const ms = (stored.at(-1) as number) - (stored[half] as number)
  return ((stored.length - 1 - half) * PART * 1000) / ms
}
