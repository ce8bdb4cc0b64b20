/**
 * A Hono server that uploads the body of each PUT request and answers once the object exists. If the client
 * disconnects before the end, or sends too much, there is no object. Usage: hono BUCKET. Prints the port that the
 * server listens on.
 */
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { S3WritableError, s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()
const app = new Hono()

app.put('/:Key{.+}', async (c) => {
  const Key = c.req.param('Key')
  // Not Hono's middleware bodyLimit: it collects a body without a Content-Length in memory.
  const upload = s3Writable({ client, Bucket, Key, ContentType: c.req.header('content-type'), maxSize: MAX_SIZE })
  await pipeline(c.req.raw.body === null ? [] : bytesOf(c.req.raw.body), upload)
  const { ETag } = await upload.done()
  return c.body(null, 201, { etag: ETag })
})
app.onError((error, c) => {
  const isFromS3 = error instanceof S3WritableError && error.code !== 'ERR_S3_LENGTH'
  if (isFromS3) console.error(error)
  // 400: the type is not valid, and no request was sent to S3.
  const status = isFromS3 ? 502 : error instanceof S3WritableError ? 413 : 400
  return c.text(error.message, status)
})

/**
 * The bytes of a body. If an upload fails, pipeline would cancel the body, and nothing would read the rest of it. Many
 * clients send all of a request before they read the answer: they would wait for ever. So the rest is dropped.
 */
async function* bytesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body.values({ preventCancel: true })
  } finally {
    body.pipeTo(new WritableStream()).catch(() => {})
  }
}

// The server's own clean-up would close the connection half a second after the answer.
const options = { fetch: app.fetch, hostname: '127.0.0.1', port: 0, autoCleanupIncoming: false }
serve(options, ({ port }) => console.log(port))
