/** Packs all objects under a prefix into one tar archive, without a temporary file. Usage: archive BUCKET PREFIX KEY */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { pack } from 'tar-stream'

const [Bucket = '', Prefix = '', Key = ''] = process.argv.slice(2)
const client = new S3Client()
const archive = pack()

async function addObjects(): Promise<void> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
    for (const { Key: name = '', Size: size = 0, LastModified: mtime, ETag: IfMatch } of Contents) {
      // A tar entry's header has the size, so read only the object that was listed: IfMatch fails if it was replaced.
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: name, IfMatch }))
      await pipeline(Body as Readable, archive.entry({ name, size, ...(mtime === undefined ? {} : { mtime }) }))
    }
  }
  archive.finalize()
}

await using upload = s3Writable({ client, Bucket, Key, ContentType: 'application/x-tar' })
addObjects().catch((error) => archive.destroy(error))
await pipeline(archive, upload)
