import { AsyncLocalStorage } from 'node:async_hooks'
import type { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { failureOf } from '../support/assertions.js'
import { bytes, P } from '../support/bytes.js'
import type { Fault } from '../support/faults.js'
import type { RecordedRequest } from '../support/recorded-request.js'
import { DATA, source } from '../support/resumed-upload.js'
import { scenario, untilAcknowledged } from '../support/scenario.js'
import { s3Client } from '../support/store.js'
import { partsOf, unfinishedUpload } from '../support/unfinished-upload.js'

const context = new AsyncLocalStorage<string>()

/** Records the key and the context of each request of the client, before it is signed and in each attempt. */
function recordContexts(client: S3Client): [operation: string, Key: string, store: string | undefined][] {
  const seen: ReturnType<typeof recordContexts> = []
  const record =
    (next: (args: object) => unknown, { commandName = '' }: { commandName?: string }) =>
    (args: { input: { Key?: string; Prefix?: string } }) => {
      const { Key = '', Prefix = Key } = args.input
      seen.push([commandName, Prefix, context.getStore()])
      return next(args)
    }
  client.middlewareStack.add(record as never, { step: 'initialize' })
  client.middlewareStack.add(record as never, { step: 'finalizeRequest', priority: 'low' })
  return seen
}

t.test('the context in which a stream is made holds in its requests, whoever writes to it', async (t) => {
  const { client, upload } = await scenario(t)
  const seen = recordContexts(client)
  const before: Record<string, string | undefined> = {}
  const streams = ['one', 'two'].map((Key) =>
    context.run(Key, () =>
      upload({
        Key,
        beforeComplete: () => {
          before[Key] = context.getStore()
        },
      }),
    ),
  )
  await context.run('the source', async () => {
    for (const chunk of [bytes(P), bytes(P), bytes(10)])
      for (const stream of streams)
        await new Promise<void>((resolve, reject) =>
          stream.write(chunk, (error) => (error ? reject(error) : resolve())),
        )
    t.equal(context.getStore(), 'the source', 'the writer keeps its own')
  })
  for (const stream of streams) stream.end()
  for (const stream of streams) await stream.done()
  t.same(before, { one: 'one', two: 'two' })
  for (const [operation, Key, store] of seen) t.equal(store, Key, operation)
  t.equal(seen.length, 2 * 2 * 5, 'two records of each of the five requests of both uploads')
})

t.test('it holds in attempts after a stall, in the search for an upload to resume, and in a clean-up', async (t) => {
  let stalls = true
  const fault = ({ operation }: RecordedRequest): Fault | undefined => {
    if (operation !== 'UploadPart' || !stalls) return undefined
    stalls = false
    return { do: 'swallow' }
  }
  const { client, Bucket, upload } = await scenario(t, { fault })
  await unfinishedUpload(s3Client(t), Bucket, partsOf(DATA, 1))
  const seen = recordContexts(client)
  const resumed = context.run('k', () => upload({ resume: true, stallTimeout: 1500, concurrency: 1 }))
  await context.run('the source', async () => {
    for await (const chunk of source()) if (!resumed.write(chunk)) await new Promise((go) => resumed.once('drain', go))
    resumed.end()
    await resumed.done()
  })
  const failed = context.run('k', () => upload())
  failed.on('error', () => {}).write(bytes(P + 1))
  await untilAcknowledged(failed, P)
  context.run('the source', () => failed.destroy(new Error('enough')))
  await failureOf(failed.done())
  const operations = new Set(seen.map(([operation]) => operation))
  for (const name of [
    'ListMultipartUploads',
    'ListParts',
    'UploadPart',
    'CompleteMultipartUpload',
    'AbortMultipartUpload',
  ])
    t.ok(operations.has(`${name}Command`), name)
  for (const [operation, , store] of seen) t.equal(store, 'k', operation)
})
