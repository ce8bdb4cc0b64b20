import { constants } from 'node:buffer'

export const MiB = 1024 * 1024
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

/** The smallest size in whole MiB with which `length` bytes fit in `maxParts`, and never less than `partSize`. */
export function partSizeFor(length: number, partSize: number, maxParts: number): number {
  if (length <= partSize * maxParts) return partSize
  return Math.ceil(length / maxParts / MiB) * MiB
}
