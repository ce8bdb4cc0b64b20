/**
 * Joins the elements of a Redis list into one object. The elements are read two at a time, while the earlier ones are
 * being uploaded. If the list changes meanwhile, there is no object. Usage: redis-list URL LIST BUCKET KEY
 */
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { createClient, RESP_TYPES } from 'redis'
import { s3Writable } from 's3-writable'

const [url = '', list = '', Bucket = '', Key = ''] = process.argv.slice(2)
const redis = await createClient({ url })
  .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
  .connect()

async function* elements(): AsyncGenerator<Buffer> {
  // After WATCH, any change of the list makes the transaction in `beforeComplete` fail.
  await redis.watch(list)
  const length = await redis.lLen(list)
  if (length === 0) throw new Error(`There is no list ${list}`)
  const range = (at: number): Promise<Buffer[]> => redis.lRange(list, at, at + 1)
  let next = range(0)
  for (let at = 0; at < length; at += 2) {
    const current = await next
    // Request the next two elements before these are written.
    next = range(at + 2)
    // If this fails, `await next` throws. Until then it must not be an unhandled rejection.
    next.catch(() => {})
    yield* current
  }
}
try {
  await using upload = s3Writable({
    client: new S3Client(),
    Bucket,
    Key,
    ContentType: 'video/mp2t',
    // The transaction fails if the list was changed: https://redis.io/docs/latest/develop/using-commands/transactions/
    beforeComplete: () => redis.multi().lLen(list).exec(),
  })
  await pipeline(elements, upload)
} finally {
  redis.destroy()
}
