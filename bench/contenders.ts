import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { Client as Minio } from 'minio'
import { type S3WritableOptions, s3Writable } from 's3-writable'
import type { Case, ContenderName } from './cases.js'
import { lines } from './sources.js'

/**
 * The task of a contender. All use the same part size, and 4 parts at once unless their name says otherwise, or the
 * settings would be compared.
 */
export interface Task {
  client: S3Client
  endpoint: URL
  it: Case
  size: number
  source: () => Readable
}
const concurrency = 4
const object = { Bucket: 'bench', Key: 'object' }

/** Writes the source of the case into a stream, by `pipeline` or by a loop of writes. */
async function feed({ it, size, source }: Task, destination: Writable): Promise<void> {
  if (it.source.kind === 'lines') await lines(destination, size, it.source.write)
  else await pipeline(source(), destination)
}

const ours =
  (atOnce: S3WritableOptions['concurrency']) =>
  async (task: Task): Promise<void> => {
    const { client, it } = task
    const { partSize, unsignedPayload } = it
    if (it.source.kind === 'objects') {
      for (let i = 0; i < 1000; i++) {
        const upload = s3Writable({ client, ...object, partSize })
        upload.end(Buffer.alloc(it.source.write))
        await once(upload, 'finish')
      }
      return
    }
    const upload = s3Writable({ client, ...object, partSize, concurrency: atOnce, unsignedPayload })
    await Promise.all([feed(task, upload), upload.done()])
  }

const upload =
  (queueSize: number) =>
  async ({ client, it, source }: Task): Promise<void> => {
    const params = { ...object, Body: source() }
    await new Upload({ client, params, partSize: it.partSize, queueSize }).done()
  }

async function uploadBehind(task: Task): Promise<void> {
  const { client, it } = task
  const Body = new PassThrough()
  const sent = new Upload({ client, params: { ...object, Body }, partSize: it.partSize, queueSize: concurrency })
  await Promise.all([feed(task, Body), sent.done()])
}

async function minio({ endpoint, it, source }: Task): Promise<void> {
  const client = new Minio({
    endPoint: endpoint.hostname,
    port: Number(endpoint.port),
    useSSL: endpoint.protocol === 'https:',
    accessKey: process.env.AWS_ACCESS_KEY_ID ?? 'bench',
    secretKey: process.env.AWS_SECRET_ACCESS_KEY ?? 'bench',
    region: 'us-east-1',
    partSize: it.partSize,
  })
  await client.putObject(object.Bucket, object.Key, source())
}

/** What many programs do by hand: collect the chunks of a part, concatenate them, send them, and continue. */
async function byHand({ client, it, source }: Task): Promise<void> {
  if (it.source.kind === 'objects') {
    for (let i = 0; i < 1000; i++) {
      await client.send(new PutObjectCommand({ ...object, Body: Buffer.alloc(it.source.write) }))
    }
    return
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object))
  const Parts: { PartNumber: number; ETag: string | undefined }[] = []
  await collected(source(), it.partSize, 1, async (Body, PartNumber) => {
    const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body }))
    Parts.push({ PartNumber, ETag })
  })
  await client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }))
}

/** The same without S3: no signature and no checksum, over several connections at once. */
async function bare({ endpoint, it, source }: Task): Promise<void> {
  const put = putter(endpoint)
  await collected(source(), it.partSize, concurrency, put)
}

/** The upper limit: sends one preallocated Buffer again and again, over several connections at once. */
const limit =
  (atOnce: number) =>
  async ({ endpoint, it, size }: Task): Promise<void> => {
    const put = putter(endpoint)
    const buffer = Buffer.alloc(it.partSize)
    let left = Math.ceil(size / it.partSize)
    const worker = async (): Promise<void> => {
      while (left-- > 0) await put(buffer, 1)
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }

async function collected(
  source: Readable,
  partSize: number,
  atOnce: number,
  send: (part: Buffer, PartNumber: number) => Promise<void>,
): Promise<void> {
  const sending = new Set<Promise<void>>()
  let list: Buffer[] = []
  let length = 0
  let PartNumber = 0
  const flush = async (): Promise<void> => {
    const part = send(Buffer.concat(list), ++PartNumber)
    list = []
    length = 0
    sending.add(part)
    void part.then(() => sending.delete(part))
    if (sending.size >= atOnce) await Promise.race(sending)
  }
  for await (const chunk of source as AsyncIterable<Buffer>) {
    list.push(chunk)
    length += chunk.length
    if (length >= partSize) await flush()
  }
  if (length > 0) await flush()
  await Promise.all(sending)
}

function putter(endpoint: URL): (body: Buffer, PartNumber: number) => Promise<void> {
  const { request, Agent } = endpoint.protocol === 'https:' ? https : http
  const agent = new Agent({ keepAlive: true })
  return async (body, PartNumber) => {
    const headers = { 'content-length': body.length }
    const sent = request(`${endpoint.href}bench/object?partNumber=${PartNumber}`, { method: 'PUT', agent, headers })
    sent.end(body)
    const [answer] = (await once(sent, 'response')) as [http.IncomingMessage]
    answer.resume()
    await once(answer, 'end')
  }
}

export const CONTENDERS: Record<ContenderName, (task: Task) => Promise<void>> = {
  's3-writable': ours(concurrency),
  's3-writable, auto': ours('auto'),
  's3-writable, 16': ours(16),
  Upload: upload(concurrency),
  'Upload, 16': upload(16),
  'Upload behind a PassThrough': uploadBehind,
  minio,
  'by hand': byHand,
  bare,
  limit: limit(concurrency),
  'limit, 16': limit(16),
}
