/**
 * Copies `from`, which is not empty, into `to` at this offset.
 *
 * `set` copies into shared memory word by word, and byte by byte if source and destination are not aligned alike, as they
 * seldom are: 0.4 s for a GiB. `fill` copies in one go, in 0.05 s, but a short call of it takes longer than one of `set`.
 */
export function copyInto(to: Buffer, from: Uint8Array, at: number): void {
  if ((to.buffer as ArrayBufferLike) instanceof SharedArrayBuffer) to.fill(from, at, at + from.length)
  else to.set(from, at)
}
