import { spawnSync } from 'node:child_process'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { Case } from './cases.js'
import type { Where } from './runner.js'

/** The endpoint of the store that the tests found or started, if this process was started beside one. */
export const STORE = process.env.S3_ENDPOINT

/** Runs this program again, with the same arguments, beside a store as the tests use. */
export function besideStore(): number {
  const run = ['--import', 'tsx', 'test/support/run.ts', '--program', ...process.argv.slice(1)]
  return spawnSync(process.execPath, run, { stdio: 'inherit' }).status ?? 1
}

/**
 * The case for a store: undefined if it is for another protocol, and without the contenders that do not sign and the figures
 * that only the sink counts.
 */
export function forStore(it: Case, endpoint: string): Case | undefined {
  if (!endpoint.startsWith(`${it.protocol}:`)) return undefined
  return { ...it, showsParts: false, contenders: it.contenders.filter((name) => name !== 'bare' && name !== 'limit') }
}

export async function withStore<T>(endpoint: string, use: (where: Where) => Promise<T>): Promise<T> {
  const client = new S3Client({ endpoint, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: 'bench' })).catch((error: Error) => {
    if (error.name !== 'BucketAlreadyOwnedByYou') throw error
  })
  client.destroy()
  return await use({ endpoint, env: {} })
}
