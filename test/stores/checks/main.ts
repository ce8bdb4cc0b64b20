/**
 * Runs the checks against the store that the setting names, in any runtime, and prints a line of JSON for each: its
 * name, how long it took and, if it failed, why.
 */
import { checks } from './all.js'
import { inOneLine } from './assert.js'
import type { Outcome } from './outcome.js'
import { setting } from './setting.js'
import { makeBucket } from './target.js'

/** Longer than a clean-up, which may take 30 s, and all that is before it. */
const LIMIT = 90_000
const stray: string[] = []
process.on('unhandledRejection', (reason) => stray.push(`unhandled rejection: ${inOneLine(reason)}`))
process.on('uncaughtException', (error) => stray.push(`uncaught exception: ${inOneLine(error)}`))
// The parent process holds the other end.
process.stdin.on('end', () => process.exit(1)).resume()

async function outcomeOf(name: string, check: () => Promise<unknown>): Promise<Outcome> {
  const start = performance.now()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${LIMIT / 1000} s`)), LIMIT)
  })
  let reason: string | undefined
  try {
    await Promise.race([check(), late])
  } catch (error) {
    reason = inOneLine(error)
  }
  clearTimeout(timer)
  const reasons = [reason, ...stray.splice(0)].filter((one) => one !== undefined)
  const ms = Math.round(performance.now() - start)
  return { name, ms, ...(reasons.length === 0 ? {} : { reason: reasons.join('; ') }) }
}

try {
  await makeBucket()
} catch (error) {
  console.error(`The bucket could not be made: ${inOneLine(error)}`)
  process.exit(1)
}
for (const [name, check] of Object.entries(checks)) {
  if (setting.only !== undefined && !name.includes(setting.only)) continue
  console.log(JSON.stringify(await outcomeOf(name, check)))
}
process.exit(0)
