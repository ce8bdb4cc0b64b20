import { checksumIn } from '../checksums/compare.js'
import { isComputedHere } from '../checksums/hash.js'
import { callerChecksums, fullObjectAlgorithm } from '../options/checksums.js'
import type { Params } from '../options/types.js'

const warned = new Set<string>()

/**
 * Warns once for each parameter if a checksum of the full object that the caller gave may have been verified by nothing:
 * S3's answer does not have it, and it was not computed here, because its algorithm is not known here, or because a resume
 * point skips the first bytes (`isReadInFull` is false).
 */
export function warnIfUnverified(s3: Params, answer: object, isReadInFull: boolean): void {
  for (const [name, values] of Object.entries(callerChecksums(s3))) {
    // The CRC-32 of the first bytes is known, or the upload was refused.
    const isVerified = name === 'ChecksumCRC32' || (isReadInFull && isComputedHere(String(fullObjectAlgorithm(name))))
    if (isVerified || values.includes(checksumIn(answer, name) ?? '') || warned.has(name)) continue
    warned.add(name)
    const why = isReadInFull ? 'its algorithm is not known here' : 'the bytes before the resume point were not read'
    process.emitWarning(
      `s3-writable could not verify ${name}: ${why}, and the store's answer does not have it. So the object may have other bytes`,
    )
  }
}
