/**
 * Uploads objects as CSV. Standard input has one object in JSON on each line; the first has the names of the columns.
 * If a line is not JSON, there is no object in S3. Usage: COMMAND | csv BUCKET KEY
 */
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { stringify } from 'csv-stringify'
import { s3Writable } from 's3-writable'

const [Bucket = '', Key = ''] = process.argv.slice(2)

async function* rows(): AsyncGenerator<Record<string, unknown>> {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line)
}
await using upload = s3Writable({ client: new S3Client(), Bucket, Key, ContentType: 'text/csv' })
await pipeline(rows, stringify({ header: true }), upload)
