/**
 * An HTTP server that uploads the body of each PUT request and answers once the object exists. If the client
 * disconnects before the end, or sends too much, there is no object. Usage: http-server BUCKET. Prints the port that
 * the server listens on.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { S3WritableError, s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const server = createServer(async (request, response) => {
  if (request.method !== 'PUT') {
    response.writeHead(405, { allow: 'PUT', connection: 'close' }).end()
    return
  }
  try {
    const Key = decodeURIComponent(request.url ?? '').slice(1)
    const ContentType = request.headers['content-type']
    const upload = s3Writable({ client, Bucket, Key, ContentType, maxSize: MAX_SIZE })
    await pipeline(bodyOf(request), upload)
    const { ETag } = await upload.done()
    response.writeHead(201, { etag: ETag }).end()
  } catch (error) {
    const isFromS3 = error instanceof S3WritableError && error.code !== 'ERR_S3_LENGTH'
    if (isFromS3) console.error(error)
    // 400: the path or the type is not valid, and no request was sent to S3.
    const status = isFromS3 ? 502 : error instanceof S3WritableError ? 413 : 400
    response.writeHead(status).end((error as Error).message)
  }
})

/**
 * The body of a request. If an upload fails, pipeline would destroy the request, and nothing would read the rest of it.
 * Many clients send all of a request before they read the answer: they would wait for ever. So the rest is dropped.
 */
async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false })
  } finally {
    request.resume()
  }
}

server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
