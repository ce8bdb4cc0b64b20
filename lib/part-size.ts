import { constants } from 'node:buffer'

export const MiB = 1024 * 1024
/** After so many bytes of work the event loop gets a turn, or what never waits would starve the sockets. */
export const BYTES_A_TURN = 4 * MiB
const GiB = 1024 * MiB

/** S3's limits, and Node's: a part is one Buffer, and on Node 20 a Buffer ends at 4 GiB.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MIN_PART_SIZE = 5 * MiB
export const MAX_PART_SIZE = Math.min(5 * GiB, constants.MAX_LENGTH)
export const MAX_PARTS = 10_000

/**
 * How many bytes part n holds; the last part may hold fewer. Numbers start at 1, as in S3.
 * Throws a RangeError past the last part there can be.
 */
export type PartSizes = (PartNumber: number) => number

/**
 * From the middle on the size doubles every twentieth of `maxParts`, so that a stream whose length nobody
 * knows does not end at `partSize × maxParts`. `equal` keeps every part alike, as R2 wants it.
 */
export function partSizes(partSize: number, maxParts: number, equal: boolean): PartSizes {
  const half = Math.floor(maxParts / 2)
  const step = Math.max(1, Math.floor(maxParts / 20))
  const sizeOf = (PartNumber: number): number => {
    if (equal || PartNumber <= half) return partSize
    const doublings = 1 + Math.floor((PartNumber - half - 1) / step)
    return Math.min(MAX_PART_SIZE, partSize * 2 ** doublings)
  }
  return (PartNumber) => {
    if (PartNumber <= maxParts) return sizeOf(PartNumber)
    let held = 0
    for (let n = 1; n <= maxParts; n++) held += sizeOf(n)
    const sizes = equal
      ? `${maxParts} parts of ${partSize} bytes`
      : `${maxParts} parts of ${partSize} to ${sizeOf(maxParts)} bytes`
    throw new RangeError(`the stream is longer than ${sizes} can hold, which is ${held} bytes`)
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
export function partSizesOf(stored: readonly Sized[], maxParts: number, equal: boolean): PartSizes | undefined {
  const [first, second] = stored
  if (first === undefined || (second === undefined && first.size < MIN_PART_SIZE)) return undefined
  const most = stored.reduce((most, { PartNumber }) => Math.max(most, PartNumber), 0)
  if (most > maxParts) throw new RangeError(`there is a part ${most}, and maxParts is ${maxParts}`)
  // The first may be the one where a stream ended; then the second tells.
  const plans = stored.slice(0, 2).flatMap((part) => [equal, !equal].map((alike) => planBy(part, maxParts, alike)))
  const fitting = plans.filter((sizes) => fits(stored, sizes))
  const [best] = fitting.sort((a, b) => strays(stored, a).length - strays(stored, b).length)
  if (best !== undefined) return best
  const [{ PartNumber, size } = first] = strays(stored, plans[0] as PartSizes)
  const should = Math.max(MIN_PART_SIZE, (plans[0] as PartSizes)(PartNumber))
  throw new RangeError(
    `the stored parts are irregular: part ${PartNumber} has ${size} bytes, and should have ${should}`,
  )
}

function planBy({ PartNumber, size }: Sized, maxParts: number, equal: boolean): PartSizes {
  return partSizes(size / partSizes(1, maxParts, equal)(PartNumber), maxParts, equal)
}

function fits(stored: readonly Sized[], sizes: PartSizes): boolean {
  const [one, another] = strays(stored, sizes)
  return sizes(1) >= MIN_PART_SIZE && another === undefined && (one === undefined || one.size < sizes(one.PartNumber))
}

/** The parts that are not of the size that their place says. */
function strays(stored: readonly Sized[], sizes: PartSizes): readonly Sized[] {
  return stored.filter(({ PartNumber, size }) => size !== sizes(PartNumber))
}

/** The smallest size in whole MiB with which `length` bytes fit in `maxParts`, and never less than `partSize`. */
export function partSizeFor(length: number, partSize: number, maxParts: number): number {
  if (length <= partSize * maxParts) return partSize
  return Math.ceil(length / maxParts / MiB) * MiB
}
