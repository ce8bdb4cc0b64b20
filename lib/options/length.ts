import type { CheckedOptions } from './types.js'

/** What is wrong with a stream that has `size` bytes, or those and more; undefined where nothing is. */
export function lengthProblem(
  { ContentLength, maxSize }: Pick<CheckedOptions, 'ContentLength' | 'maxSize'>,
  size: number,
  isWhole: boolean,
): string | undefined {
  const most = ContentLength ?? maxSize ?? Number.POSITIVE_INFINITY
  const least = isWhole ? (ContentLength ?? 0) : 0
  if (size >= least && size <= most) return undefined
  const limit = ContentLength === undefined ? `maxSize is ${maxSize}` : `ContentLength is ${ContentLength}`
  return `${limit}, but the stream has ${size}${isWhole ? '' : ' or more'} bytes. Nothing is published`
}
