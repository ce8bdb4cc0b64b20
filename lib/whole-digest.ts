import { createHash, type Hash } from 'node:crypto'
import { crc32Base64 } from './checksum.js'
import type { Params } from './parameters.js'

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
  readonly #hashes: { name: string; expected: unknown; hash: Hash }[]
  readonly #crc: unknown

  constructor(s3: Params) {
    this.#crc = s3.ChecksumCRC32
    this.#hashes = Object.entries(HASHES)
      .filter(([name]) => name in s3)
      .map(([name, algorithm]) => ({
        name,
        expected: s3[name],
        hash: createHash(algorithm),
      }))
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
    const came = crc === undefined ? undefined : crc32Base64(crc)
    const wrong = [
      {
        name: 'ChecksumCRC32',
        expected: this.#crc ?? came,
        came,
      },
      ...this.#hashes.map(({ name, expected, hash }) => ({
        name,
        expected,
        came: hash.digest('base64'),
      })),
    ].find(({ expected, came }) => expected !== came)
    return wrong && `${wrong.name} should be ${wrong.expected}, but the bytes that came have ${wrong.came}`
  }
}
