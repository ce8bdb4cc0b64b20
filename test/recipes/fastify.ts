/**
 * A Fastify server that receives a form, with @fastify/multipart, and uploads each of its files while it is received. A
 * file that is too large or incomplete makes no object. Usage: fastify BUCKET. Prints the port that the server
 * listens on.
 */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import multipart from '@fastify/multipart'
import fastify from 'fastify'
import { S3WritableError, s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const app = fastify({ logger: { level: 'error', stream: process.stderr } })
// Without a limit of its own, a file may have 1 MiB: the `bodyLimit` of Fastify.
await app.register(multipart, { limits: { fileSize: MAX_SIZE } })

app.post('/', async (request, reply) => {
  const files = []
  for await (const { file, filename, mimetype } of request.files()) {
    const Key = randomUUID()
    const upload = s3Writable({
      client,
      Bucket,
      Key,
      ContentType: mimetype,
      // At the limit, the file is cut and its stream ends without an error. The plugin throws its own only afterwards,
      // when it is asked for the next file, and then the cut file would already be an object.
      beforeComplete: () => {
        if (file.truncated) throw new app.multipartErrors.RequestFileTooLargeError()
      },
    })
    await pipeline(file, upload)
    files.push({ name: filename, Key, size: upload.result?.size })
  }
  return reply.code(201).send(files)
})
app.setErrorHandler((error: Error & { code?: string }, { raw }, reply) => {
  // After an error nothing reads the request, and many clients send all of it before they read the answer.
  raw.unpipe()
  raw.resume()
  // The client has sent what the stream does not take, such as a type that no header can carry.
  if (error.code === 'ERR_INVALID_ARG_VALUE') reply.code(400)
  else if (error instanceof S3WritableError) app.log.error(error)
  reply.send(error)
})
await app.listen({ host: '127.0.0.1', port: 0 })
console.log((app.server.address() as AddressInfo).port)
