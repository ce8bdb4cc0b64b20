/**
 * Uploads 1 GiB to the S3 at the given URL and prints by how much the process's memory grew at most. Only the growth
 * counts, because tsx keeps some MiB of array buffers on some versions of Node. The source reuses one buffer after each
 * write callback, so it adds no memory. With `measured-worker.mjs` as the program of the threads, it also prints how much memory
 * that thread had in array buffers at most.
 */
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { KiB, MiB } from '../bytes.js'
import { withThreads } from '../threads.js'

const [endpoint = '', Bucket = '', partSize = '', concurrency = ''] = process.argv.slice(2)
const client = new S3Client(withThreads({ endpoint, region: 'us-east-1', forcePathStyle: true }))
const send = async (Key: string, size: number, onWritten: () => void): Promise<void> => {
  const upload = s3Writable({ client, Bucket, Key, partSize: Number(partSize), concurrency: Number(concurrency) })
  const buffer = Buffer.alloc(64 * KiB)
  for (let at = 0; at < size; at += buffer.length) {
    buffer.fill(at / buffer.length)
    await new Promise<void>((resolve, reject) => upload.write(buffer, (error) => (error ? reject(error) : resolve())))
    onWritten()
  }
  upload.end()
  await once(upload, 'finish')
}

// The first request makes the SDK load many modules, which are not to be counted.
await send('warm', KiB, () => {})
setFlagsFromString('--expose-gc')
runInNewContext('gc')()
const before = process.memoryUsage()
let arrayBuffers = 0
let rss = 0
let inThread = 0
// Only `measured-worker.mjs` reports.
const channel = new BroadcastChannel('arrayBuffers')
channel.onmessage = ({ data }: { data: unknown }) => {
  inThread = Math.max(inThread, Number(data))
}
await send('gib', 1024 * MiB, () => {
  const now = process.memoryUsage()
  arrayBuffers = Math.max(arrayBuffers, now.arrayBuffers - before.arrayBuffers)
  rss = Math.max(rss, now.rss - before.rss)
})
client.destroy()
channel.close()
console.log(JSON.stringify({ arrayBuffers, rss, inThread }))
