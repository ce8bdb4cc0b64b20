/** Many objects become one archive, each read while it is written. Usage: archive BUCKET PREFIX KEY */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { pack } from 'tar-stream'

const [Bucket = '', Prefix = '', Key = ''] = process.argv.slice(2)
const client = new S3Client()
const archive = pack()

async function fill(): Promise<void> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
    for (const { Key: name = '', Size: size = 0, LastModified: mtime, ETag: IfMatch } of Contents) {
      // The size stands before the bytes, so it must be the same object that is read.
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: name, IfMatch }))
      await pipeline(Body as Readable, archive.entry({ name, size, ...(mtime === undefined ? {} : { mtime }) }))
    }
  }
  archive.finalize()
}

await using upload = s3Writable({ client, Bucket, Key, ContentType: 'application/x-tar' })
fill().catch((error) => archive.destroy(error))
await pipeline(archive, upload)
