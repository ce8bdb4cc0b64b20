/**
 * Limits its own address space to 2 GiB more than it uses, uploads with a `partSize` that may be larger than that, and
 * prints the code and the message of the stream's error.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { KiB, MiB, zeros } from '../bytes.js'

const [Bucket = '', partSize = ''] = process.argv.slice(2)
const client = new S3Client({ region: 'us-east-1', forcePathStyle: true })
// Node and the SDK load modules at the first request. They must be in memory before the limit is set.
await pipeline(zeros(KiB), s3Writable({ client, Bucket, Key: 'warm' }))
const upload = s3Writable({ client, Bucket, Key: 'k', partSize: Number(partSize) })
const inUse = Number(/^VmSize:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * KiB
execFileSync('prlimit', [`--pid=${process.pid}`, `--as=${inUse + 2048 * MiB}`])
try {
  await pipeline(zeros(8 * MiB), upload)
} catch (error) {
  const { code, message } = error as Error & { code: string }
  console.log(JSON.stringify({ code, message }))
}
client.destroy()
