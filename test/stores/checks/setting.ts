import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Where the store is, and how the checks use it. */
export interface Setting {
  endpoint: string
  /** The proxy in front of the store, which disturbs the uploads of some keys (see faulty-keys.ts). */
  proxy: string
  accessKeyId: string
  secretAccessKey: string
  /** The client's options that the store needs. */
  client: { requestChecksumCalculation?: 'WHEN_REQUIRED'; responseChecksumValidation?: 'WHEN_REQUIRED' }
  /** What every bucket's name ends with. */
  bucketSuffix: string
  /** Only the checks whose names contain this text. */
  only?: string
}

/** The environment variable that holds the setting, as JSON. */
export const SETTING = 'STORES_SETTING'
export const REGION = 'us-east-1'

export const setting = JSON.parse(process.env[SETTING] ?? '{}') as Setting

/** The words that start the command of the package under test, in the runtime of this process. */
export function commandWords(): string[] {
  const manifest = createRequire(import.meta.url).resolve('s3-writable/package.json')
  const run = process.versions.deno === undefined ? [] : ['run', '--allow-all']
  return [process.execPath, ...run, join(dirname(manifest), 'dist/cli/main.js')]
}
