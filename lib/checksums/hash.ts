import { createHash, type Hash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { BYTES_A_TURN } from '../parts/sizes.js'

/** One call of a hash of Node's takes no more than 2 GiB - 1, and a part may hold 5 GiB. */
export const MOST_IN_ONE_CALL = 2 ** 31 - 1

/**
 * The hash of bytes of any size, with a turn of the event loop now and then: a large part takes seconds. `onTurn` hears
 * of each; what it throws ends the hashing.
 */
export async function hashInTurns(algorithm: string, bytes: Uint8Array, onTurn = (): void => {}): Promise<Hash> {
  const hash = createHash(algorithm)
  for (let at = 0; at < bytes.length; at += BYTES_A_TURN) {
    hash.update(bytes.subarray(at, at + BYTES_A_TURN))
    await turn()
    onTurn()
  }
  return hash
}

/** The same at once, for what must be known before anything else happens. */
export function hashAtOnce(algorithm: string, bytes: Uint8Array): Hash {
  const hash = createHash(algorithm)
  for (let at = 0; at < bytes.length; at += MOST_IN_ONE_CALL) hash.update(bytes.subarray(at, at + MOST_IN_ONE_CALL))
  return hash
}
