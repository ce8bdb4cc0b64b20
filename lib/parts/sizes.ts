import { constants } from 'node:buffer'

export const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** S3's limits, and Node's: a part is one Buffer, and on Node 20 a Buffer ends at 4 GiB.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MIN_PART_SIZE = 5 * MiB
export const MAX_PART_SIZE = Math.min(5 * GiB, constants.MAX_LENGTH)
export const MAX_PARTS = 10_000

/** Why the next part cannot be: what an upload fails with, by its `code`. */
export interface CutError extends Error {
  code: 'ERR_S3_TOO_MANY_PARTS' | 'ERR_S3_MEMORY'
}

/**
 * How many bytes part n holds; the last part may hold fewer. Numbers start at 1, as in S3.
 * Throws a CutError past the last part there can be.
 */
export type SizeOfPart = (PartNumber: number) => number

/**
 * Half of the parts have `partSize`. From there on they grow, so that a stream of unknown length does not end at
 * `partSize × maxParts`. `equal` keeps every part alike, as R2 wants it.
 */
export function planPartSizes(partSize: number, maxParts: number, equal: boolean): SizeOfPart {
  const timesOf = equal ? () => 1 : growth(maxParts)
  const sizeOf = (PartNumber: number): number => Math.min(MAX_PART_SIZE, partSize * timesOf(PartNumber))
  return (PartNumber) => {
    if (PartNumber <= maxParts) return sizeOf(PartNumber)
    let held = 0
    for (let n = 1; n <= maxParts; n++) held += sizeOf(n)
    const last = sizeOf(maxParts)
    const sizes = last === partSize ? `${partSize} bytes` : `${partSize} to ${last} bytes`
    const parts = maxParts === 1 ? 'one part' : `${maxParts} parts`
    const why = `the stream is longer than ${parts} of ${sizes} can hold, which is ${held} bytes. Raise partSize, or give ContentLength or expectedSize`
    throw Object.assign(new Error(why), { code: 'ERR_S3_TOO_MANY_PARTS' } as const) satisfies CutError
  }
}

/**
 * A part that grows is at most this many times as large as a known length would need it: length / maxParts.
 *
 * In memory there are two of the largest parts, and the stream may end at any byte. So the growth to choose is the one
 * whose worst case is best: the largest, over all lengths, of a part's size × maxParts / the bytes before it. That is
 * lowest where it is the same everywhere, which is where each part holds the same fraction of the bytes before it. For
 * 10,000 parts, equal up to part 5,000, of 8 MiB, that must hold 5 TiB, it is 10.04. Other ways of growing have:
 *
 * | growth                               | worst | at 100 GiB | at 1 TiB | at 2 TiB |
 * | this one, in steps of 20 parts       |  10.2 |        9.4 |     10.1 |     10.0 |
 * | twice as large every 500 parts       |  19.7 |       12.5 |      9.8 |     19.5 |
 * | by so many bytes more with each part |  23.4 |       22.7 |      8.8 |      6.3 |
 * | one larger size from part 5,001 on   | 131.0 |      102.3 |     10.0 |      5.0 |
 */
const TIMES = 10.2
/** How often the size may change in `maxParts`: a buffer is used again only where the next part is as large. Costs 1 %. */
const STEPS = 500

/**
 * How many times `partSize` part n holds. A whole number, so that one part tells `partSize`. No step more than doubles the
 * size, which would be much where parts are few.
 */
function growth(maxParts: number): (PartNumber: number) => number {
  const equal = Math.max(1, Math.floor(maxParts / 2))
  const step = Math.max(1, Math.floor(maxParts / STEPS))
  const times = [1]
  let held = equal
  return (PartNumber) => {
    const at = Math.max(0, Math.ceil((PartNumber - equal) / step))
    while (times.length <= at) {
      const next = Math.min(2 * (times.at(-1) as number), Math.floor((TIMES * held) / maxParts))
      times.push(next)
      held += step * next
    }
    return times[at] as number
  }
}

interface Sized {
  PartNumber: number
  size: number
}

/**
 * The sizes that an upload was cut in, by the parts of it that are stored, in ascending order; `equal` is the first guess.
 * One of them may be smaller than its place says: there a stream ended. Undefined where they tell nothing. Throws a
 * RangeError where no such sizes explain them.
 */
export function inferPartSizes(stored: readonly Sized[], maxParts: number, equal: boolean): SizeOfPart | undefined {
  const [first, second] = stored
  if (first === undefined || (second === undefined && first.size < MIN_PART_SIZE)) return undefined
  const most = stored.reduce((most, { PartNumber }) => Math.max(most, PartNumber), 0)
  if (most > maxParts) throw new RangeError(`there is a part ${most}, and maxParts is ${maxParts}`)
  // The first may be the one where a stream ended; then the second tells.
  const plans = stored.slice(0, 2).flatMap((part) => [equal, !equal].map((alike) => planBy(part, maxParts, alike)))
  const fitting = plans.filter((sizes) => fits(stored, sizes))
  const [best] = fitting.sort((a, b) => strays(stored, a).length - strays(stored, b).length)
  if (best !== undefined) return best
  const [{ PartNumber, size } = first] = strays(stored, plans[0] as SizeOfPart)
  const should = Math.max(MIN_PART_SIZE, (plans[0] as SizeOfPart)(PartNumber))
  throw new RangeError(
    `the stored parts are irregular: part ${PartNumber} has ${size} bytes, and should have ${should}`,
  )
}

function planBy({ PartNumber, size }: Sized, maxParts: number, equal: boolean): SizeOfPart {
  return planPartSizes(size / planPartSizes(1, maxParts, equal)(PartNumber), maxParts, equal)
}

function fits(stored: readonly Sized[], sizes: SizeOfPart): boolean {
  const [one, another] = strays(stored, sizes)
  return sizes(1) >= MIN_PART_SIZE && another === undefined && (one === undefined || one.size < sizes(one.PartNumber))
}

/** The parts that are not of the size that their place says. */
function strays(stored: readonly Sized[], sizes: SizeOfPart): readonly Sized[] {
  return stored.filter(({ PartNumber, size }) => size !== sizes(PartNumber))
}

/** The smallest size in whole MiB with which `length` bytes fit in `maxParts`, and never less than `partSize`. */
export function raisePartSize(length: number, partSize: number, maxParts: number): number {
  if (length <= partSize * maxParts) return partSize
  return Math.ceil(length / maxParts / MiB) * MiB
}
