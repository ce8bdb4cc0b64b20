import t from 'tap'
import { checksumIn, checksumProblem } from '../../../lib/checksums/compare.js'

const FULL = 'AAAABw=='
const COMPOSITE = 'AAAACA==-3'

t.test('a checksum that is missing, empty or malformed is ignored', async (t) => {
  for (const value of [FULL, COMPOSITE]) t.equal(checksumIn({ ChecksumCRC32: value }, 'ChecksumCRC32'), value)
  for (const value of [undefined, null, '', 'AAAABw', `${FULL}-`, `${FULL}-x`, `${FULL}, ${FULL}`, 7]) {
    t.equal(checksumIn({ ChecksumCRC32: value }, 'ChecksumCRC32'), undefined, String(value))
  }
})

t.test('only a checksum of the same kind and length as an expected one can contradict the bytes', async (t) => {
  const table: [stored: string | undefined, expected: (string | undefined)[], contradicts: boolean][] = [
    [FULL, [FULL], false],
    [FULL, [COMPOSITE, FULL], false],
    ['AAAAAA==', [FULL], true],
    ['AAAAAA==-3', [FULL, COMPOSITE], true],
    [FULL, [COMPOSITE], false],
    [COMPOSITE, [FULL], false],
    ['AAAAAAAAAAA=', [FULL], false],
    ['null', [FULL], false],
    [undefined, [FULL], false],
    [FULL, [undefined], false],
    [FULL, [], false],
  ]
  for (const [stored, expected, contradicts] of table) {
    const problem = checksumProblem({ ChecksumCRC32: stored }, { ChecksumCRC32: expected })
    t.equal(problem !== undefined, contradicts, `${stored} for ${expected.join(' or ')}`)
  }
  t.equal(checksumProblem({ ChecksumSHA1: 'AAAA' }, { ChecksumCRC32: [FULL] }), undefined, 'an unexpected checksum')
  t.equal(
    checksumProblem({ ChecksumCRC32: 'AAAAAA==' }, { ChecksumCRC32: [FULL, COMPOSITE] }),
    `the bytes sent have ChecksumCRC32 ${FULL}, but S3 stored AAAAAA==`,
  )
})
