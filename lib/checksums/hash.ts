import { createHash, type Hash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { Crc, isCrcName } from './crc.js'

/** After this many bytes of synchronous work the event loop gets a turn, so that sockets are served in between. */
export const BYTES_PER_TURN = 1024 * 1024
/** The largest number of bytes that one `update` of a Node hash accepts. A part may hold up to 5 GiB. */
export const MAX_HASH_INPUT = 2 ** 31 - 1

/** A Node hash, or a CRC. */
export interface Digest {
  update(bytes: Uint8Array): Digest
  digest(encoding: 'base64' | 'hex'): string
}

/** S3's names of the checksums that Node's `crypto` computes. */
export const NODE_HASHES = ['MD5', 'SHA1', 'SHA256', 'SHA512']

/** Whether a checksum of this algorithm, by S3's name, is computed here. Another one is left to the SDK. */
export function isComputedHere(algorithm: string): boolean {
  return algorithm === 'CRC32' || isCrcName(algorithm) || NODE_HASHES.includes(algorithm)
}

/** Begins a checksum of an algorithm, by S3's name or by Node's. For CRC-32 there is crc32.ts. */
export function newDigest(algorithm: string): Digest {
  return isCrcName(algorithm) ? new Crc(algorithm) : createHash(algorithm)
}

/**
 * Hashes any number of bytes, and lets the event loop run every MiB, because a large part takes seconds. Calls
 * `onTurn` each time; if that throws, hashing ends with its error.
 */
export async function hashInTurns(algorithm: string, bytes: Uint8Array, onTurn = (): void => {}): Promise<Digest> {
  const hash = newDigest(algorithm)
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
