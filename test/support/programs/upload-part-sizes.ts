/** Uploads objects of five parts, one after the other, whose parts have the given sizes. Prints by how much RSS grew. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { MiB } from '../bytes.js'
import { withThreads } from '../threads.js'

const [endpoint = '', Bucket = '', ...sizes] = process.argv.slice(2)
const client = new S3Client(withThreads({ endpoint, region: 'us-east-1', forcePathStyle: true }))
const chunk = Buffer.alloc(MiB)
const send = async (partSize: number): Promise<number> => {
  const size = 5 * partSize
  const chunks = Array.from({ length: size / chunk.length }, () => chunk)
  await pipeline(Readable.from(chunks), s3Writable({ client, Bucket, Key: 'k', partSize }))
  return size
}

await send(5 * MiB)
const before = process.memoryUsage().rss
let rss = 0
let uploaded = 0
for (const size of sizes) {
  uploaded += await send(Number(size))
  rss = Math.max(rss, process.memoryUsage().rss - before)
}
client.destroy()
console.log(JSON.stringify({ rss, uploaded }))
