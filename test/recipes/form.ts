/**
 * An HTTP server that receives a form from a browser, with busboy, and uploads each of its files while it is received.
 * A file that is too large or incomplete makes no object. Usage: form BUCKET. Prints the port that the server listens on.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import busboy from 'busboy'
import { S3WritableError, s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const server = createServer(async (request, response) => {
  const files: ReturnType<typeof store>[] = []
  try {
    const form = busboy({ headers: request.headers })
    form.on('file', (_name, file, { filename, mimeType }) => {
      const stored = store(filename, file, mimeType)
      // If the upload fails, the rest of the file is not read, and the form would never end. End it with the error.
      stored.catch((error) => form.destroy(error))
      files.push(stored)
    })
    await pipeline(bodyOf(request), form)
    const answer = await Promise.all(files)
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  } catch (error) {
    const isFromS3 = error instanceof S3WritableError && error.code !== 'ERR_S3_LENGTH'
    if (isFromS3) console.error(error)
    const status = isFromS3 ? 502 : error instanceof S3WritableError ? 413 : 400
    response.writeHead(status).end((error as Error).message)
  }
})

async function store(name: string | undefined, file: Readable, ContentType: string) {
  const Key = randomUUID()
  // Not busboy's own limit, `fileSize`: it cuts the file and ends its stream without an error.
  const upload = s3Writable({ client, Bucket, Key, ContentType, maxSize: MAX_SIZE })
  await pipeline(file, upload)
  return { name, Key, size: upload.result?.size }
}

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
