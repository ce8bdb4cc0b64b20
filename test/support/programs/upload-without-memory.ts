/**
 * A process of its own that may take no more memory than it has and 2 GiB, and is to send parts of a size that is
 * larger. Prints what the stream fails with.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { KiB, MiB, zeros } from '../bytes.js'

const [Bucket = '', partSize = ''] = process.argv.slice(2)
const client = new S3Client({ region: 'us-east-1', forcePathStyle: true })
// What Node and the SDK load at the first request takes memory too.
await pipeline(zeros(KiB), s3Writable({ client, Bucket, Key: 'warm' }))
const upload = s3Writable({ client, Bucket, Key: 'k', partSize: Number(partSize) })
const taken = Number(/^VmSize:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * KiB
execFileSync('prlimit', [`--pid=${process.pid}`, `--as=${taken + 2048 * MiB}`])
try {
  await pipeline(zeros(8 * MiB), upload)
} catch (error) {
  const { code, message } = error as Error & { code: string }
  console.log(JSON.stringify({ code, message }))
}
client.destroy()
