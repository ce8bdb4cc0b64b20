import { createHash, type Hash } from 'node:crypto'
import type { Params } from '../options/parameters.js'
import { crc32Base64 } from './combine.js'

const HASHES = {
  ContentMD5: 'md5',
  ChecksumMD5: 'md5',
  ChecksumSHA1: 'sha1',
  ChecksumSHA256: 'sha256',
  ChecksumSHA512: 'sha512',
}

/**
 * What the caller says that the whole object hashes to. S3 verifies it on a PutObject but cannot on an object stored
 * in parts, so it is verified here, for any size. Costs a hash of every byte, and only where such a value was given.
 */
export class WholeDigest {
  readonly #hashes: { name: string; expected: unknown; hash: Hash }[] = []
  readonly #crc: unknown

  constructor(s3: Params) {
    this.#crc = s3.ChecksumCRC32
    for (const [name, algorithm] of Object.entries(HASHES)) {
      if (name in s3) this.#hashes.push({ name, expected: s3[name], hash: createHash(algorithm) })
    }
  }

  /** Whether it must see the bytes as they come. */
  get reads(): boolean {
    return this.#hashes.length > 0
  }

  update(bytes: Uint8Array): void {
    for (const { hash } of this.#hashes) hash.update(bytes)
  }

  /** What is wrong; undefined where nothing is. Once only: a digest ends its hash. */
  verify(crc: number | undefined): string | undefined {
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
