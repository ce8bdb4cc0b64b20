import { crc32Base64, type SizeAndCrc } from '../checksums/crc32.js'
import { NODE_HASHES } from '../checksums/hash.js'
import type { CheckedOptions, Params } from './types.js'

/**
 * Algorithms whose hash of the full object is verified here (checksums/object-digest.ts), because S3 cannot verify the
 * caller's value if the object is stored in parts.
 */
const VERIFIED_HERE = ['CRC32', ...NODE_HASHES]

const PREFIX = 'Checksum'
/** Parameters whose names begin like that of a checksum. */
const NO_CHECKSUMS = [PREFIX, 'ChecksumAlgorithm', 'ChecksumType']

/** Whether S3 verifies the caller's checksum of this algorithm, if it is sent with CompleteMultipartUpload. */
export function isVerifiedByS3(algorithm: string | undefined): boolean {
  return algorithm !== undefined && !VERIFIED_HERE.includes(algorithm)
}

/** Whether the parameter is a hash of the full object that can be verified only by reading every byte. */
export function needsEveryByte(name: string): boolean {
  return isFullObjectHash(name) && name !== 'ChecksumCRC32' && !isVerifiedByS3(fullObjectAlgorithm(name))
}

/** The algorithm of the caller's checksum of the full object, if it is one that S3 verifies itself. */
export function algorithmVerifiedByS3(s3: Params): string | undefined {
  return Object.keys(s3).map(fullObjectAlgorithm).find(isVerifiedByS3)
}

/** The caller's checksums of the full object, by parameter name. */
export function callerChecksums(s3: Params): Record<string, string[]> {
  const checksums: Record<string, string[]> = {}
  for (const name of Object.keys(s3)) {
    if (fullObjectAlgorithm(name) !== undefined) checksums[name] = [String(s3[name])]
  }
  return checksums
}

/** Whether the parameter is a hash of the full object. */
export function isFullObjectHash(name: string): boolean {
  return name === 'ContentMD5' || fullObjectAlgorithm(name) !== undefined
}

/** The checksums that CreateMultipartUpload declares. A part may carry no other. */
export type DeclaredChecksums = {
  ChecksumAlgorithm?: string
  ChecksumType?: string
}

/**
 * The checksums that the caller asks for. Otherwise CRC-32, if the client's `requestChecksumCalculation` is
 * `WHEN_SUPPORTED`, or none.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
 */
export async function declaredChecksums({ s3, client }: CheckedOptions): Promise<DeclaredChecksums> {
  const givenAlgorithm = Object.keys(s3)
    .map(fullObjectAlgorithm)
    .find((algorithm) => algorithm !== undefined)
  const type = s3.ChecksumType ?? (isVerifiedByS3(givenAlgorithm) ? 'FULL_OBJECT' : undefined)
  const requested = s3.ChecksumAlgorithm ?? givenAlgorithm ?? (type === undefined ? undefined : 'CRC32')
  const algorithm = requested ?? ((await checksumCalculation(client.config)) === 'WHEN_SUPPORTED' ? 'CRC32' : undefined)
  return {
    ...(algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm as string }),
    ...(type === undefined ? {} : { ChecksumType: type as string }),
  }
}

/**
 * Whether S3's answer names an algorithm. If the upload has none, MinIO answers with an empty string, and versitygw with
 * `null`.
 */
export function isAlgorithm(answered: unknown): boolean {
  return /^[A-Z]/.test(String(answered))
}

/** The parameters of Complete on the checksum of the full object, as it was declared. */
export function fullObjectChecksum(
  { ChecksumAlgorithm, ChecksumType }: DeclaredChecksums,
  { crc, size }: SizeAndCrc,
): Params {
  if (ChecksumType === undefined) return {}
  if (ChecksumType !== 'FULL_OBJECT' || ChecksumAlgorithm !== 'CRC32' || crc === undefined) return { ChecksumType }
  return { ChecksumType, ChecksumCRC32: crc32Base64(crc), MpuObjectSize: size }
}

async function checksumCalculation(config: { requestChecksumCalculation?: unknown }): Promise<unknown> {
  const setting = config.requestChecksumCalculation
  return typeof setting === 'function' ? await setting() : setting
}

/**
 * The algorithm of a checksum of the full object, such as `SHA256` for `ChecksumSHA256`; undefined for another
 * parameter.
 */
export function fullObjectAlgorithm(name: string): string | undefined {
  if (!name.startsWith(PREFIX) || NO_CHECKSUMS.includes(name)) return undefined
  return name.slice(PREFIX.length)
}
