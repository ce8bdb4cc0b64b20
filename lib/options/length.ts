import type { CheckedOptions } from './types.js'

/**
 * Why a stream of `size` bytes is too long or, if it `hasEnded`, too short; undefined if it is neither. A stream that
 * has not ended has `size` bytes or more.
 */
export function lengthProblem(
  { ContentLength, maxSize }: Pick<CheckedOptions, 'ContentLength' | 'maxSize'>,
  size: number,
  hasEnded: boolean,
): string | undefined {
  const max = ContentLength ?? maxSize ?? Number.POSITIVE_INFINITY
  const min = hasEnded ? (ContentLength ?? 0) : 0
  if (size >= min && size <= max) return undefined
  const limit = ContentLength === undefined ? `maxSize is ${maxSize}` : `ContentLength is ${ContentLength}`
  return `${limit}, but the stream has ${size}${hasEnded ? '' : ' or more'} bytes. Nothing is published`
}
