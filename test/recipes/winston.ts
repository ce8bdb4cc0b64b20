/**
 * Does a job for each line of standard input, and logs it with winston into an object. SIGTERM ends the work. The
 * object appears when the work has ended, also by an error, which is its last line. Usage: COMMAND | winston BUCKET KEY
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { createLogger, format, transports } from 'winston'

const [Bucket = '', Key = ''] = process.argv.slice(2)
const upload = s3Writable({ client: new S3Client(), Bucket, Key, ContentType: 'application/x-ndjson' })
// If the upload fails, the work goes on. winston does not listen for `error`, but done() does.
const stored = upload.done().catch((error) => {
  console.error('The log is lost.', error)
  process.exitCode = 1
})
const logger = createLogger({
  format: format.combine(format.errors({ stack: true }), format.json()),
  transports: [new transports.Stream({ stream: upload })],
})
// A line that is logged after logger.end() is an `error` of the logger, which would end the process.
logger.on('error', () => {})
const jobs = createInterface({ input: process.stdin })
process.on('SIGTERM', (signal) => {
  logger.info(signal)
  jobs.close()
})
try {
  for await (const job of jobs) {
    logger.info('done', JSON.parse(job))
    console.log(job)
    // winston does not wait for this stream: lines that come faster than S3 takes them would stay in memory.
    if (upload.writableNeedDrain) await once(upload, 'drain').catch(() => {})
  }
} catch (error) {
  logger.error(error)
  throw error
} finally {
  // End the upload even if the work has failed: that is when its log is needed. Nothing is stored before this.
  // winston does not end the stream. First the logger, which may still hold lines if another transport is slow.
  await new Promise<void>((resolve) => logger.end(resolve))
  upload.end()
  await stored
}
