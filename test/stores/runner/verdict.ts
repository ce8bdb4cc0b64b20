import type { Outcome } from '../checks/outcome.js'
import type { Limit, Store } from './store.js'

/** What the checks found out about one store. */
export interface Verdict {
  passed: string[]
  /** The checks that failed as expected. */
  cannot: string[]
  failed: { check: string; reason: string }[]
}

/** Compares the outcomes with what the store is known to be unable to do. `names` are all checks that were to run. */
export function verdict(store: Pick<Store, 'name' | 'limits'>, names: string[], outcomes: Outcome[]): Verdict {
  const result: Verdict = { passed: [], cannot: [], failed: [] }
  for (const name of names) {
    const outcome = outcomes.find((one) => one.name === name)
    const limit = limitOf(store.limits, name)
    if (outcome === undefined) result.failed.push({ check: name, reason: 'it did not run to its end' })
    else if (outcome.reason === undefined && limit === undefined) result.passed.push(name)
    else if (outcome.reason === undefined) {
      const reason = `it passes, but test/stores/${store.name}.ts says that the store cannot do it: ${limit?.answer}`
      result.failed.push({ check: name, reason })
    } else if (limit !== undefined) result.cannot.push(name)
    else result.failed.push({ check: name, reason: outcome.reason })
  }
  return result
}

export function limitOf(limits: Limit[], check: string): Limit | undefined {
  return limits.find(({ checks }) => checks.includes(check))
}
