import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
/** Runs V8's garbage collector, over all memory or only over young objects. */
export const gc: (options?: { type: 'minor' }) => void = runInNewContext('gc')

/** The bytes of all array buffers, among them the part buffers, that are still referenced. */
export async function heldBytes(): Promise<number> {
  // V8 frees array buffers some time after a collection, so the lowest of three readings counts.
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    gc()
    await sleep(50)
    least = Math.min(least, process.memoryUsage().arrayBuffers)
  }
  return least
}

/**
 * By how many bytes `heldBytes` has grown since it was `before`. Returns as soon as that is less than `limit`, and
 * after 30 rounds of collections otherwise: V8 may need several collections to free a buffer that is no longer
 * referenced.
 */
export async function heldBytesSince(before: number, limit: number): Promise<number> {
  for (let round = 1; ; round++) {
    const more = (await heldBytes()) - before
    if (more < limit || round === 30) return more
  }
}
