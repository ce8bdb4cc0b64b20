/**
 * A Redis list of pieces becomes one object: read two at a time, while what was read is on its way. A list that is changed
 * meanwhile publishes nothing. Usage: redis-list URL LIST BUCKET KEY
 */
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { createClient, RESP_TYPES } from 'redis'
import { s3Writable } from 's3-writable'

const [url = '', list = '', Bucket = '', Key = ''] = process.argv.slice(2)
const redis = await createClient({ url })
  .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  .connect()

async function* pieces(): AsyncGenerator<Buffer> {
  // From here on any change of the list makes the transaction at the end fail.
  await redis.watch(list)
  const length = await redis.lLen(list)
  if (length === 0) throw new Error(`There is no list ${list}`)
  const range = (at: number): Promise<Buffer[]> => redis.lRange(list, at, at + 1)
  let next = range(0)
  for (let at = 0; at < length; at += 2) {
    const now = await next
    // The next two are asked for before these are written.
    next = range(at + 2)
    next.catch(() => {})
    yield* now
  }
}
try {
  await using upload = s3Writable({
    client: new S3Client(),
    Bucket,
    Key,
    ContentType: 'video/mp2t',
    // https://redis.io/docs/latest/develop/using-commands/transactions/
    beforeComplete: () => redis.multi().lLen(list).exec(),
  })
  await pipeline(pieces, upload)
} finally {
  redis.destroy()
}
