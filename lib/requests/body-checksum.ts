import { crc32Base64 } from '../checksums/crc32.js'
import { hashInTurns } from '../checksums/hash.js'
import type { DeclaredChecksums, Params } from '../options/parameters.js'

/** As S3 names them, and Node too. */
const HASHES = ['MD5', 'SHA1', 'SHA256', 'SHA512']

/**
 * The checksum that a body carries, as parameters of its request, where `given` has none. CRC-32 is ours, computed as the bytes came. So are Node's
 * hashes, which the SDK would make in one call: that blocks the event loop, and fails for more than 2 GiB - 1. Another
 * algorithm is left to the SDK.
 */
export async function bodyChecksum(
  { ChecksumAlgorithm }: DeclaredChecksums,
  { body, crc }: { body: Uint8Array; crc: number },
  onTurn: () => void,
  given: Params = {},
): Promise<Params> {
  if (ChecksumAlgorithm === undefined) return {}
  if (ChecksumAlgorithm === 'CRC32') return { ChecksumAlgorithm, ChecksumCRC32: crc32Base64(crc) }
  const name = `Checksum${ChecksumAlgorithm}`
  if (name in given || !HASHES.includes(ChecksumAlgorithm)) return { ChecksumAlgorithm }
  const hash = await hashInTurns(ChecksumAlgorithm, body, onTurn)
  return { ChecksumAlgorithm, [name]: hash.digest('base64') }
}
