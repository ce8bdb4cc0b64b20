import type { ConcurrencyBounds } from '../options/types.js'
import { type Bounds, type Growth, grow, isFar, type Measured } from './growth.js'
import type { Traffic } from './traffic.js'

/** After a shorter round trip, in ms, parts are soon acknowledged, and there is no start. */
const LEAST_START_ROUND_TRIP = 20
/** A longer one, in ms, shows a busy server rather than a long link. */
const LONGEST_ROUND_TRIP = 500
/** For how many round trips the start waits for a rate that pays. */
const START_ROUND_TRIPS = 10
/** How long the other streams of the client wait for the end of a trial, in ms. */
const LONGEST_TRIAL = 60_000
/** How often each of the parts that may be in flight is acknowledged in a window, because they come in bunches. */
const ROUNDS = 3

/**
 * How many parts of one upload may be in flight. Takes the measurements by which `growth.ts` decides. All times are in ms
 * of a clock that does not jump.
 */
export class Concurrency {
  #bounds: Bounds
  readonly #traffic: Traffic
  #growth: Growth
  /** The parts in flight, and since when. */
  #inFlight = 0
  #inFlightSince = 0
  /** At the start, or after it: what is measured. */
  #measuring: Start | Window | undefined
  /** How many parts must be acknowledged until S3's next request for a lower rate counts: it asks each part in flight. */
  #slowDownsCountIn = 0

  /** `traffic` is shared by all streams of the client. */
  constructor(bounds: ConcurrencyBounds, traffic: Traffic) {
    this.#bounds = { ...bounds, roundTrip: undefined }
    this.#traffic = traffic
    this.#growth = { at: 'starting', limit: bounds.min }
  }

  /** The number of parts that may be in flight. */
  get limit(): number {
    return this.#growth.limit
  }

  /** Whether the wait for an answer matters. */
  get isFar(): boolean {
    return isFar(this.#bounds)
  }

  /** Whether the rate at the start is being measured. It needs small slices, because a slice counts when it is given. */
  get isStarting(): boolean {
    return this.#measuring instanceof Start
  }

  /** To be called when parts can be sent. `create` is how long Create took; undefined if that is not known. */
  begin(now: number, create: number | undefined): void {
    this.#traffic.changes++
    // Not positive if the clock was set meanwhile.
    const roundTrip = create === undefined || create <= 0 ? undefined : Math.min(create, LONGEST_ROUND_TRIP)
    this.#bounds = { ...this.#bounds, roundTrip }
    if (roundTrip !== undefined && roundTrip >= LEAST_START_ROUND_TRIP) this.#measuring = new Start(roundTrip)
    else this.#grow({ event: 'start', rate: 0, hasEnded: true }, now)
  }

  /** To be called when the upload has ended. */
  end(): void {
    this.#traffic.changes++
    if (this.#growth.at === 'trying') this.#traffic.tryingUntil = 0
    this.#measuring = undefined
  }

  /** To be called when the number of parts in flight has changed. */
  inFlight(parts: number, now: number): void {
    if (this.#measuring instanceof Window) this.#measuring.noteInFlight(this.#inFlight, now - this.#inFlightSince)
    this.#inFlight = parts
    this.#inFlightSince = now
  }

  /** To be called when bytes were given to the network. */
  given(bytes: number, now: number): void {
    if (!(this.#measuring instanceof Start)) return
    const measured = this.#measuring.given(bytes, now)
    // If not all parts that may be in flight are, the source may be the slower side.
    if (measured !== undefined && (this.#inFlight >= this.limit || measured.hasEnded))
      this.#grow({ event: 'start', ...measured }, now)
  }

  /** To be called when S3 has acknowledged a part. */
  stored(bytes: number, now: number): void {
    this.#traffic.stored += bytes
    this.#slowDownsCountIn--
    this.inFlight(this.#inFlight, now)
    if (!(this.#measuring instanceof Window)) return
    const measured = this.#measuring.stored(now)
    if (measured === undefined) return
    this.#grow({ event: 'window', ...measured }, now)
  }

  /** To be called when S3 asks for a lower rate. */
  slowDown(now: number): void {
    if (this.#slowDownsCountIn > 0) return
    this.#slowDownsCountIn = this.#inFlight
    this.#grow({ event: 'slowDown' }, now)
  }

  #grow(measured: Measured, now: number): void {
    const before = this.#growth
    const after = grow(before, measured, this.#bounds)
    if (after.at !== 'trying' || now >= this.#traffic.tryingUntil) {
      if (after.at === 'trying') this.#traffic.tryingUntil = now + LONGEST_TRIAL
      else if (before.at === 'trying') this.#traffic.tryingUntil = 0
      this.#growth = after
    }
    if (this.#growth.at === 'starting') return
    const skip = this.limit === before.limit ? 0 : this.limit
    this.#measuring = new Window(ROUNDS * this.limit, skip, this.#traffic, now)
  }
}

/** What is given to the network at the start. */
class Start {
  readonly #roundTrip: number
  /** Of the last round trip. */
  readonly #given: { at: number; bytes: number }[] = []
  #bytes = 0
  #from: number | undefined

  constructor(roundTrip: number) {
    this.#roundTrip = roundTrip
  }

  /** The rate over the last round trip, in bytes a second; undefined in the first one, when empty buffers take anything. */
  given(bytes: number, now: number): { rate: number; hasEnded: boolean } | undefined {
    this.#from ??= now
    this.#given.push({ at: now, bytes })
    this.#bytes += bytes
    for (let first = this.#given[0]; first && first.at < now - this.#roundTrip; first = this.#given[0]) {
      this.#bytes -= first.bytes
      this.#given.shift()
    }
    const elapsed = now - this.#from
    if (elapsed <= this.#roundTrip) return undefined
    return { rate: (this.#bytes / this.#roundTrip) * 1000, hasEnded: elapsed > START_ROUND_TRIPS * this.#roundTrip }
  }
}

/** A stretch of time over which acknowledged bytes are counted. */
class Window {
  readonly #parts: number
  readonly #traffic: Traffic
  /** How many parts must be acknowledged before the window begins: those that were sent before the limit changed. */
  #skip: number
  /** How many parts must then be acknowledged before it ends. */
  #left: number
  #from: number
  #before: Readonly<Traffic>
  /** The parts that were in flight, times ms. */
  #inFlight = 0

  constructor(parts: number, skip: number, traffic: Traffic, now: number) {
    this.#parts = parts
    this.#skip = skip
    this.#traffic = traffic
    this.#left = parts
    this.#from = now
    this.#before = { ...traffic }
  }

  noteInFlight(parts: number, ms: number): void {
    this.#inFlight += parts * ms
  }

  /** What was measured, if the window ends with this part: bytes a second, and parts in flight. */
  stored(now: number): { rate: number; inFlight: number } | undefined {
    if (this.#skip > 0) {
      if (--this.#skip === 0) this.#begin(now)
      return undefined
    }
    if (--this.#left > 0) return undefined
    // Another stream began or ended: what it gave or took would be counted as ours.
    if (this.#traffic.changes !== this.#before.changes) {
      this.#begin(now)
      return undefined
    }
    const ms = now - this.#from
    return { rate: ((this.#traffic.stored - this.#before.stored) / ms) * 1000, inFlight: this.#inFlight / ms }
  }

  #begin(now: number): void {
    this.#left = this.#parts
    this.#from = now
    this.#before = { ...this.#traffic }
    this.#inFlight = 0
  }
}
