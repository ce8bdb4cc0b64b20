import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Test } from 'tap'
import { type RecordedRequest, recordRequest } from './recorded-request.js'

/** A request to the small store, read to its end. */
export interface StoreRequest {
  seen: RecordedRequest
  request: IncomingMessage
  response: ServerResponse
  body: Buffer
  query: URLSearchParams
}

/** Answers the request instead of the store, or returns `'as usual'` to let the store answer. */
export type Answer = (request: StoreRequest) => unknown

/** An object of the small store. */
export interface SmallObject {
  ETag: string
  size: number
  LastModified: Date
  /** Additional headers of HeadObject's answer. */
  headers?: Record<string, string>
}

export interface SmallStore {
  endpoint: string
  client: S3Client
  /** All requests, in the order in which they arrived. */
  seen: RecordedRequest[]
  /** The requests of one operation, such as `UploadPart`. */
  of: (operation: string) => RecordedRequest[]
  /** The stored objects, by their keys. */
  objects: Map<string, SmallObject>
  /** The parts of the upload `u1`, by their numbers; undefined while there is no such upload. */
  parts: Map<number, SmallObject> | undefined
  /** Carries out PutObject, without an answer. */
  put: (Key: string, body: Buffer) => SmallObject
  /** Carries out UploadPart, without an answer. */
  part: (PartNumber: number, body: Buffer) => SmallObject
  /** Carries out CompleteMultipartUpload, without an answer. */
  complete: (Key: string) => SmallObject
  /** Closes all connections and accepts no more. */
  close: () => void
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

/** Answers with this XML. */
export function xml(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(body)
}

/** Answers ListParts with part 1, whatever is stored. */
export const listsPart: Answer = ({ response }) =>
  xml(response, 200, '<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>')

/** Answers with an error in S3's format. */
export function s3Error(response: ServerResponse, status: number, Code: string): void {
  xml(response, status, `<Error><Code>${Code}</Code><Message>${Code} from the small store</Message></Error>`)
}

/**
 * Starts an S3 server in memory, and closes it when the test ends. `answers` replaces the usual answers to the named
 * operations by answers that a real S3 cannot be made to give. The store holds one upload, `u1`, and of each object and
 * part only its size and MD5. It ignores buckets and signatures. Its clock is `clockAhead` milliseconds fast.
 */
export async function smallStore(
  t: Pick<Test, 'teardown'>,
  answers: Record<string, Answer> = {},
  config: S3ClientConfig = {},
  clockAhead = 0,
): Promise<SmallStore> {
  const seen: RecordedRequest[] = []
  const server = createServer((request, response) => {
    // A client that disconnects ends only its own request.
    handle(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, ...config })
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  t.teardown(() => {
    client.destroy()
    close()
  })
  const objectOf = (body: Buffer): SmallObject => ({
    ETag: `"${md5(body)}"`,
    size: body.length,
    LastModified: new Date(Date.now() + clockAhead),
  })
  const store: SmallStore = {
    endpoint,
    client,
    seen,
    of: (operation) => seen.filter((request) => request.operation === operation),
    objects: new Map(),
    parts: undefined,
    close,
    put: (Key, body) => {
      const object = objectOf(body)
      store.objects.set(Key, object)
      return object
    },
    part: (PartNumber, body) => {
      const part = objectOf(body)
      store.parts?.set(PartNumber, part)
      return part
    },
    complete: (Key) => {
      const parts = [...(store.parts ?? [])].sort(([a], [b]) => a - b).map(([, part]) => part)
      const hashes = Buffer.from(parts.map(({ ETag }) => ETag.replaceAll('"', '')).join(''), 'hex')
      const object = {
        ETag: `"${md5(hashes)}-${parts.length}"`,
        size: parts.reduce((sum, { size }) => sum + size, 0),
        LastModified: new Date(Date.now() + clockAhead),
      }
      store.objects.set(Key, object)
      store.parts = undefined
      return object
    },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const recorded = recordRequest(request, 0, seen)
    response.setHeader('date', new Date(Date.now() + clockAhead).toUTCString())
    response.on('close', () => {
      recorded.endedAt = performance.now()
      recorded.answered = response.writableFinished
    })
    const body = await buffer(request)
    recorded.length = body.length
    recorded.complete = true
    const { pathname, searchParams: query } = new URL(request.url ?? '/', endpoint)
    const answer = answers[recorded.operation]
    if (answer !== undefined && (await answer({ seen: recorded, request, response, body, query })) !== 'as usual')
      return
    answerAsUsual(recorded, decodeURIComponent(pathname.replace(/^\/[^/]*\/?/, '')), body, response)
  }

  function answerAsUsual(
    { operation, PartNumber = 0 }: RecordedRequest,
    Key: string,
    body: Buffer,
    response: ServerResponse,
  ): void {
    if (operation === 'CreateMultipartUpload') {
      store.parts = new Map()
      xml(response, 200, '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
    } else if (operation === 'PutObject') {
      response.writeHead(200, { etag: store.put(Key, body).ETag }).end()
    } else if (operation === 'HeadObject') {
      answerHead(store.objects.get(Key), response)
    } else if (operation === 'ListMultipartUploads') {
      xml(response, 200, '<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>')
    } else if (store.parts === undefined) {
      s3Error(response, 404, 'NoSuchUpload')
    } else if (operation === 'UploadPart') {
      response.writeHead(200, { etag: store.part(PartNumber, body).ETag }).end()
    } else if (operation === 'CompleteMultipartUpload') {
      const { ETag } = store.complete(Key)
      xml(response, 200, `<CompleteMultipartUploadResult><ETag>${ETag}</ETag></CompleteMultipartUploadResult>`)
    } else if (operation === 'AbortMultipartUpload') {
      store.parts = undefined
      response.writeHead(204).end()
    } else {
      const parts = [...store.parts].map(
        ([n, { ETag, size }]) => `<Part><PartNumber>${n}</PartNumber><ETag>${ETag}</ETag><Size>${size}</Size></Part>`,
      )
      xml(response, 200, `<ListPartsResult><IsTruncated>false</IsTruncated>${parts.join('')}</ListPartsResult>`)
    }
  }

  return store
}

function answerHead(object: SmallObject | undefined, response: ServerResponse): void {
  if (object === undefined) response.writeHead(404).end()
  else {
    const { ETag: etag, size, LastModified, headers } = object
    const answerHeaders = { etag, 'content-length': size, 'last-modified': LastModified.toUTCString(), ...headers }
    response.writeHead(200, answerHeaders).end()
  }
}
