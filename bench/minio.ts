import { spawnSync } from 'node:child_process'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { Case } from './cases.js'
import type { Where } from './runner.js'

/** The S3 that the tests find or start, where this process runs beside one. */
export const STORE = process.env.S3_ENDPOINT

/** This program again, with the same arguments, beside an S3 as the tests have it. */
export function besideStore(): number {
  const run = ['--import', 'tsx', 'test/support/run.ts', '--program', ...process.argv.slice(1)]
  return spawnSync(process.execPath, run, { stdio: 'inherit' }).status ?? 1
}

/** What can be sent to a store: over its own protocol, and signed. */
export function forStore(it: Case, endpoint: string): Case | undefined {
  if (!endpoint.startsWith(`${it.protocol}:`)) return undefined
  return { ...it, contenders: it.contenders.filter((name) => name !== 'bare' && name !== 'limit') }
}

export async function withStore<T>(endpoint: string, use: (where: Where) => Promise<T>): Promise<T> {
  const client = new S3Client({ endpoint, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: 'bench' })).catch((error: Error) => {
    if (error.name !== 'BucketAlreadyOwnedByYou') throw error
  })
  client.destroy()
  return await use({ endpoint, env: {} })
}
