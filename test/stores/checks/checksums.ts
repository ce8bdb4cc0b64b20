import { createHash } from 'node:crypto'
import { P } from '../../support/bytes.js'
import { failure } from './assert.js'
import type { Checks } from './check.js'
import { data, holds, newKey, nothingIsThere, put } from './target.js'

const md5 = (bytes: Buffer | string): string => createHash('md5').update(bytes).digest('base64')
const sha = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('base64')

/** Uploads with these parameters. */
async function stored(parameters: object, size = 2 * P + 5): Promise<void> {
  const Key = newKey()
  await put(Key, data(size), parameters)
  await holds(Key, data(size))
}

/** Uploads with a checksum of the whole object, a right one and a wrong one. */
async function verified(size: number, checksum: (bytes: Buffer | string) => object): Promise<void> {
  await stored(checksum(data(size)), size)
  const Key = newKey()
  await failure(put(Key, data(size), checksum('other')))
  await nothingIsThere(Key)
}

export const checksums: Checks = {
  'ChecksumType FULL_OBJECT makes an object': () => stored({ ChecksumType: 'FULL_OBJECT' }),
  'ChecksumAlgorithm SHA256 makes an object': () => stored({ ChecksumAlgorithm: 'SHA256' }),
  'ChecksumAlgorithm CRC32C makes an object': () => stored({ ChecksumAlgorithm: 'CRC32C' }),
  'ChecksumAlgorithm CRC64NVME makes an object': () => stored({ ChecksumAlgorithm: 'CRC64NVME' }),
  'a wrong ContentMD5 publishes nothing, small object': () => verified(1000, (bytes) => ({ ContentMD5: md5(bytes) })),
  'a wrong ContentMD5 publishes nothing, large object': () =>
    verified(2 * P + 5, (bytes) => ({ ContentMD5: md5(bytes) })),
  'a wrong ChecksumSHA256 publishes nothing, small object': () =>
    verified(1000, (bytes) => ({ ChecksumSHA256: sha(bytes) })),
  'a wrong ChecksumSHA256 publishes nothing, large object': () =>
    verified(2 * P + 5, (bytes) => ({ ChecksumSHA256: sha(bytes) })),
}
