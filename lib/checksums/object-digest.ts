import { crc32Base64 } from './crc32.js'
import { type Digest, newDigest } from './hash.js'

/** The CRCs that S3 verifies too. They are also accepted where not every byte is read here. */
const CRCS = { ChecksumCRC32C: 'CRC32C', ChecksumCRC64NVME: 'CRC64NVME' }
const HASHES = {
  ContentMD5: 'MD5',
  ChecksumMD5: 'MD5',
  ChecksumSHA1: 'SHA1',
  ChecksumSHA256: 'SHA256',
  ChecksumSHA512: 'SHA512',
}

/**
 * Verifies the hash of the full object that the caller gave, such as `ContentMD5`. S3 verifies most of them only for a
 * PutObject, not for an object in parts, and some stores (Ceph, rclone) verify none. So it is verified here for every
 * object. The bytes are hashed only if such a hash was given.
 */
export class ObjectDigest {
  readonly #hashes: { name: string; expected: unknown; hash: Digest }[] = []
  readonly #crc: unknown

  /** `hasAllBytes`: whether `update` will be called with the object's first bytes too, which a resume point skips. */
  constructor(s3: Readonly<Record<string, unknown>>, hasAllBytes = true) {
    this.#crc = s3.ChecksumCRC32
    for (const [name, algorithm] of Object.entries(hasAllBytes ? { ...HASHES, ...CRCS } : HASHES)) {
      if (name in s3) this.#hashes.push({ name, expected: s3[name], hash: newDigest(algorithm) })
    }
  }

  /**
   * Whether `update` must be called with every byte. A CRC-32 does not need that, because it is passed to `problem`.
   */
  get needsBytes(): boolean {
    return this.#hashes.length > 0
  }

  /** Hashes the next bytes of the object. */
  update(bytes: Uint8Array): void {
    for (const { hash } of this.#hashes) hash.update(bytes)
  }

  /** Why the bytes do not have the hashes that the caller gave; undefined if they do. Can be called only once. */
  problem(crc: number | undefined): string | undefined {
    if (this.#crc !== undefined) {
      const actual = crc === undefined ? undefined : crc32Base64(crc)
      if (actual !== this.#crc) return mismatch('ChecksumCRC32', this.#crc, actual)
    }
    for (const { name, expected, hash } of this.#hashes) {
      const actual = hash.digest('base64')
      if (actual !== expected) return mismatch(name, expected, actual)
    }
    return undefined
  }
}

function mismatch(name: string, expected: unknown, actual = 'an unknown value'): string {
  return `${name} should be ${expected}, but the bytes that were written have ${actual}`
}
