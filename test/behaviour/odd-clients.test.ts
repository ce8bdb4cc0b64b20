import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { listParts, listUploads, type S3WritableError, s3Writable } from '../../lib/index.js'
import { failureOf } from '../support/assertions.js'
import { bytes, KiB, MiB, P } from '../support/bytes.js'
import { scenario } from '../support/scenario.js'
import { smallStore } from '../support/small-store.js'
import { s3Client } from '../support/store.js'

/** What a handler of the SDK's clients is given. */
interface HttpRequest {
  method: string
  hostname: string
  port: number
  path: string
  query: Record<string, string>
  headers: Record<string, string>
  body?: Uint8Array | Readable
}

const place = { Bucket: 'b', Key: 'k', partSize: P }
const SIZES = { PutObject: bytes(KiB), CreateMultipartUpload: bytes(P + 1) }

t.test('the input of each command can be read after it was sent, except for its body', async (t) => {
  const { client, Bucket, upload } = await scenario(t)
  const commands: { input: Record<string, unknown> }[] = []
  const { send } = client
  client.send = ((command: { input: Record<string, unknown> }, ...rest: unknown[]) => {
    commands.push(command)
    return Reflect.apply(send, client, [command, ...rest])
  }) as typeof send
  await pipeline(Readable.from([bytes(2 * P)]), upload({ ContentType: 'text/plain', Metadata: { run: '7' } }))
  const of = (kind: unknown): Record<string, unknown>[] =>
    commands.filter((command) => command.constructor === kind).map(({ input }) => input)
  const [created] = of(CreateMultipartUploadCommand)
  t.match(created, { Bucket, Key: 'k', ContentType: 'text/plain', Metadata: { run: '7' } })
  const parts = of(UploadPartCommand).sort((a, b) => Number(a.PartNumber) - Number(b.PartNumber))
  t.match(parts, [
    { Bucket, Key: 'k', PartNumber: 1, UploadId: /./, Body: undefined },
    { Bucket, Key: 'k', PartNumber: 2, UploadId: /./, Body: undefined },
  ])
  t.match(of(CompleteMultipartUploadCommand), [
    { UploadId: /./, MultipartUpload: { Parts: [{ PartNumber: 1 }, { PartNumber: 2 }] } },
  ])
})

t.test('a client that runs no middleware, such as a mock, keeps the bytes of each part', async (t) => {
  const inputs: { PartNumber?: number; Body?: Buffer }[] = []
  const send = async ({ input }: { input: { PartNumber?: number; Body?: Buffer } }): Promise<object> => {
    if (input.PartNumber !== undefined) inputs.push(input)
    return { UploadId: 'u', ETag: '"e"' }
  }
  const data = bytes(5 * P)
  const upload = s3Writable({ client: { config: {}, send } as never, ...place, concurrency: 1 })
  upload.end(data)
  await upload.done()
  const parts = inputs.map(({ Body = Buffer.alloc(0) }) => Body)
  t.equal(parts.length, 5)
  t.ok(Buffer.concat(parts).equals(data))
})

t.test('the error names the operation for which a client, such as a mock, returned no answer', async (t) => {
  for (const [answer, described] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['', "''"],
  ] as const) {
    const client = { config: {}, send: async () => answer }
    for (const [operation, data] of Object.entries(SIZES)) {
      const upload = s3Writable({ client, ...place })
      upload.end(data)
      await t.rejects(upload.done(), {
        code: 'ERR_S3_REQUEST',
        operation,
        message: `s3://b/k: the client returned ${described} for ${operation}, instead of an object`,
      })
    }
    const nothing = { code: 'ERR_S3_REQUEST', message: /the client returned .* for List\w+, instead/ }
    await t.rejects(listUploads({ client, Bucket: 'b' }).next(), nothing)
    await t.rejects(listParts({ client, Bucket: 'b', Key: 'k', UploadId: 'u' }).next(), nothing)
  }
})

t.test('a mock client that has no answer for HeadObject is called only once', async (t) => {
  const answers: Record<string, object> = {
    CreateMultipartUploadCommand: { UploadId: 'u' },
    UploadPartCommand: { ETag: `"${'0'.repeat(32)}"` },
    CompleteMultipartUploadCommand: { ETag: '"x-2"' },
  }
  const asked: string[] = []
  const send = async ({ constructor: { name } }: object): Promise<object | undefined> => {
    asked.push(name)
    return answers[name]
  }
  const upload = s3Writable({ client: { config: {}, send }, ...place })
  upload.end(bytes(P + 1))
  t.equal((await upload.done()).ETag, '"x-2"')
  t.equal(asked.filter((name) => name === 'HeadObjectCommand').length, 1)
})

