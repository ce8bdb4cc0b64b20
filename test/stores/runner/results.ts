import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Verdict } from './verdict.js'

/** The last results of one store. */
export interface StoreResult extends Omit<Verdict, 'passed'> {
  /** The day of the run. */
  date: string
  version: string
  runtime: string
  client: string
  passed: number
}

/** `stores` by name, on this Node and the newest client; `runtimes` by runtime, client and store. */
export interface Results {
  stores: Record<string, StoreResult>
  runtimes: Record<string, StoreResult>
}

export const RESULTS = join(import.meta.dirname, '../results.json')

export function readResults(): Results {
  return JSON.parse(readFileSync(RESULTS, 'utf8')) as Results
}

export function writeResults(results: Results): void {
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`)
}
