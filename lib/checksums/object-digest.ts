import { createHash, type Hash } from 'node:crypto'
import { crc32Base64 } from './crc32.js'

const HASHES = {
  ContentMD5: 'md5',
  ChecksumMD5: 'md5',
  ChecksumSHA1: 'sha1',
  ChecksumSHA256: 'sha256',
  ChecksumSHA512: 'sha512',
}

/**
 * Verifies the hash of the full object that the caller gave, such as `ContentMD5`. S3 verifies it on a PutObject but cannot
 * on an object in parts, so it is verified here, for objects of any size. Hashes every byte, but only if a hash was given.
 */
export class ObjectDigest {
  readonly #hashes: { name: string; expected: unknown; hash: Hash }[] = []
  readonly #crc: unknown

  constructor(s3: Readonly<Record<string, unknown>>) {
    this.#crc = s3.ChecksumCRC32
    for (const [name, algorithm] of Object.entries(HASHES)) {
      if (name in s3) this.#hashes.push({ name, expected: s3[name], hash: createHash(algorithm) })
    }
  }

  /** Whether `update` must be called with every chunk: a CRC-32 needs no bytes, because the caller of `problem` has it. */
  get needsBytes(): boolean {
    return this.#hashes.length > 0
  }

  update(bytes: Uint8Array): void {
    for (const { hash } of this.#hashes) hash.update(bytes)
  }

  /** Why the bytes are not those that the caller announced; undefined where they are. Can be called only once. */
  problem(crc: number | undefined): string | undefined {
    if (this.#crc !== undefined) {
      const came = crc === undefined ? undefined : crc32Base64(crc)
      if (came !== this.#crc) return wrong('ChecksumCRC32', this.#crc, came)
    }
    for (const { name, expected, hash } of this.#hashes) {
      const came = hash.digest('base64')
      if (came !== expected) return wrong(name, expected, came)
    }
    return undefined
  }
}

function wrong(name: string, expected: unknown, came: unknown): string {
  return `${name} should be ${expected}, but the bytes that came have ${came}`
}
