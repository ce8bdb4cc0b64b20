/**
 * The body of a request becomes an object, and the client hears of it only once it is there. A client that goes away in
 * the middle, or sends too much, publishes nothing. Usage: http-server BUCKET; prints its port.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const MOST = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

class TooLarge extends Error {}

async function* limited(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > MOST) throw new TooLarge(`More than ${MOST} bytes`)
    yield chunk
  }
}

const server = createServer(async (request, response) => {
  if (request.method !== 'PUT') {
    response.writeHead(405, { allow: 'PUT', connection: 'close' }).end()
    return
  }
  try {
    const Key = decodeURIComponent(request.url ?? '').slice(1)
    const upload = s3Writable({ client, Bucket, Key, ContentType: request.headers['content-type'] })
    await pipeline(request, limited, upload)
    const { ETag } = await upload.done()
    response.writeHead(201, { etag: ETag }).end()
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    // A name that is none: S3 was not asked.
    const wrong = error instanceof URIError || code === 'ERR_INVALID_ARG_VALUE'
    const status = error instanceof TooLarge ? 413 : wrong ? 400 : 502
    response.writeHead(status, { connection: 'close' }).end(message)
  }
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
