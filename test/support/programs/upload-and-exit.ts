/**
 * A process that uploads, meets what its first argument names, and ends by itself: it prints how the stream ended, and
 * what is still active then. Run with `--unhandled-rejections=strict`.
 */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { type S3Writable, type S3WritableOptions, s3Writable } from 's3-writable'
import { bytes, MiB, P } from '../bytes.js'

/** Its folder, as built, or as its source map says. */
const LIBRARY = /\/(dist|lib)\/([a-z]+\/)?[a-z0-9-]+\.[jt]s/
const timers: NodeJS.Timeout[] = []
const { setTimeout: set } = globalThis
/** The SDK leaves timers of its own for a moment; here are those that the library under test has set. */
globalThis.setTimeout = Object.assign((...args: Parameters<typeof set>) => {
  const timer = set(...args)
  if (LIBRARY.test(new Error().stack?.split('\n')[2] ?? '')) timers.push(timer)
  return timer
}, set)

const [what = '', endpoint = '', Bucket = ''] = process.argv.slice(2)
const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 })
let closed: Promise<unknown> | undefined
const upload = (options: Partial<S3WritableOptions> = {}): S3Writable => {
  const stream = s3Writable({ client, Bucket, Key: 'k', partSize: P, ...options } as S3WritableOptions)
  closed = new Promise((resolve) => stream.on('close', resolve))
  return stream
}

/** Some parts, and then whatever happens. */
async function* source(happens: () => unknown = () => {}): AsyncGenerator<Buffer> {
  yield bytes(P + 1)
  yield bytes(P)
  await happens()
  yield bytes(P)
}

const open = new Readable({ read() {} })

const SCENARIOS: Record<string, () => Promise<unknown>> = {
  'nothing happens': () => pipeline(source(), upload()),
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
  // Not before Create has answered: an upload that S3 never named to us cannot be removed.
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
  'a part fails while nobody writes': () => {
    const stream = upload()
    open.push(bytes(P + 1))
    return pipeline(open, stream)
  },
  'it is destroyed during Create': async () => {
    const stream = upload()
    stream.on('error', () => {})
    stream.write(bytes(P + 1))
    setImmediate(() => stream.destroy(new Error('destroyed')))
    await stream.done()
  },
  'it is destroyed at 6 MiB': async () => {
    const stream = upload()
    const sent = pipeline(open, stream)
    open.push(bytes(6 * MiB))
    await once(stream, 'progress')
    open.destroy(new Error('too large'))
    await sent
  },
  'nobody hears of it': async () => {
    const stream = upload()
    stream.on('error', () => {})
    void stream.done()
    stream.write(bytes(P + 1))
    stream.destroy(new Error('destroyed'))
    await new Promise((resolve) => stream.on('close', resolve))
    throw stream.errored
  },
  'nobody listens': async () => {
    const warnings: Error[] = []
    process.on('warning', (warning) => 'Bucket' in warning && warnings.push(warning))
    const stream = upload()
    stream.write(bytes(P + 1))
    await once(stream, 'upload')
    stream.destroy()
    await closed
    throw warnings[0]
  },
  'it is killed': async () => {
    const stream = upload()
    open.push(bytes(P + 1))
    stream.on('progress', ({ parts }) => parts > 0 && console.log(stream.UploadId))
    // The connection is idle then, and nothing else would keep the process.
    setInterval(() => {}, 1000)
    await pipeline(open, stream)
  },
}

const scenario = SCENARIOS[what]
if (scenario === undefined) throw new Error(`no such scenario: ${what}`)
const ended = await scenario().then(
  () => 'finished',
  (error: Error) => error.message,
)
// pipeline does not wait for its destination to close when the source fails.
await closed
const left = timers.filter((timer) => !(timer as unknown as { _destroyed: boolean })._destroyed)
console.log(JSON.stringify({ ended, timers: timers.length, left: left.length }))
