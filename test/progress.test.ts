import t from 'tap'
import { Progress, type S3WritableProgress } from '../lib/progress.js'

t.test('what an attempt sends again is not counted again', async (t) => {
  const told: S3WritableProgress[] = []
  const progress = new Progress(100, (now) => told.push(now))
  const part = progress.part()
  part(60)
  part(20)
  t.equal(progress.sent, 60)
  part(100)
  progress.stored(100)
  t.same(told.at(-1), { loaded: 100, sent: 100, total: 100, parts: 1 })
})

t.test('between parts it is told at most ten times a second', async (t) => {
  let told = 0
  const progress = new Progress(undefined, () => told++)
  const part = progress.part()
  const start = performance.now()
  for (let bytes = 1; bytes <= 10_000; bytes++) part(bytes)
  t.ok(told <= 1 + (performance.now() - start) / 100)
  progress.stored(10_000)
  progress.stored(0)
  t.ok(told >= 3, 'and at every part')
})
