/**
 * A form with files, sent by a browser: each file becomes an object while it is received. One that is too large, or cut
 * off in the middle, publishes nothing. Usage: form BUCKET; prints its port.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import busboy from 'busboy'
import { s3Writable } from 's3-writable'

const MOST = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const server = createServer(async (request, response) => {
  const uploads: Promise<string>[] = []
  try {
    const form = busboy({ headers: request.headers, limits: { fileSize: MOST } })
    form.on('file', (name: string | undefined, file, { mimeType }) => {
      const stored = store(name ?? '', file, mimeType)
      // Nobody reads the rest of a file that S3 does not take, and the form would wait for ever.
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
    // busboy ends a file that is too large as if it were whole.
    beforeComplete: () => {
      if (file.truncated) throw new Error(`${Key} is larger than ${MOST} bytes`)
    },
  })
  await pipeline(file, upload)
  return `${Key} ${upload.result?.size}`
}
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
