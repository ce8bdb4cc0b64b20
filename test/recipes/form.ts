/**
 * An HTTP server that receives a form from a browser and uploads each of its files while it is received. A file that is
 * too large or incomplete makes no object. Usage: form BUCKET. Prints the port that the server listens on.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import busboy from 'busboy'
import { s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const server = createServer(async (request, response) => {
  const uploads: Promise<string>[] = []
  try {
    const form = busboy({ headers: request.headers, limits: { fileSize: MAX_SIZE } })
    form.on('file', (name: string | undefined, file, { mimeType }) => {
      const stored = store(name ?? '', file, mimeType)
      // If the upload fails, the rest of the file is not read, and the form would never end. End it with the error.
      stored.catch((error) => form.destroy(error))
      uploads.push(stored)
    })
    await pipeline(request, form)
    const objects = await Promise.all(uploads)
    response.writeHead(201).end(objects.join('\n'))
  } catch (error) {
    response.writeHead(400, { connection: 'close' }).end((error as Error).message)
  }
})

async function store(Key: string, file: Readable & { truncated?: boolean }, ContentType: string): Promise<string> {
  const upload = s3Writable({
    client,
    Bucket,
    Key,
    ContentType,
    // busboy cuts a file at the limit, sets `truncated`, and ends its stream without an error.
    beforeComplete: () => {
      if (file.truncated) throw new Error(`${Key} is larger than ${MAX_SIZE} bytes`)
    },
  })
  await pipeline(file, upload)
  return `${Key} ${upload.result?.size}`
}
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
