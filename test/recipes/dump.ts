/**
 * Uploads a dump of an SQLite database, compressed by gzip on the way. ContentEncoding makes browsers decompress it. If
 * the dump fails, there is no object. Usage: dump DATABASE BUCKET KEY
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'

const [database = '', Bucket = '', Key = ''] = process.argv.slice(2)
let end = ''
// sqlite3 exits with 0 even if it could read only a part of the database. Only a complete dump ends with COMMIT.
async function* rememberEnd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    end = (end + chunk.toString('latin1')).slice(-100)
    yield chunk
  }
}
const dump = spawn('sqlite3', ['-readonly', '-bail', database, '.dump'], { stdio: ['ignore', 'pipe', 'inherit'] })
await once(dump, 'spawn')
const closed = once(dump, 'close')
await using upload = s3Writable({
  client: new S3Client(),
  Bucket,
  Key,
  ContentType: 'application/sql',
  ContentEncoding: 'gzip',
  // When a child process crashes, its stdout simply ends, as on success. Check the exit code in `beforeComplete`.
  beforeComplete: async () => {
    const [code, signal] = await closed
    if (code !== 0) throw new Error(`sqlite3 ended with ${signal ?? `code ${code}`}`)
    if (!end.endsWith('\nCOMMIT;\n')) throw new Error(`The dump is incomplete: it ends with ${JSON.stringify(end)}`)
  },
})
await pipeline(dump.stdout, rememberEnd, createGzip(), upload)
