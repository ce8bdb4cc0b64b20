/**
 * An HTTP server that receives a form, with formidable, and uploads each of its files while it is received. A file that
 * is too large or incomplete makes no object. Usage: formidable BUCKET. Prints the port that the server listens on.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import formidable, { type File } from 'formidable'
import { type S3Writable, S3WritableError, s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const server = createServer(async (request, response) => {
  const uploads: S3Writable[] = []
  const form = formidable({
    // The limit of each file, and of all files of a form together.
    maxFileSize: MAX_SIZE,
    fileWriteStreamHandler: (file) => {
      try {
        const { newFilename: Key, mimetype } = file as unknown as File
        const upload = s3Writable({ client, Bucket, Key, ContentType: mimetype ?? undefined })
        uploads.push(upload)
        return upload
      } catch (error) {
        // The client chose a type that no header can carry. If this were thrown, nothing could catch it.
        return new Writable().destroy(error as Error)
      }
    },
  })
  try {
    const [, fields] = await form.parse(request)
    // formidable takes a file for stored when its stream ends, even if it ends with an error.
    await Promise.all(uploads.map((upload) => upload.done()))
    const files = Object.values(fields).flatMap((files) => files ?? [])
    const answer = files.map(({ originalFilename, newFilename, size }) => ({
      name: originalFilename,
      Key: newFilename,
      size,
    }))
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  } catch (error) {
    // formidable may leave the request paused, and many clients send all of it before they read the answer.
    request.resume()
    const isFromS3 = error instanceof S3WritableError
    if (isFromS3) console.error(error)
    const { httpCode = isFromS3 ? 502 : 400, message } = error as Error & { httpCode?: number }
    response.writeHead(httpCode).end(message)
  }
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
