import fc from 'fast-check'
import t from 'tap'
import { lengthProblem } from '../../../lib/options/length.js'

const limits = fc.record({
  ContentLength: fc.option(fc.nat(10), { nil: undefined }),
  maxSize: fc.option(fc.integer({ min: 10, max: 20 }), { nil: undefined }),
})

t.test('a stream may reach its limit but not pass it, and must have its ContentLength only when it ends', async () => {
  fc.assert(
    fc.property(limits, fc.nat(25), fc.boolean(), ({ ContentLength, maxSize }, size, hasEnded) => {
      const isTooLong = size > (ContentLength ?? maxSize ?? 25)
      const isTooShort = hasEnded && size < (ContentLength ?? 0)
      const problem = lengthProblem({ ContentLength, maxSize }, size, hasEnded)
      return (problem !== undefined) === (isTooLong || isTooShort)
    }),
  )
})

t.test('the problem names the limit, and whether the stream may have more bytes', async (t) => {
  const exact = { ContentLength: 5, maxSize: 10 }
  t.equal(lengthProblem(exact, 4, true), 'ContentLength is 5, but the stream has 4 bytes. Nothing is published')
  t.equal(
    lengthProblem(exact, 6, false),
    'ContentLength is 5, but the stream has 6 or more bytes. Nothing is published',
  )
  const atMost = { ContentLength: undefined, maxSize: 10 }
  t.equal(lengthProblem(atMost, 11, false), 'maxSize is 10, but the stream has 11 or more bytes. Nothing is published')
})
