/**
 * `npm run fuzz -- --runs N --seed N`: runs N random uploads with random faults. The same seed gives the same uploads. A
 * seed that fails is printed with its plan; `--runs 1 --seed N` runs it alone.
 */
import { inspect, parseArgs } from 'node:util'
import { fuzz, ground } from './fuzz.js'
import { planOf } from './plan.js'

const { values } = parseArgs({ options: { runs: { type: 'string' }, seed: { type: 'string' } } })
const runs = whole('runs', values.runs ?? '2000')
const seed = whole('seed', values.seed ?? String(Date.now() % 1_000_000_000))
const start = performance.now()
const ends: (() => unknown)[] = []
const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))

console.log(`${runs} runs from seed ${seed}`)
const shown = new Set<number>()
const { made, failures } = await fuzz(await ground((end) => ends.unshift(end)), seed, runs, (done) => {
  for (const { seed, error } of done.failures) {
    if (shown.has(seed)) continue
    shown.add(seed)
    console.log(`seed ${seed} failed: ${inspect(error)}\n${inspect(planOf(seed), { depth: 5 })}`)
  }
  if (done.runs % 500 === 0) console.log(`${done.runs} runs, ${done.failures.length} failed`)
})
for (const reason of unhandled) console.log(`unhandled rejection: ${inspect(reason)}`)
const seconds = Math.round((performance.now() - start) / 1000)
console.log(`${runs} runs from seed ${seed} in ${seconds} s: ${made} made their object, ${failures.length} failed`)
for (const { seed, error } of failures) console.log(`seed ${seed} failed: ${(error as Error).message}`)
process.exitCode = failures.length + unhandled.length > 0 ? 1 : 0
// Throws if an upload is left in the bucket.
for (const end of ends) await end()

function whole(name: string, given: string): number {
  const value = Number(given)
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(value)) {
    throw new RangeError(`--${name} must be a whole number. Received ${given}`)
  }
  return value
}
