import type { ConcurrencyBounds } from '../options/types.js'

/** Whether more parts in flight are tried, or fewer. */
type Direction = 'up' | 'down'

/** How many parts may be in flight, and how far the search for the best number is. */
export type Growth =
  /** No part is acknowledged yet: the bytes given to the network show how fast the link is. */
  | { at: 'starting'; limit: number }
  /** `rates` are those of the last windows. After `wait` more windows, the next number in `direction` is tried. */
  | { at: 'settled'; limit: number; rates: readonly number[]; wait: number; pause: number; direction: Direction }
  /** Another number is tried. `from` is the number before, and `rate` the highest rate with it. */
  | { at: 'trying'; limit: number; from: number; rate: number; pause: number; direction: Direction }

/** What was measured. Rates are in bytes a second. */
export type Measured =
  /** At the start: the rate at which the network takes bytes. `hasEnded`: the start lasts no longer. */
  | { event: 'start'; rate: number; hasEnded: boolean }
  /**
   * A window, over some parts: the rate at which bytes are acknowledged, and how many parts were in flight on average. If
   * they were fewer than may be, the source is the slower side.
   */
  | { event: 'window'; rate: number; inFlight: number }
  /** S3 asked for a lower rate: SlowDown, or the HTTP status 503 or 429. */
  | { event: 'slowDown' }

/** What bounds the search. */
export interface Bounds extends ConcurrencyBounds {
  /** How long S3 takes to answer a short request, in ms; undefined if that is not known. */
  readonly roundTrip: number | undefined
}

/**
 * More parts in flight can only pay if each connection carries at least this many bytes in a round trip. With less, the
 * link is shared out already: a part takes so long that the wait for its answer does not matter, and no buffer of the
 * operating system limits the connection.
 */
const BYTES_PER_ROUND_TRIP = 512 * 1024
/**
 * A shorter wait for an answer, in ms, does not matter: four parts at once keep such a link busy. More would only take
 * memory, and then the parts no longer fit into the processor's caches: on one machine, that cost a fifth of the speed.
 */
const LEAST_ROUND_TRIP = 10
/** More parts in flight are worth their memory only if they are faster by more than this. */
const GAIN = 1.05
/** Fewer parts in flight are kept if they are not slower by more than this. Less than GAIN, or both would be undone. */
const LOSS = 0.98
/** The source is the slower side if a smaller share of the parts that may be in flight was in flight. */
const FULL = 0.9
/** How many windows are compared with a trial. Their highest rate counts, so that noise is not taken for a gain. */
const COMPARED = 3
/** How many windows there must be before a trial. */
const LEAST_COMPARED = 2
/** How many windows lie between two trials that were undone, at first and at most. Each pause is twice the one before. */
const FIRST_PAUSE = 8
const LONGEST_PAUSE = 64

/**
 * Finds how many parts in flight the link pays for. The numbers are `min`, its doubles, and `max`.
 *
 * 1. A long link is slow to show what it can do: a connection takes ten round trips to reach its full rate. So at the
 *    start, the next larger number is taken as soon as it may pay.
 * 2. After that, the next larger number is tried if it may pay. If the acknowledged bytes a second do not pay for it, the
 *    number before comes back. Otherwise the search goes on in that direction.
 * 3. Links change, so a trial is repeated, up and down in turn, after ever longer pauses.
 * 4. If the source is the slower side, nothing is tried. If the next smaller number is enough for it, that is taken.
 * 5. If S3 asks for a lower rate, the number is halved, and the next trial comes after the longest pause.
 */
export function grow(growth: Growth, measured: Measured, bounds: Bounds): Growth {
  if (measured.event === 'slowDown') {
    const limit = Math.max(bounds.min, Math.floor(growth.limit / 2))
    return { ...settledAt(limit), wait: LONGEST_PAUSE, pause: LONGEST_PAUSE }
  }
  if (measured.event === 'start') {
    if (growth.at !== 'starting') return growth
    if (measured.hasEnded) return settledAt(growth.limit)
    if (!mayPay(growth.limit, measured.rate, bounds)) return growth
    const limit = next(growth.limit, 'up', bounds)
    return limit === undefined ? settledAt(growth.limit) : { at: 'starting', limit }
  }
  if (growth.at === 'starting') return growth
  return growth.at === 'settled' ? afterWindow(growth, measured, bounds) : afterTrial(growth, measured)
}

function settledAt(limit: number): Growth & { at: 'settled' } {
  return { at: 'settled', limit, rates: [], wait: 0, pause: FIRST_PAUSE, direction: 'up' }
}

function afterWindow(
  settled: Growth & { at: 'settled' },
  { rate, inFlight }: Measured & { event: 'window' },
  bounds: Bounds,
): Growth {
  const { limit, direction, pause } = settled
  // 4.
  if (inFlight < FULL * limit) {
    const below = next(limit, 'down', bounds) ?? 0
    return { ...settled, limit: inFlight < FULL * below ? below : limit, rates: [] }
  }
  const rates = [...settled.rates, rate].slice(-COMPARED)
  const wait = Math.max(0, settled.wait - 1)
  if (wait > 0 || rates.length < LEAST_COMPARED) return { ...settled, rates, wait }
  const tried = direction === 'down' || mayPay(limit, rate, bounds) ? next(limit, direction, bounds) : undefined
  if (tried !== undefined)
    return { at: 'trying', limit: tried, from: limit, rate: Math.max(...rates), pause, direction }
  return { ...settled, rates, wait: pause, direction: opposite(direction) }
}

function afterTrial(
  { limit, from, rate: before, pause, direction }: Growth & { at: 'trying' },
  { rate, inFlight }: Measured & { event: 'window' },
): Growth {
  if (inFlight >= FULL * limit && rate > before * (direction === 'up' ? GAIN : LOSS))
    return { ...settledAt(limit), rates: [rate], direction }
  const longer = Math.min(LONGEST_PAUSE, 2 * pause)
  return { at: 'settled', limit: from, rates: [], wait: pause, pause: longer, direction: opposite(direction) }
}

/** Whether the wait for an answer matters. */
export function isFar({ roundTrip }: Bounds): boolean {
  return roundTrip === undefined || roundTrip >= LEAST_ROUND_TRIP
}

/** Whether more parts in flight than `limit` may be faster. */
function mayPay(limit: number, rate: number, bounds: Bounds): boolean {
  const { roundTrip = Number.POSITIVE_INFINITY } = bounds
  return isFar(bounds) && ((rate / 1000) * roundTrip) / limit >= BYTES_PER_ROUND_TRIP
}

function opposite(direction: Direction): Direction {
  return direction === 'up' ? 'down' : 'up'
}

/** The next number in this direction: `min`, its doubles, and `max`; undefined if there is none. */
function next(limit: number, direction: Direction, { min, max }: Bounds): number | undefined {
  if (direction === 'up') return limit < max ? Math.min(max, 2 * limit) : undefined
  if (limit === min) return undefined
  let below = min
  while (2 * below < limit) below *= 2
  return below
}
