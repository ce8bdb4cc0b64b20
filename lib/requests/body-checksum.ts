import { crc32Base64 } from '../checksums/crc32.js'
import { hashInTurns, isComputedHere } from '../checksums/hash.js'
import type { DeclaredChecksums } from '../options/checksums.js'
import type { Params } from '../options/types.js'

/**
 * The checksum of a body, as parameters of its request. `given` holds the caller's parameters: a checksum that is among
 * them is not computed.
 *
 * - CRC-32 has been computed as the bytes were written.
 * - The others of `isComputedHere` are computed in turns with the event loop. The SDK would hash the body in one call,
 *   which blocks the event loop, and fails for more than 2 GiB - 1. Older versions of it need another package for
 *   CRC64NVME.
 * - The SDK computes a checksum of any other algorithm.
 */
export async function bodyChecksum(
  { ChecksumAlgorithm }: DeclaredChecksums,
  { body, crc }: { body: Uint8Array; crc: number },
  onHashing: () => void,
  given: Params = {},
): Promise<Params> {
  if (ChecksumAlgorithm === undefined) return {}
  if (ChecksumAlgorithm === 'CRC32') return { ChecksumAlgorithm, ChecksumCRC32: crc32Base64(crc) }
  const name = `Checksum${ChecksumAlgorithm}`
  if (name in given || !isComputedHere(ChecksumAlgorithm)) return { ChecksumAlgorithm }
  const hash = await hashInTurns(ChecksumAlgorithm, body, onHashing)
  return { ChecksumAlgorithm, [name]: hash.digest('base64') }
}
