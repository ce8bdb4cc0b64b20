/**
 * Does a job for each line of standard input, and logs it with pino into an object. SIGTERM ends the work. The object
 * appears when the work has ended, also by an error, which is its last line. Usage: COMMAND | pino BUCKET KEY
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { S3Client } from '@aws-sdk/client-s3'
import { pino } from 'pino'
import { s3Writable } from 's3-writable'

const [Bucket = '', Key = ''] = process.argv.slice(2)
const upload = s3Writable({ client: new S3Client(), Bucket, Key, ContentType: 'application/x-ndjson' })
// If the upload fails, the work goes on. pino does not listen for `error`, but done() does.
const stored = upload.done().catch((error) => {
  console.error('The log is lost.', error)
  process.exitCode = 1
})
// With `upload` itself in this place, a line that is logged after upload.end() would make the upload fail.
const logger = pino({}, { write: (line) => upload.writable && upload.write(line) })
const jobs = createInterface({ input: process.stdin })
process.on('SIGTERM', (signal) => {
  logger.info(signal)
  jobs.close()
})
try {
  for await (const job of jobs) {
    logger.info(JSON.parse(job), 'done')
    console.log(job)
    // pino does not wait for its stream: lines that come faster than S3 takes them would stay in memory.
    if (upload.writableNeedDrain) await once(upload, 'drain').catch(() => {})
  }
} catch (error) {
  logger.fatal(error)
  throw error
} finally {
  // End the upload even if the work has failed: that is when its log is needed. Nothing is stored before this.
  upload.end()
  await stored
}
