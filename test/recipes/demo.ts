/**
 * `npm run demo [-- FOLDER]`: uploads a tar archive of node_modules, or of FOLDER, reads it back and compares. It uses
 * the S3 at S3_ENDPOINT, with the usual AWS_* variables. Without S3_ENDPOINT it starts an S3 server in this process,
 * which is slow and removes its objects at the end, but needs nothing to be installed.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { type S3WritableResult, s3Writable } from 's3-writable'
import S3rver from 's3rver'

const MiB = 1024 * 1024
const folder = process.argv[2] ?? 'node_modules'
const Bucket = `s3-writable-demo-${Date.now().toString(36)}`
const Key = 'archive.tar'

interface Digest {
  size: number
  sha256: string
}

const { name, client, stop } = await findS3()
try {
  console.log(`tar -cf - ${folder} | s3://${Bucket}/${Key}, on ${name}`)
  await client.send(new CreateBucketCommand({ Bucket }))
  try {
    await demonstrate()
  } finally {
    await client.send(new DeleteObjectCommand({ Bucket, Key }))
    await client.send(new DeleteBucketCommand({ Bucket }))
  }
} finally {
  client.destroy()
  await stop()
}

async function demonstrate(): Promise<void> {
  const start = performance.now()
  const { written, result } = await upload()
  const seconds = (performance.now() - start) / 1000
  const { size, parts } = result
  console.log(
    `${inMiB(size)} in ${parts} parts, in ${seconds.toFixed(1)} s: ${(size / MiB / seconds).toFixed(0)} MiB/s, tar included`,
  )
  const read = await readBack()
  console.log(`written: ${written.size} bytes, SHA-256 ${written.sha256}`)
  console.log(`read:    ${read.size} bytes, SHA-256 ${read.sha256}`)
  const same = result.size === written.size && read.size === written.size && read.sha256 === written.sha256
  console.log(same ? 'They are the same.' : 'THEY DIFFER.')
  if (!same) process.exitCode = 1
}

async function upload(): Promise<{ written: Digest; result: S3WritableResult }> {
  const tar = spawn('tar', ['-cf', '-', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(tar, 'spawn')
  const closed = once(tar, 'close')
  const upload = s3Writable({
    client,
    Bucket,
    Key,
    ContentType: 'application/x-tar',
    // When a child process crashes, its stdout simply ends, as on success. Check the exit code in `beforeComplete`.
    beforeComplete: async () => {
      const [code, signal] = await closed
      if (code !== 0) throw new Error(`tar ended with ${signal ?? `code ${code}`}`)
    },
  })
  let shownParts = 0
  upload.on('progress', ({ sent, loaded, parts }) => {
    if (parts === shownParts) return
    shownParts = parts
    console.log(`part ${String(parts).padStart(3)} stored: ${inMiB(loaded)} of ${inMiB(sent)} sent`)
  })
  const digest = digester()
  await pipeline(tar.stdout, digest.passThrough, upload)
  return { written: digest.end(), result: await upload.done() }
}

async function readBack(): Promise<Digest> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
  const digest = digester()
  for await (const _ of digest.passThrough(Body as Readable));
  return digest.end()
}

/** Passes bytes through unchanged, and counts and hashes them. */
function digester(): { passThrough: (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>; end: () => Digest } {
  const hash = createHash('sha256')
  let size = 0
  return {
    async *passThrough(source) {
      for await (const chunk of source) {
        hash.update(chunk)
        size += chunk.length
        yield chunk
      }
    },
    end: () => ({ size, sha256: hash.digest('hex') }),
  }
}

async function findS3(): Promise<{ name: string; client: S3Client; stop: () => Promise<void> }> {
  const { S3_ENDPOINT, AWS_REGION: region = 'us-east-1' } = process.env
  if (S3_ENDPOINT) {
    const client = new S3Client({ endpoint: S3_ENDPOINT, region, forcePathStyle: true })
    return { name: S3_ENDPOINT, client, stop: async () => {} }
  }
  const directory = await mkdtemp(join(tmpdir(), 's3-writable-demo-'))
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory })
  const { port } = await server.run()
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
  })
  const stop = async (): Promise<void> => {
    await server.close()
    await rm(directory, { recursive: true, force: true })
  }
  return { name: 's3rver, in this process', client, stop }
}

function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`
}
