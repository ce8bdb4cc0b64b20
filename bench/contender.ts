/**
 * One contender, once, in a process of its own: sends so many MiB in writes of 64 KiB and prints what that took.
 * Usage: contender NAME ENDPOINT MIB
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { s3Writable } from 's3-writable'
import { KiB, MiB } from '../test/support/bytes.js'

const partSize = 8 * MiB
const object = { Bucket: 'bench', Key: 'object' }

export interface Measured {
  seconds: number
  cpuSeconds: number
  /** Bytes that the process grew to beyond what it was with the SDK loaded. */
  rss: number
}

/** Both with parts of one size and as many of them at once, or the comparison would be of the settings. */
const CONTENDERS: Record<string, (client: S3Client, source: Readable) => Promise<unknown>> = {
  's3-writable': (client, source) => pipeline(source, s3Writable({ client, ...object, partSize, concurrency: 4 })),
  Upload: (client, source) =>
    new Upload({ client, params: { ...object, Body: source }, partSize, queueSize: 4 }).done(),
}

/** Fresh memory for every chunk, as a socket or a pipe gives it. */
function source(size: number): Readable {
  let left = size
  return new Readable({
    highWaterMark: 256 * KiB,
    read() {
      this.push(left === 0 ? null : Buffer.allocUnsafeSlow(64 * KiB))
      left = Math.max(0, left - 64 * KiB)
    },
  })
}

const [name = '', endpoint = '', size = ''] = process.argv.slice(2)
const send = CONTENDERS[name]
if (send === undefined)
  throw new Error(`There is no contender ${name}; there are ${Object.keys(CONTENDERS).join(', ')}`)
const client = new S3Client({
  endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
})
await send(client, source(KiB))

const idle = process.memoryUsage.rss()
let peak = idle
const look = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 20)
const cpu = process.cpuUsage()
const start = performance.now()
await send(client, source(Number(size) * MiB))
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(cpu)
clearInterval(look)
client.destroy()
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, rss: peak - idle } satisfies Measured))
