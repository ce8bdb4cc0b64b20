import { constants } from 'node:buffer'

export const MiB = 1024 * 1024
const GiB = 1024 * MiB

/**
 * S3's limits on parts. A part is also one Buffer, and on Node 20 a Buffer holds at most 4 GiB.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export const MIN_PART_SIZE = 5 * MiB
export const MAX_PART_SIZE = Math.min(5 * GiB, constants.MAX_LENGTH)
export const MAX_PARTS = 10_000

/** The next part cannot be begun. The upload fails with this `code`. */
export interface CutError extends Error {
  code: 'ERR_S3_TOO_MANY_PARTS' | 'ERR_S3_MEMORY'
}

const CUT_CODES: unknown[] = ['ERR_S3_TOO_MANY_PARTS', 'ERR_S3_MEMORY'] satisfies CutError['code'][]

export function isCutError(error: unknown): error is CutError {
  return CUT_CODES.includes(Object(error).code)
}

/**
 * The size of a part in bytes, by its number, which starts at 1 as in S3. The last part of an object may be smaller.
 *
 * @throws CutError if the number is larger than `maxParts`.
 */
export type SizeOfPart = (PartNumber: number) => number

/**
 * The first half of the parts have `partSize` bytes. From there on they grow, so that a stream of unknown length may be
 * longer than `partSize × maxParts`. With `equal`, all parts have the same size, which Cloudflare R2 requires.
 */
export function planPartSizes(partSize: number, maxParts: number, equal: boolean): SizeOfPart {
  const multiplierOf = equal ? () => 1 : growingMultiplier(maxParts)
  const sizeOf = (PartNumber: number): number => Math.min(MAX_PART_SIZE, partSize * multiplierOf(PartNumber))
  return (PartNumber) => {
    if (PartNumber <= maxParts) return sizeOf(PartNumber)
    let capacity = 0
    for (let n = 1; n <= maxParts; n++) capacity += sizeOf(n)
    const last = sizeOf(maxParts)
    const sizes = last === partSize ? `${partSize} bytes` : `${partSize} to ${last} bytes`
    const parts = maxParts === 1 ? 'one part' : `${maxParts} parts`
    const why = `the stream is longer than ${parts} of ${sizes} can hold, which is ${capacity} bytes. Raise partSize, or give ContentLength or expectedSize`
    throw Object.assign(new Error(why), { code: 'ERR_S3_TOO_MANY_PARTS' } as const) satisfies CutError
  }
}

/**
 * A part is at most this many times as large as it would be if the length of the stream were known: length / maxParts.
 *
 * Two of the largest parts are in memory, and the stream may end at any byte. So the growth is chosen for the best
 * worst case. The worst case is the largest value, over all lengths, of a part's size × maxParts / the bytes before the
 * part. It is lowest if that value is the same for every part, that is, if each part holds the same fraction of the
 * bytes before it. For 10,000 parts that must hold 5 TiB, of which the first 5,000 have 8 MiB each, the value is 10.04.
 * In comparison:
 *
 * | growth                               | worst | at 100 GiB | at 1 TiB | at 2 TiB |
 * | this one, in steps of 20 parts       |  10.2 |        9.4 |     10.1 |     10.0 |
 * | twice as large every 500 parts       |  19.7 |       12.5 |      9.8 |     19.5 |
 * | by a fixed number of bytes each part |  23.4 |       22.7 |      8.8 |      6.3 |
 * | one larger size from part 5,001 on   | 131.0 |      102.3 |     10.0 |      5.0 |
 */
const MAX_OVERSIZE = 10.2
/**
 * How often the size may change in `maxParts` parts. A buffer can be reused only for a part of the same size, so fewer
 * changes save allocations. The steps raise the worst case by 1 %.
 */
const MAX_STEPS = 500

/**
 * How many times `partSize` a part holds, by its number. It is an integer, so that `partSize` can be inferred from the
 * size of a single part. No step more than doubles the size; without that, a few parts would grow too quickly.
 */
function growingMultiplier(maxParts: number): (PartNumber: number) => number {
  const equalParts = Math.max(1, Math.floor(maxParts / 2))
  const partsPerStep = Math.max(1, Math.floor(maxParts / MAX_STEPS))
  const multipliers = [1]
  // The size of all parts up to the last step, in units of `partSize`.
  let totalBefore = equalParts
  return (PartNumber) => {
    const step = Math.max(0, Math.ceil((PartNumber - equalParts) / partsPerStep))
    while (multipliers.length <= step) {
      const doubled = 2 * (multipliers.at(-1) as number)
      const next = Math.min(doubled, Math.floor((MAX_OVERSIZE * totalBefore) / maxParts))
      multipliers.push(next)
      totalBefore += partsPerStep * next
    }
    return multipliers[step] as number
  }
}

interface PartSize {
  PartNumber: number
  size: number
}

/**
 * The part sizes that an upload was cut by, inferred from its stored parts, which must be in ascending order. `equal`
 * is tried first. One part may be smaller than planned, because a stream ended there. Undefined if the parts do not
 * determine the sizes.
 *
 * @throws RangeError if no such sizes explain the parts.
 */
export function inferPartSizes(stored: readonly PartSize[], maxParts: number, equal: boolean): SizeOfPart | undefined {
  const [first, second] = stored
  if (first === undefined || (second === undefined && first.size < MIN_PART_SIZE)) return undefined
  const highest = stored.reduce((highest, { PartNumber }) => Math.max(highest, PartNumber), 0)
  if (highest > maxParts) throw new RangeError(`part ${highest} is stored, but maxParts is ${maxParts}`)
  // A stream may have ended in the first part; then the second one determines the sizes.
  const plans = stored
    .slice(0, 2)
    .flatMap((part) => [equal, !equal].map((isEqual) => planFromPart(part, maxParts, isEqual)))
  const possible = plans.filter((plan) => explains(plan, stored))
  const [best] = possible.sort((a, b) => irregularParts(stored, a).length - irregularParts(stored, b).length)
  if (best !== undefined) return best
  const [{ PartNumber, size } = first] = irregularParts(stored, plans[0] as SizeOfPart)
  const expected = Math.max(MIN_PART_SIZE, (plans[0] as SizeOfPart)(PartNumber))
  throw new RangeError(
    `the stored parts are irregular: part ${PartNumber} has ${size} bytes, and should have ${expected}`,
  )
}

/** The plan in which this part has exactly its size. */
function planFromPart({ PartNumber, size }: PartSize, maxParts: number, equal: boolean): SizeOfPart {
  return planPartSizes(size / planPartSizes(1, maxParts, equal)(PartNumber), maxParts, equal)
}

/** Whether the parts were cut by this plan: at most one of them differs, and that one is smaller. */
function explains(plan: SizeOfPart, stored: readonly PartSize[]): boolean {
  const [irregular, another] = irregularParts(stored, plan)
  if (plan(1) < MIN_PART_SIZE || another !== undefined) return false
  return irregular === undefined || irregular.size < plan(irregular.PartNumber)
}

/** The parts that do not have the size that the plan gives to their number. */
function irregularParts(stored: readonly PartSize[], plan: SizeOfPart): readonly PartSize[] {
  return stored.filter(({ PartNumber, size }) => size !== plan(PartNumber))
}

/** The smallest multiple of 1 MiB with which `length` bytes fit into `maxParts` parts, but at least `partSize`. */
export function raisePartSize(length: number, partSize: number, maxParts: number): number {
  if (length <= partSize * maxParts) return partSize
  return Math.ceil(length / maxParts / MiB) * MiB
}
