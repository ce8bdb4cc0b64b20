/**
 * An Express server that receives a form, with multer, and uploads each of its files while it is received. If one of
 * them is too large or incomplete, no file of the form remains. Usage: multer BUCKET. Prints the port that the server
 * listens on.
 */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3'
import express, { type ErrorRequestHandler } from 'express'
import multer from 'multer'
import { S3WritableError, s3Writable } from 's3-writable'

const MAX_SIZE = 20 * 1024 * 1024
const [Bucket = ''] = process.argv.slice(2)
const client = new S3Client()

const storage: multer.StorageEngine = {
  _handleFile(_request, { stream, fieldname, mimetype }, callback) {
    // A new key for each file: _removeFile must not remove what another request has stored.
    const Key = randomUUID()
    const upload = s3Writable({
      client,
      Bucket,
      Key,
      ContentType: mimetype,
      // At the limit, the file is cut and its stream ends without an error. multer would call _removeFile, but until
      // then the cut file would be an object.
      beforeComplete: () => {
        const { truncated } = stream as Readable & { truncated?: boolean }
        if (truncated) throw new multer.MulterError('LIMIT_FILE_SIZE', fieldname)
      },
    })
    pipeline(stream, upload)
      .then(() => upload.done())
      .then(({ size }) => callback(null, { destination: Bucket, filename: Key, size }), callback)
  },
  // multer calls this for the files that were stored before another one failed or the client disconnected.
  _removeFile(_request, { filename: Key }, callback) {
    client.send(new DeleteObjectCommand({ Bucket, Key })).then(() => callback(null), callback)
  },
}

const onError: ErrorRequestHandler = (error, _request, response, _next) => {
  const isFromS3 = error instanceof S3WritableError
  if (isFromS3) console.error(error)
  response.status(isFromS3 ? 502 : error.code === 'LIMIT_FILE_SIZE' ? 413 : 400).send(error.message)
}

const app = express()
app.post('/', multer({ storage, limits: { fileSize: MAX_SIZE } }).any(), (request, response) => {
  const files = request.files as Express.Multer.File[]
  response
    .status(201)
    .json(files.map(({ originalname, filename, size }) => ({ name: originalname, Key: filename, size })))
})
app.use(onError)
const server = app.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
