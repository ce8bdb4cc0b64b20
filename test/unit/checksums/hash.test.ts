import { createHash } from 'node:crypto'
import t from 'tap'
import { hashInTurns } from '../../../lib/checksums/hash.js'
import { bodyChecksum } from '../../../lib/requests/body-checksum.js'
import { StallWatch } from '../../../lib/requests/stall-watch.js'
import { bytes, MiB } from '../../support/bytes.js'

const body = bytes(9 * MiB)
const base64 = (algorithm: string): string => createHash(algorithm).update(body).digest('base64')

t.test('a hash in turns is that of all the bytes, and the event loop has its turn', async (t) => {
  let turns = 0
  let others = 0
  const other = (): void => {
    others++
    next = setImmediate(other)
  }
  let next = setImmediate(other)
  const hash = await hashInTurns('sha256', body, () => turns++)
  clearImmediate(next)
  t.equal(hash.digest('base64'), base64('sha256'))
  t.equal(turns, 3)
  t.ok(others >= turns)
  t.equal((await hashInTurns('md5', Buffer.alloc(0))).digest('hex'), 'd41d8cd98f00b204e9800998ecf8427e')
})

t.test('a body has the checksum that was declared, where it is one that Node knows and nobody gave it', async (t) => {
  const checksum = (ChecksumAlgorithm: string | undefined, given = {}) =>
    bodyChecksum(ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm }, { body, crc: 7 }, () => {}, given)
  t.same(await checksum(undefined), {})
  t.same(await checksum('CRC32'), { ChecksumAlgorithm: 'CRC32', ChecksumCRC32: 'AAAABw==' })
  for (const name of ['MD5', 'SHA1', 'SHA256', 'SHA512'])
    t.same(await checksum(name), { ChecksumAlgorithm: name, [`Checksum${name}`]: base64(name) })
  t.same(await checksum('CRC64NVME'), { ChecksumAlgorithm: 'CRC64NVME' }, 'the SDK makes it')
  t.same(await checksum('SHA256', { ChecksumSHA256: 'x' }), { ChecksumAlgorithm: 'SHA256' })
})

t.test('hashing ends once its request is cancelled', async (t) => {
  const upload = new AbortController()
  const reason = new Error('not after all')
  const watch = new StallWatch(60_000, { at: 0 }, upload.signal)
  const hashed = bodyChecksum({ ChecksumAlgorithm: 'SHA256' }, { body, crc: 0 }, () => watch.noteHashing())
  upload.abort(reason)
  await t.rejects(watch.waitFor(hashed), reason)
})
