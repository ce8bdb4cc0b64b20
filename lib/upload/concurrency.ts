import type { ConcurrencyBounds } from '../options/types.js'
import { type Growth, grow, type Measured } from './growth.js'
import type { Traffic } from './traffic.js'

/** After a round trip that is shorter than this, in ms, parts are soon acknowledged, and show what pays. */
const LEAST_ROUND_TRIP = 20
/** For how many round trips the start waits for the rate to rise. */
const START_ROUND_TRIPS = 4
/** The rate rises if the second half of a stretch of time has this many times the bytes of the first half. */
const RISE = 1.5
/** The source is the slower side if a smaller share of the parts that may be in flight was in flight. */
const FULL = 0.9

/**
 * How many parts of one upload may be in flight. Takes the measurements by which `growth.ts` decides. All times are in ms
 * of a clock that does not jump.
 */
export class Concurrency {
  readonly #bounds: ConcurrencyBounds
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
    this.#bounds = bounds
    this.#traffic = traffic
    this.#growth = { at: 'starting', limit: bounds.min }
  }

  /** The number of parts that may be in flight. */
  get limit(): number {
    return this.#growth.limit
  }

  /** To be called when parts can be sent. `roundTrip` is the time that Create took; undefined if that is not known. */
  begin(now: number, roundTrip = 0): void {
    this.#traffic.changes++
    if (roundTrip < LEAST_ROUND_TRIP) this.#grow({ event: 'start', isRising: false }, now)
    else this.#measuring = new Start(roundTrip)
  }

  /** To be called when the upload has ended. */
  end(): void {
    this.#traffic.changes++
    if (this.#growth.at === 'trying') this.#traffic.isTrying = false
    this.#measuring = undefined
  }

  /** To be called when the number of parts in flight has changed. */
  inFlight(parts: number, now: number): void {
    const idle = Math.max(0, this.limit - this.#inFlight)
    if (this.#measuring instanceof Window) this.#measuring.noteIdle(idle, now - this.#inFlightSince)
    this.#inFlight = parts
    this.#inFlightSince = now
  }

  /** To be called when bytes were given to the network. */
  given(bytes: number, now: number): void {
    if (!(this.#measuring instanceof Start)) return
    const isRising = this.#measuring.isRising(bytes, now)
    // A source that is slower leaves no doubt about the link, and needs no more parts in flight.
    if (isRising !== undefined) this.#grow({ event: 'start', isRising: isRising && this.#inFlight >= this.limit }, now)
  }

  /** To be called when S3 has acknowledged a part. */
  stored(bytes: number, now: number): void {
    this.#traffic.stored += bytes
    this.#slowDownsCountIn--
    this.inFlight(this.#inFlight, now)
    if (!(this.#measuring instanceof Window)) return
    const measured = this.#measuring.stored(now)
    if (measured === undefined) return
    const { rate, idle } = measured
    this.#grow({ event: 'window', rate, isFull: idle <= this.limit * (1 - FULL) }, now)
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
    const mayTry = after.at !== 'trying' || !this.#traffic.isTrying
    if (mayTry) {
      if (before.at === 'trying' || after.at === 'trying') this.#traffic.isTrying = after.at === 'trying'
      this.#growth = after
    }
    if (this.#growth.at === 'starting') this.#measuring = (this.#measuring as Start).again()
    else this.#measuring = new Window(this.limit, this.limit === before.limit ? 0 : this.limit, this.#traffic, now)
  }
}

/** What is given to the network at the start, when nothing has been acknowledged yet. */
class Start {
  readonly #roundTrip: number
  readonly #given: { at: number; bytes: number }[] = []

  constructor(roundTrip: number) {
    this.#roundTrip = roundTrip
  }

  again(): Start {
    return new Start(this.#roundTrip)
  }

  /** Whether the rate rises; undefined if that cannot be said yet. */
  isRising(bytes: number, now: number): boolean | undefined {
    this.#given.push({ at: now, bytes })
    const from = (this.#given[0] as { at: number }).at
    const elapsed = now - from
    if (elapsed < this.#roundTrip) return undefined
    let first = 0
    let second = 0
    for (const { at, bytes } of this.#given) {
      if (at <= from + elapsed / 2) first += bytes
      else second += bytes
    }
    if (second >= RISE * first) return true
    return elapsed > START_ROUND_TRIPS * this.#roundTrip ? false : undefined
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
  /** The parts that could have been in flight but were not, times ms. */
  #idle = 0

  constructor(parts: number, skip: number, traffic: Traffic, now: number) {
    this.#parts = parts
    this.#skip = skip
    this.#traffic = traffic
    this.#left = parts
    this.#from = now
    this.#before = { ...traffic }
  }

  noteIdle(parts: number, ms: number): void {
    this.#idle += parts * ms
  }

  /** What was measured, if the window ends with this part. `idle` is the mean number of parts that could have been in flight. */
  stored(now: number): { rate: number; idle: number } | undefined {
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
    return { rate: ((this.#traffic.stored - this.#before.stored) / ms) * 1000, idle: this.#idle / ms }
  }

  #begin(now: number): void {
    this.#left = this.#parts
    this.#from = now
    this.#before = { ...this.#traffic }
    this.#idle = 0
  }
}
