import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
export const gc: () => void = runInNewContext('gc')

/** Bytes of array buffers, parts among them, that something holds now. */
export async function heldBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    gc()
    await sleep(50)
    least = Math.min(least, process.memoryUsage().arrayBuffers)
  }
  return least
}

/**
 * How many more bytes are held than `before`, once that is less than `limit`. What is let go of is collected a while
 * later, after more than one collection; what still is held after some seconds is not let go of.
 */
export async function heldBytesSince(before: number, limit: number): Promise<number> {
  for (let round = 1; ; round++) {
    const more = (await heldBytes()) - before
    if (more < limit || round === 30) return more
  }
}
