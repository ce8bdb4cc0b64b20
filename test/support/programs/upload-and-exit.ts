/**
 * Runs the scenario that its first argument names, prints how the stream ended and how many timers of the library are
 * still active, and does not call `process.exit`. The test runs it with `--unhandled-rejections=strict`.
 */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { type S3Writable, type S3WritableOptions, s3Writable } from 's3-writable'
import { bytes, MiB, P } from '../bytes.js'
import { withThreads } from '../threads.js'

/** Matches a stack frame of the library: its built file, or the source file that the source map names. */
const LIBRARY = /\/(dist|lib)\/([a-z]+\/)?[a-z0-9-]+\.[jt]s/
const timers: NodeJS.Timeout[] = []
const { setTimeout: originalSetTimeout } = globalThis
/** Collects only the timers that the library set, because the SDK leaves timers of its own for a moment. */
globalThis.setTimeout = Object.assign((...args: Parameters<typeof originalSetTimeout>) => {
  const timer = originalSetTimeout(...args)
  if (LIBRARY.test(new Error().stack?.split('\n')[2] ?? '')) timers.push(timer)
  return timer
}, originalSetTimeout)

const [scenarioName = '', endpoint = '', Bucket = ''] = process.argv.slice(2)
const client = new S3Client(withThreads({ endpoint, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 }))
let closed: Promise<unknown> | undefined
const upload = (options: Partial<S3WritableOptions> = {}): S3Writable => {
  const stream = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options } as S3WritableOptions)
  closed = new Promise((resolve) => stream.on('close', resolve))
  return stream
}

/** Yields two parts, runs `interrupt`, and yields a third part. */
async function* source(interrupt: () => unknown = () => {}): AsyncGenerator<Buffer> {
  yield bytes(P + 1)
  yield bytes(P)
  await interrupt()
  yield bytes(P)
}

/** A source that never ends. */
const endless = new Readable({ read() {} })

const SCENARIOS: Record<string, () => Promise<unknown>> = {
  'nothing fails': () => pipeline(source(), upload()),
  'the producer throws': () =>
    pipeline(
      source(() => {
        throw new Error('the producer threw')
      }),
      upload(),
    ),
  'beforeComplete rejects': () =>
    pipeline(source(), upload({ beforeComplete: () => Promise.reject(new Error('beforeComplete rejected')) })),
  'the client throws at once': () => {
    const send = (): never => {
      throw new Error('the client threw')
    }
    return pipeline(source(), upload({ client: { config: {}, send } }))
  },
  // The client is destroyed only after Create was answered: without the UploadId the upload could not be removed.
  'the client is destroyed': () => {
    const stream = upload()
    const created = once(stream, 'upload')
    return pipeline(
      source(async () => {
        await created
        client.destroy()
      }),
      stream,
    )
  },
  'a part fails while the producer is idle': () => {
    const stream = upload()
    endless.push(bytes(P + 1))
    return pipeline(endless, stream)
  },
  'the stream is destroyed during Create': async () => {
    const stream = upload()
    stream.on('error', () => {})
    stream.write(bytes(P + 1))
    setImmediate(() => stream.destroy(new Error('destroyed')))
    await stream.done()
  },
  'the stream is destroyed at 6 MiB': async () => {
    const stream = upload()
    const ended = pipeline(endless, stream)
    endless.push(bytes(6 * MiB))
    await once(stream, 'progress')
    endless.destroy(new Error('too large'))
    await ended
  },
  'the stream is destroyed while its parts wait for maxRate': async () => {
    const stream = upload({ maxRate: 1 })
    const ended = pipeline(endless, stream)
    endless.push(bytes(2 * P))
    await once(stream, 'progress')
    endless.destroy(new Error('too slow'))
    await ended
  },
  'done() is called and its rejection is not handled': async () => {
    const stream = upload()
    stream.on('error', () => {})
    void stream.done()
    stream.write(bytes(P + 1))
    stream.destroy(new Error('destroyed'))
    await new Promise((resolve) => stream.on('close', resolve))
    throw stream.errored
  },
  'the stream has no error listener': async () => {
    const warnings: Error[] = []
    process.on('warning', (warning) => 'Bucket' in warning && warnings.push(warning))
    const stream = upload()
    stream.write(bytes(P + 1))
    await once(stream, 'upload')
    stream.destroy()
    await closed
    throw warnings[0]
  },
  'the process is killed': async () => {
    const stream = upload()
    endless.push(bytes(P + 1))
    stream.on('progress', ({ parts }) => parts > 0 && console.log(stream.UploadId))
    // An idle connection does not keep the process alive.
    setInterval(() => {}, 1000)
    await pipeline(endless, stream)
  },
}

const scenario = SCENARIOS[scenarioName]
if (scenario === undefined) throw new Error(`no such scenario: ${scenarioName}`)
const ended = await scenario().then(
  () => 'finished',
  (error: Error) => error.message,
)
// pipeline does not wait for its destination to close when the source fails.
await closed
const active = timers.filter((timer) => !(timer as unknown as { _destroyed: boolean })._destroyed)
console.log(JSON.stringify({ ended, timers: timers.length, active: active.length }))
