/**
 * Runs one contender once, in this process, and prints its figures as JSON. With `copies` it counts the copied bytes, which
 * makes the other figures meaningless. Usage: contender NAME CASE ENDPOINT MIB [copies]
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { MiB } from '../test/support/bytes.js'
import { CASES, type Case, type ContenderName, longLink } from './cases.js'
import { CONTENDERS } from './contenders.js'
import { countCopies, type Measured, measure } from './measure.js'
import { file, fresh, memory } from './sources.js'

const [name = '', title = '', address = '', size = '', copies] = process.argv.slice(2)
const rtt = /^a link of (\d+) ms$/.exec(title)?.[1]
const it = rtt === undefined ? (CASES.find((one) => one.title === title) as Case) : longLink(Number(rtt))
const endpoint = new URL(address)
const folder = mkdtempSync(join(tmpdir(), 's3-writable-bench-'))
const path = join(folder, 'file')
const client = new S3Client({
  endpoint: endpoint.href,
  region: 'us-east-1',
  forcePathStyle: true,
  ...(process.env.AWS_ACCESS_KEY_ID ? {} : { credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' } }),
})
const send = CONTENDERS[name as ContenderName]
const run = (bytes: number): Promise<void> =>
  send({ client, endpoint, it, size: bytes, source: () => sourceOf(it, bytes) })

if (copies !== undefined) countCopies()
if (it.source.kind === 'file') {
  writeFileSync(path, '')
  truncateSync(path, Number(size) * MiB)
}
await connections()
// A first upload of two parts loads and compiles everything; a run of small objects warms up by itself.
if (it.source.kind !== 'objects') await run(2 * it.partSize)
const measured = await measure(Number(size) * MiB, () => run(Number(size) * MiB))
console.log(JSON.stringify({ ...measured, connections: await connections() } satisfies Measured))
client.destroy()
rmSync(folder, { recursive: true })

function sourceOf({ source: { kind, write } }: Case, bytes: number): Readable {
  if (kind === 'file') return file(path, write)
  return kind === 'memory' ? memory(bytes, write) : fresh(bytes, write)
}

/** The number of connections opened since the last call, as the sink counts them; 0 for any other store. */
async function connections(): Promise<number> {
  const { get } = endpoint.protocol === 'https:' ? https : http
  return await new Promise((resolve, reject) => {
    get(new URL('/connections', endpoint), { agent: false }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () => resolve(answer.statusCode === 200 ? Number(text) : 0))
    }).on('error', reject)
  })
}
