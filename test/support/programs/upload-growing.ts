/**
 * Uploads 170 MiB in parts that grow from 5 MiB on. Prints, for each part, by how many bytes the referenced array
 * buffers had grown at most while the part was written. The program collects garbage before each measurement, because
 * the stream drops part buffers that have become too small, and V8 frees them only some time later.
 */
import { once } from 'node:events'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { KiB, MiB, P } from '../bytes.js'
import { heldBytes } from '../memory.js'
import { withThreads } from '../threads.js'

const [endpoint = '', Bucket = '', maxParts = ''] = process.argv.slice(2)
const client = new S3Client(withThreads({ endpoint, region: 'us-east-1', forcePathStyle: true }))
const chunk = Buffer.alloc(64 * KiB)
const send = async (Key: string, size: number, onWritten: (at: number) => Promise<void>): Promise<void> => {
  const upload = s3Writable({ client, Bucket, Key, partSize: P, maxParts: Number(maxParts) })
  for (let at = 0; at < size; at += chunk.length) {
    await new Promise<void>((resolve, reject) => upload.write(chunk, (error) => (error ? reject(error) : resolve())))
    await onWritten(at)
  }
  upload.end()
  await once(upload, 'finish')
}

// The first request makes the SDK load many modules, which are not to be counted.
await send('warm', KiB, async () => {})
const before = await heldBytes()
const ends = [1, 2, 3, 4, 6, 10, 18, 34].map((parts) => parts * P)
const peaks: number[] = []
await send('growing', 34 * P, async (at) => {
  const part = ends.findIndex((end) => at < end)
  const peak = peaks[part] ?? 0
  if (process.memoryUsage().arrayBuffers - before < peak + MiB / 2) return
  peaks[part] = Math.max(peak, (await heldBytes()) - before)
})
client.destroy()
console.log(JSON.stringify(peaks))
