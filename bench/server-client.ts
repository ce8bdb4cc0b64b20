/**
 * A server that uploads: one process, which prints its figures as JSON. First it uploads while nobody asks it anything, then
 * it answers the requests of a load generator during an upload that ends when they do.
 * CASE is JSON. Usage: server-client UPLOADER CASE ENDPOINT MIB
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { s3Writable } from 's3-writable'
import { ThreadedHandler } from 's3-writable/threads'
import { KiB, MiB } from '../test/support/bytes.js'
import type { ServerCase, ServerMeasured, Uploader } from './server-cases.js'
import type { Load } from './server-load.js'
import { fresh, memory } from './sources.js'

const [name = '', json = '', endpoint = '', size = ''] = process.argv.slice(2)
const uploader = name as Uploader
const GiB = 1024 * MiB
const { partSize, source: kind, serves }: ServerCase = JSON.parse(json)
const source = (bytes: number): Readable => (kind === 'fresh' ? fresh : memory)(bytes, 64 * KiB)
/** How long the load generator sends requests, in seconds. */
const FIXED_SECONDS = 4
const CLOSED_SECONDS = 2
/** Of /proc, on any Linux. */
const TICKS_PER_SECOND = 100

const client = new S3Client({
  endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  ...(uploader === 's3-writable, thread' ? { requestHandler: new ThreadedHandler() } : {}),
})
const server = createServer((_, answer) => answer.end('{"ready":true}\n')).listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const load = spawn(process.execPath, [join(import.meta.dirname, 'server-load.js')], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const answers = createInterface({ input: load.stdout })[Symbol.asyncIterator]()
// The server compiles its code, and the load generator too.
await ask('closed', 1)
const alone = uploader === 'no upload' ? {} : await measureAlone()
const served = serves ? await measureServed() : {}
console.log(JSON.stringify({ ...alone, ...served } satisfies ServerMeasured))
load.stdin.end()
server.close()
client.destroy()

/** One run of the load generator. */
async function ask(mode: 'fixed' | 'closed', seconds: number): Promise<Load> {
  load.stdin.write(`${port} ${mode} ${seconds}\n`)
  return JSON.parse((await answers.next()).value)
}

/** Sends the source with the contender's own defaults, except for the part size. All have 4 parts in flight. */
async function upload(Body: Readable): Promise<void> {
  const object = { Bucket: 'bench', Key: 'object' }
  if (uploader === 'Upload') {
    await new Upload({ client, params: { ...object, Body }, partSize, queueSize: 4 }).done()
  } else {
    await pipeline(Body, s3Writable({ client, ...object, partSize, concurrency: 4 }))
  }
}

async function measureAlone(): Promise<Partial<ServerMeasured>> {
  const before = process.memoryUsage.rss()
  // Loads and compiles everything, and fills the pool of buffers.
  await upload(source(8 * partSize))
  let rss = 0
  const look = (): void => {
    rss = Math.max(rss, process.memoryUsage.rss())
  }
  const timer = setInterval(look, 50)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  const main = mainThreadSeconds()
  const waited = mainThreadWaited()
  const start = performance.now()
  const bytes = Number(size) * MiB
  await upload(source(bytes))
  const seconds = (performance.now() - start) / 1000
  const mainSeconds = mainThreadSeconds() - main
  const waitedSeconds = mainThreadWaited() - waited
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  clearInterval(timer)
  look()
  return {
    main: mainSeconds / (bytes / GiB),
    waited: waitedSeconds / (bytes / GiB),
    cpu: (user + system) / 1e6 / (bytes / GiB),
    delay: delay.percentile(99) / 1e6,
    stall: delay.max / 1e6,
    speed: bytes / MiB / seconds,
    rss: rss - before,
  }
}

async function measureServed(): Promise<Partial<ServerMeasured>> {
  const [{ p50, p99 }, servingSpeed] = await meanwhile(() => ask('fixed', FIXED_SECONDS))
  const [{ perSecond }] = await meanwhile(() => ask('closed', CLOSED_SECONDS))
  return { p50, p99, perSecond, ...(servingSpeed === undefined ? {} : { servingSpeed }) }
}

/** Runs `use` during an upload, and returns the speed of the upload too, in MiB/s. */
async function meanwhile<T>(use: () => Promise<T>): Promise<[result: T, speed: number | undefined]> {
  if (uploader === 'no upload') return [await use(), undefined]
  const endless = source(Number.POSITIVE_INFINITY)
  let bytes = 0
  endless.on('data', ({ length }: Buffer) => {
    bytes += length
  })
  endless.pause()
  const sent = upload(endless)
  const start = performance.now()
  const result = await use()
  const speed = bytes / MiB / ((performance.now() - start) / 1000)
  endless.push(null)
  await sent
  return [result, speed]
}

/** The CPU time of this process's first thread, which runs JavaScript, by the system's count. */
function mainThreadSeconds(): number {
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1')
  // Behind the name, which may contain anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(utime) + Number(stime)) / TICKS_PER_SECOND
}

/** How long this thread was ready to run and had no core: https://docs.kernel.org/scheduler/sched-stats.html */
function mainThreadWaited(): number {
  const [, wait] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')
  return Number(wait) / 1e9
}
