import { createHash } from 'node:crypto'
import t from 'tap'
import { hashInTurns } from '../../../lib/checksums/hash.js'
import { bytes, MiB } from '../../support/bytes.js'

const body = bytes(2 * MiB + 1)

t.test('a hash in turns covers all bytes, and the event loop runs in between', async (t) => {
  let turns = 0
  let loopRuns = 0
  const countRun = (): void => {
    loopRuns++
    next = setImmediate(countRun)
  }
  let next = setImmediate(countRun)
  const hash = await hashInTurns('sha256', body, () => turns++)
  clearImmediate(next)
  t.equal(hash.digest('base64'), createHash('sha256').update(body).digest('base64'))
  t.equal(turns, 3)
  t.ok(loopRuns >= turns)
  t.equal((await hashInTurns('md5', Buffer.alloc(0))).digest('hex'), 'd41d8cd98f00b204e9800998ecf8427e')
})
