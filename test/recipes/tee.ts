/**
 * Writes standard input both into a file and into S3, at the speed of the slower of the two. If writing the file fails,
 * there is no object; if the upload fails, the file is removed. Usage: COMMAND | tee FILE BUCKET KEY
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { finished, pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const [file = '', Bucket = '', Key = ''] = process.argv.slice(2)

async function* copyToFile(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const copy = createWriteStream(file)
  const written = finished(copy)
  written.catch(() => {})
  try {
    for await (const chunk of source) {
      // Wait until the file takes more. `once` rejects if the file fails meanwhile, `written` if it failed before.
      if (!copy.write(chunk)) await (copy.errored === null ? once(copy, 'drain') : written)
      yield chunk
    }
    copy.end()
    await written
  } finally {
    copy.destroy()
  }
}
try {
  await using upload = s3Writable({ client: new S3Client(), Bucket, Key })
  await pipeline(process.stdin, copyToFile, upload)
} catch (error) {
  await rm(file, { force: true })
  throw error
}
