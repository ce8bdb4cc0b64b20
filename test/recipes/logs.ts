/**
 * Lines become objects, a new one after so many bytes or so many milliseconds. A line is never cut in two, and the lines
 * of an object that failed are told. Usage: lines | logs BUCKET PREFIX BYTES MILLISECONDS
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { S3Client } from '@aws-sdk/client-s3'
import { type S3Writable, s3Writable } from 's3-writable'

const [Bucket = '', prefix = '', bytes = '', milliseconds = ''] = process.argv.slice(2)
const client = new S3Client()
const objects: Promise<unknown>[] = []
let log: { stream: S3Writable; size: number; until: number } | undefined

function opened(): NonNullable<typeof log> {
  const Key = `${prefix}${String(objects.length + 1).padStart(6, '0')}.log`
  const stream = s3Writable({ client, Bucket, Key, ContentType: 'text/plain' })
  const told = stream.done().then(
    () => console.log(Key),
    (error) => {
      console.error(`${Key} is lost: ${error.message}`)
      process.exitCode = 1
    },
  )
  objects.push(told)
  return { stream, size: 0, until: Date.now() + Number(milliseconds) }
}

/** Also of one that has failed, which is closed already. */
function close(): void {
  if (log?.stream.writable) log.stream.end()
  log = undefined
}

const tick = setInterval(() => {
  // One that is waited for gets its line first.
  if (log !== undefined && !log.stream.writableNeedDrain && Date.now() >= log.until) close()
}, 100)
for await (const line of createInterface({ input: process.stdin })) {
  // An object that failed is told of; the lines go on in the next.
  if (log?.stream.destroyed) close()
  log ??= opened()
  log.size += Buffer.byteLength(line) + 1
  log.stream.write(`${line}\n`)
  if (log.stream.writableNeedDrain) await once(log.stream, 'drain').catch(close)
  if (log !== undefined && log.size >= Number(bytes)) close()
}
clearInterval(tick)
close()
await Promise.all(objects)
