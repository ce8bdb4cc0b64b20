import { createHash } from 'node:crypto'
import t from 'tap'
import { bodyChecksum } from '../../../lib/requests/body-checksum.js'
import { StallWatch } from '../../../lib/requests/stall-watch.js'
import { bytes, MiB } from '../../support/bytes.js'

const body = bytes(9 * MiB)
const base64 = (algorithm: string): string => createHash(algorithm).update(body).digest('base64')

t.test('a body gets the declared checksum if it is computed here and the caller has not given it', async (t) => {
  const checksum = (ChecksumAlgorithm: string | undefined, given = {}) =>
    bodyChecksum(ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm }, { body, crc: 7 }, () => {}, given)
  t.same(await checksum(undefined), {})
  t.same(await checksum('CRC32'), { ChecksumAlgorithm: 'CRC32', ChecksumCRC32: 'AAAABw==' })
  for (const name of ['MD5', 'SHA1', 'SHA256', 'SHA512'])
    t.same(await checksum(name), { ChecksumAlgorithm: name, [`Checksum${name}`]: base64(name) })
  t.match(await checksum('CRC32C'), { ChecksumAlgorithm: 'CRC32C', ChecksumCRC32C: /^.{6}==$/ })
  t.match(await checksum('CRC64NVME'), { ChecksumAlgorithm: 'CRC64NVME', ChecksumCRC64NVME: /^.{11}=$/ })
  t.same(await checksum('XXHASH3'), { ChecksumAlgorithm: 'XXHASH3' }, 'the SDK computes it')
  t.same(await checksum('SHA256', { ChecksumSHA256: 'x' }), { ChecksumAlgorithm: 'SHA256' })
})

t.test('hashing ends when its request is cancelled', async (t) => {
  const upload = new AbortController()
  const reason = new Error('cancelled')
  const watch = new StallWatch(60_000, { at: 0 }, upload.signal)
  const hashed = bodyChecksum({ ChecksumAlgorithm: 'SHA256' }, { body, crc: 0 }, () => watch.noteHashing())
  upload.abort(reason)
  await t.rejects(watch.waitFor(hashed), reason)
})