t.test('an error without a number of attempts counts as one attempt, in addition to those that stalled', async (t) => {
  let sent = 0
  const client = {
    config: { maxAttempts: 3 },
    send: () => (++sent === 1 ? new Promise(() => {}) : Promise.reject(new Error('No'))),
  }
  const upload = s3Writable({ client, ...place, stallTimeout: 10 })
  upload.end('x')
  await t.rejects(upload.done(), { code: 'ERR_S3_REQUEST', $metadata: { attempts: 2 } })
})

t.test('the code of an S3 error is found in any form of XML', async (t) => {
  for (const body of [
    '<Error xmlns="x"><Code lang="en">AccessDenied</Code><Message>No</Message></Error>',
    '<s3:Error xmlns:s3="x"><s3:Code>AccessDenied</s3:Code></s3:Error>',
    '<ErrorResponse><Error><Code><![CDATA[AccessDenied]]></Code></Error></ErrorResponse>',
    '<Error><Code>AccessDenied</Code><Message>One</Message><Message>Two</Message></Error>',
    '<Error><Code>AccessDenied</Code><Message>7</Message></Error>',
  ]) {
    const { client, of } = await smallStore(t, { PutObject: ({ response }) => response.writeHead(403).end(body) })
    const upload = s3Writable({ client, ...place })
    upload.end('x')
    await t.rejects(upload.done(), {
      code: 'ERR_S3_REQUEST',
      operation: 'PutObject',
      $metadata: { httpStatusCode: 403 },
    })
    t.equal(of('HeadObject').length, 0, body)
  }
})

t.test('an endless answer is cut off', async (t) => {
  for (const status of [200, 502]) {
    for (const operation of ['PutObject', 'CreateMultipartUpload', 'ListMultipartUploads', 'CompleteMultipartUpload']) {
      let given = 0
      const store = await smallStore(
        t,
        {
          [operation]: async ({ response }) => {
            response.writeHead(status)
            const endless = new Readable({
              read() {
                given += MiB
                this.push(Buffer.alloc(MiB, 'x'))
              },
            })
            await pipeline(endless, response)
          },
          HeadObject: ({ response }) => response.writeHead(404).end(),
          ListParts: ({ response }) => response.writeHead(404).end('<Error><Code>NoSuchUpload</Code></Error>'),
        },
        { maxAttempts: 1 },
      )
      const { client } = store
      const upload = s3Writable({ client, ...place })
      upload.on('error', () => {})
      if (operation !== 'ListMultipartUploads') upload.end(SIZES[operation as 'PutObject'] ?? bytes(P + 1))
      const failed: Promise<unknown> =
        operation === 'ListMultipartUploads' ? listUploads({ client, Bucket: 'b' }).next() : upload.done()
      t.match(await failureOf(failed), { operation, message: /the answer is longer than \d+ bytes/ })
      t.ok(given < 64 * MiB, `${operation} ${status}: ${given / MiB} MiB`)
      upload.destroy()
    }
  }
})

t.test('an error of another realm is reported without its secrets', async (t) => {
  const thrown: [unknown, string][] = [
    [runInNewContext('Object.assign(new Error("No"), { headers: { authorization: "secret" } })'), 'Error: No'],
    [{ message: 'No', headers: { authorization: 'secret' } }, 'an instance of Object'],
    [Object.assign(Object.create(null), { authorization: 'secret' }), 'an instance of Object'],
    ['authorization: secret', "'authorization: [redacted]'"],
    [null, 'null'],
    [7, '7'],
  ]
  for (const [error, said] of thrown) {
    const client = { config: {}, send: () => Promise.reject(error) }
    const upload = s3Writable({ client, ...place })
    upload.end('x')
    const failure = (await failureOf(upload.done())) as S3WritableError
    t.equal(failure.message, `s3://b/k: PutObject failed. ${said}`)
    t.notMatch(inspect(failure, { showHidden: true, depth: 20 }), /secret/)
  }
})

t.test('a request handler may return web streams, or bodies that are no streams', async (t) => {
  const { endpoint, objects } = await smallStore(t)
  for (const read of [
    async ({ body }: Response) => body,
    async (answer: Response) => new Uint8Array(await answer.arrayBuffer()),
  ]) {
    const handle = async ({ method, hostname, port, path, query, headers, body }: HttpRequest) => {
      const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      const whole =
        body === undefined ? undefined : await buffer(Readable.from(body instanceof Readable ? body : [body]))
      const answer = await fetch(`http://${hostname}:${port}${path}?${search.join('&')}`, {
        method,
        headers,
        ...(whole && { body: whole }),
      })
      const { status: statusCode } = answer
      return { response: { statusCode, headers: Object.fromEntries(answer.headers), body: await read(answer) } }
    }
    const client = s3Client(t, { endpoint, requestHandler: { handle } as never })
    const upload = s3Writable({ client, ...place })
    upload.end(bytes(2 * P))
    t.equal((await upload.done()).ETag, objects.get('k')?.ETag)
    const missing = listParts({ client, Bucket: 'b', Key: 'k', UploadId: 'none' }).next()
    t.match(await failureOf(missing), { name: 'NoSuchUpload' })
  }
})
