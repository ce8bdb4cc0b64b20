import { KiB, MiB } from '../test/support/bytes.js'
import { type Case, type Link, speedOver, type Target } from './cases.js'

const partSize = 8 * MiB
/** How long one run may take, in seconds, which bounds the bytes that are sent over a slow link. */
const LONGEST = 80

/** What the link carries, in MiB/s. */
export const rateOf = ({ mbit }: Link): number => (mbit * 1e6) / 8 / MiB

/** A link in words: `50 ms, 1 Gbit/s`. */
export const nameOf = ({ rtt, mbit }: Link): string =>
  `${rtt} ms, ${mbit % 1000 === 0 ? `${mbit / 1000} Gbit/s` : `${mbit} Mbit/s`}`

/** The case of a link: 1 GiB, or the whole parts that the link carries in 80 s if that is less. */
export function longLink(link: Link): Case {
  const parts = Math.min(128, Math.ceil((LONGEST * rateOf(link) * MiB) / partSize))
  const size = (parts * partSize) / MiB
  return {
    title: `a link of ${nameOf(link)}`,
    protocol: 'https',
    source: { kind: 'fresh', write: 64 * KiB },
    MiB: size,
    quickMiB: Math.ceil(parts / 8) * (partSize / MiB),
    partSize,
    contenders: [
      's3-writable, auto',
      's3-writable',
      's3-writable, 16',
      'Upload',
      'Upload, 16',
      // On a slow link everything reaches the limit.
      ...(link.mbit < 100 ? [] : ['limit, 16' as const]),
    ],
    ours: 's3-writable, auto',
    showsParts: true,
    link,
    targets: targetsOf(link),
  }
}

/** The targets are for these three links. Any other link is only measured. */
function targetsOf(link: Link): Target[] {
  switch (nameOf(link)) {
    case '50 ms, 1 Gbit/s':
      return [speedOver('Upload', 2.4), { of: 'speed', atLeast: 0.88 * rateOf(link) }]
    case '200 ms, 1 Gbit/s':
      // Of the fixed numbers up to 16, 16 is the fastest here.
      return [speedOver('Upload', 6.5), speedOver('s3-writable, 16', 0.95)]
    case '100 ms, 20 Mbit/s':
      return [{ of: 'settledParts', atMost: 5 }]
    default:
      return []
  }
}
