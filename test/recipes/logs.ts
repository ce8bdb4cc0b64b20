/**
 * Uploads lines from standard input, and begins a new object when the current one has BYTES bytes or is MILLISECONDS
 * old. A line is never split. If an object fails, its lines are lost: its key and the error go to standard error, and
 * the exit code is 1. Usage: COMMAND | logs BUCKET PREFIX BYTES MILLISECONDS
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { S3Client } from '@aws-sdk/client-s3'
import { type S3Writable, s3Writable } from 's3-writable'

const [Bucket = '', prefix = '', bytes = '', milliseconds = ''] = process.argv.slice(2)
const client = new S3Client()
const objects: Promise<unknown>[] = []
let log: { stream: S3Writable; size: number; until: number } | undefined

function openLog(): NonNullable<typeof log> {
  const Key = `${prefix}${String(objects.length + 1).padStart(6, '0')}.log`
  const stream = s3Writable({ client, Bucket, Key, ContentType: 'text/plain' })
  const reported = stream.done().then(
    () => console.log(Key),
    (error) => {
      console.error(`${Key} is lost: ${error.message}`)
      process.exitCode = 1
    },
  )
  objects.push(reported)
  return { stream, size: 0, until: Date.now() + Number(milliseconds) }
}

/** Ends the current object, unless it has failed already. */
function closeLog(): void {
  if (log?.stream.writable) log.stream.end()
  log = undefined
}

const timer = setInterval(() => {
  // An ended stream emits no `drain`, so do not end it while the loop below waits for that.
  if (log !== undefined && !log.stream.writableNeedDrain && Date.now() >= log.until) closeLog()
}, 100)
for await (const line of createInterface({ input: process.stdin })) {
  // If the current object has failed, this line goes into a new one.
  if (log?.stream.destroyed) closeLog()
  log ??= openLog()
  log.size += Buffer.byteLength(line) + 1
  log.stream.write(`${line}\n`)
  if (log.stream.writableNeedDrain) await once(log.stream, 'drain').catch(closeLog)
  if (log !== undefined && log.size >= Number(bytes)) closeLog()
}
clearInterval(timer)
closeLog()
await Promise.all(objects)
