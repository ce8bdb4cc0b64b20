import type { Attempt } from './answer.js'

/**
 * How far a `Date` header and a `LastModified` of one store may disagree, in ms. Both have whole seconds, and a load
 * balancer or another node of the store may have another clock.
 */
export const CLOCK_TOLERANCE = 15_000

/** The earliest time at which the last attempt can have been sent, by the server's clock, in ms since 1970. */
export function earliestStart(attempts: readonly Attempt[]): number | undefined {
  const last = attempts.at(-1)
  return last?.clock && last.clock.s3 - (last.clock.here - last.sent) - CLOCK_TOLERANCE
}
