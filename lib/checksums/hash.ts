import { createHash, type Hash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'

/** After this many bytes of synchronous work the event loop gets a turn, so that sockets are served in between. */
export const BYTES_PER_TURN = 4 * 1024 * 1024
/** The largest number of bytes that one `update` of a Node hash accepts. A part may hold up to 5 GiB. */
export const MAX_HASH_INPUT = 2 ** 31 - 1

/**
 * Hashes any number of bytes, and lets the event loop run every 4 MiB, because a large part takes seconds. Calls
 * `onTurn` each time; if that throws, hashing ends with its error.
 */
export async function hashInTurns(algorithm: string, bytes: Uint8Array, onTurn = (): void => {}): Promise<Hash> {
  const hash = createHash(algorithm)
  for (let offset = 0; offset < bytes.length; offset += BYTES_PER_TURN) {
    hash.update(bytes.subarray(offset, offset + BYTES_PER_TURN))
    await turn()
    onTurn()
  }
  return hash
}

/** Hashes any number of bytes synchronously. */
export function hashAtOnce(algorithm: string, bytes: Uint8Array): Hash {
  const hash = createHash(algorithm)
  for (let offset = 0; offset < bytes.length; offset += MAX_HASH_INPUT)
    hash.update(bytes.subarray(offset, offset + MAX_HASH_INPUT))
  return hash
}
