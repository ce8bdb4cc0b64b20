/** Packs all objects under a prefix into one zip archive, without a temporary file. Usage: zip BUCKET PREFIX KEY */
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { ZipArchive } from 'archiver'
import { s3Writable } from 's3-writable'

const [Bucket = '', Prefix = '', Key = ''] = process.argv.slice(2)
const client = new S3Client()
const archive = new ZipArchive()
// An archive that is destroyed, because the upload has failed, reads no further. Then end the download that it read.
const closed = new AbortController()
const { signal } = closed
archive.on('close', () => closed.abort())

async function addObjects(): Promise<void> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
    for (const { Key: name = '', LastModified: date } of Contents) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: name }), { abortSignal: signal })
      const entry = new PassThrough()
      archive.append(entry, { name, ...(date === undefined ? {} : { date }) })
      // archiver ignores the errors of what is appended: given `Body` itself, a broken download would stall the
      // archive for ever. Here it rejects. One object after the other, so that no download waits for its turn.
      await pipeline(Body as Readable, entry, { signal })
    }
  }
  // Never settles if the upload fails, so nothing below may wait for addObjects().
  await archive.finalize()
}

await using upload = s3Writable({ client, Bucket, Key, ContentType: 'application/zip' })
addObjects().catch((error) => archive.destroy(error))
await pipeline(archive, upload)
