/**
 * Uploads the result of a query of PostgreSQL as CSV, by COPY. If the query fails, or the connection is lost, there is
 * no object. Usage: postgres URL QUERY BUCKET KEY
 */
import { pipeline } from 'node:stream/promises'
import { S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { to } from 'pg-copy-streams'
import { s3Writable } from 's3-writable'

const [connectionString = '', query = '', Bucket = '', Key = ''] = process.argv.slice(2)
const database = new pg.Client({ connectionString })
// A lost connection is an error of the COPY's stream and also of the client. Without a listener, the second would end
// the process before the parts are removed.
database.on('error', () => {})
await database.connect()
try {
  await using upload = s3Writable({ client: new S3Client(), Bucket, Key, ContentType: 'text/csv' })
  await pipeline(database.query(to(`COPY (${query}) TO STDOUT (FORMAT csv, HEADER)`)), upload)
} finally {
  // After a failed upload the server still has rows to send. Then this closes the connection, and the query ends.
  await database.end()
}
