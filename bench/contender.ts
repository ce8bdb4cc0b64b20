/**
 * Runs one contender once, in this process, and prints its figures as JSON. With `copies` it counts the copied bytes, which
 * makes the other figures meaningless. CASE is JSON. Usage: contender NAME CASE ENDPOINT MIB [copies]
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { S3Client } from '@aws-sdk/client-s3'
import { MiB } from '../test/support/bytes.js'
import type { Case, ContenderName } from './cases.js'
import { CONTENDERS } from './contenders.js'
import { type Counted, countCopies, type Measured, measure } from './measure.js'
import { file, fresh, memory } from './sources.js'

const [name = '', json = '', address = '', size = '', copies] = process.argv.slice(2)
const it: Case = JSON.parse(json)
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
await counted()
// A first upload of two parts loads and compiles everything; a run of small objects warms up by itself.
if (it.source.kind !== 'objects') await run(2 * it.partSize)
const measured = await measure(Number(size) * MiB, () => run(Number(size) * MiB))
console.log(JSON.stringify({ ...measured, ...(await counted()) } satisfies Measured))
client.destroy()
rmSync(folder, { recursive: true })

function sourceOf({ source: { kind, write } }: Case, bytes: number): Readable {
  if (kind === 'file') return file(path, write)
  return kind === 'memory' ? memory(bytes, write) : fresh(bytes, write)
}

/** What the sink counted since the last call; zeros for any other store. */
async function counted(): Promise<Counted> {
  const { get } = endpoint.protocol === 'https:' ? https : http
  const asked = get(new URL('/counts', endpoint), { agent: false })
  const [answer] = (await once(asked, 'response')) as [http.IncomingMessage]
  const body = await text(answer)
  return answer.statusCode === 200 ? JSON.parse(body) : { connections: 0, parts: 0, settledParts: 0 }
}
