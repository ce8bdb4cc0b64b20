import type { Outcome } from '../checks/outcome.js'
import type { Limit } from './store.js'

/** What the checks found out about one store, in one runtime. */
export interface Verdict {
  passed: string[]
  /** The checks that failed as expected. */
  cannot: string[]
  failed: { check: string; reason: string }[]
}

/** Compares the outcomes with what is known to be impossible. `names` are all checks that were to run. */
export function verdict(limits: Limit[], names: string[], outcomes: Outcome[]): Verdict {
  const result: Verdict = { passed: [], cannot: [], failed: [] }
  for (const name of names) {
    const outcome = outcomes.find((one) => one.name === name)
    const limit = limitOf(limits, name)
    if (outcome === undefined) result.failed.push({ check: name, reason: 'it did not run to its end' })
    else if (outcome.reason === undefined && (limit === undefined || limit.sometimes === true)) result.passed.push(name)
    else if (outcome.reason === undefined) {
      const reason = `it passes, so it is no longer impossible. Remove it from the limits: ${limit?.answer}`
      result.failed.push({ check: name, reason })
    } else if (limit !== undefined) result.cannot.push(name)
    else result.failed.push({ check: name, reason: outcome.reason })
  }
  return result
}

function limitOf(limits: Limit[], check: string): Limit | undefined {
  return limits.find(({ checks }) => checks.includes(check))
}
