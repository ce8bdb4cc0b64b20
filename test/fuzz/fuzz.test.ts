import t from 'tap'
import { fuzz, ground } from './fuzz.js'
import { planOf } from './plan.js'

t.test('the same seed is the same plan, and other seeds are others', async (t) => {
  t.same(planOf(7), planOf(7))
  t.notSame(planOf(7), planOf(8))
})

t.test(
  'with any faults, the object exists byte for byte, or the stream fails and nothing is left',
  { timeout: 600_000 },
  async (t) => {
    const seed = Date.now() % 1_000_000_000
    t.comment(`seed ${seed}; for more: npm run fuzz -- --runs N --seed ${seed}`)
    const { runs, made, failures } = await fuzz(await ground((end) => t.teardown(end)), seed, 100)
    t.equal(runs, 100)
    t.ok(made > 20 && made < 90, `${made} made their object`)
    for (const { seed, error } of failures) t.fail(`seed ${seed}: ${error}`, { plan: planOf(seed) })
  },
)
