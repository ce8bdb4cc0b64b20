/**
 * Uploads while its event loop is blocked for longer than `stallTimeout` with requests in flight. With `blocked` it
 * blocks the loop itself; otherwise it prints a line for each request, on which the test stops the process. At the end
 * it prints how often each request was sent.
 */
import { S3Client } from '@aws-sdk/client-s3'
import { s3Writable } from 's3-writable'
import { MiB, P } from '../bytes.js'

const [mode, Bucket = ''] = process.argv.slice(2)
const client = new S3Client({ region: 'us-east-1', forcePathStyle: true })
const sent: Record<string, number> = {}
const { send } = client
client.send = ((command: object, ...rest: unknown[]) => {
  const { name } = command.constructor
  sent[name] = (sent[name] ?? 0) + 1
  setTimeout(mode === 'blocked' ? block : () => console.log(`sent ${name}`), 5)
  return Reflect.apply(send, client, [command, ...rest])
}) as typeof send

function block(): void {
  const until = Date.now() + 2500
  while (Date.now() < until);
}

const upload = s3Writable({ client, Bucket, Key: 'k', partSize: P, stallTimeout: 1000 })
upload.end(Buffer.alloc(11 * MiB))
await upload.done()
console.log(JSON.stringify(sent))
