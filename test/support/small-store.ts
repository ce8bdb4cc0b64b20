import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Test } from 'tap'
import { type RecordedRequest, recordRequest } from './recorded-request.js'

/** One request to the small store, read to its end. */
export interface StoreRequest {
  seen: RecordedRequest
  request: IncomingMessage
  response: ServerResponse
  body: Buffer
  query: URLSearchParams
}

/** Answers in the store's place, or returns `'as usual'` to let the store answer. */
export type Answer = (asked: StoreRequest) => unknown

/** An object of the small store. */
export interface SmallObject {
  ETag: string
  size: number
  LastModified: Date
  /** Further headers of HeadObject's answer. */
  headers?: Record<string, string>
}

export interface SmallStore {
  endpoint: string
  client: S3Client
  /** Requests in the order in which they came. */
  seen: RecordedRequest[]
  of: (operation: string) => RecordedRequest[]
  /** The objects, by their key. */
  objects: Map<string, SmallObject>
  /** Parts of the upload `u1`, by their numbers; undefined where there is no such upload. */
  parts: Map<number, SmallObject> | undefined
  /** Carries out PutObject, whether or not it is answered. */
  put: (Key: string, body: Buffer) => SmallObject
  /** Carries out UploadPart, whether or not it is answered. */
  part: (PartNumber: number, body: Buffer) => SmallObject
  /** Carries out CompleteMultipartUpload, whether or not it is answered. */
  complete: (Key: string) => SmallObject
  /** Takes no connection any more. */
  close: () => void
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

export function xml(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(body)
}

/** An error as S3 itself answers it. */
export function s3Error(response: ServerResponse, status: number, Code: string): void {
  xml(response, status, `<Error><Code>${Code}</Code><Message>${Code}, says the small store</Message></Error>`)
}

/**
 * A store in memory for answers that no store here gives by itself: it holds one upload, `u1`, and keeps of a part its
 * size and its MD5. It knows neither buckets nor signatures. Its clock may be some ms ahead. Ends with the test.
 */
export async function smallStore(
  t: Pick<Test, 'teardown'>,
  answers: Record<string, Answer> = {},
  config: S3ClientConfig = {},
  ahead = 0,
): Promise<SmallStore> {
  const seen: RecordedRequest[] = []
  const server = createServer((request, response) => {
    // A client that goes away ends its request, and nothing else.
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
    LastModified: new Date(Date.now() + ahead),
  })
  const store: SmallStore = {
    endpoint,
    client,
    seen,
    of: (operation) => seen.filter((one) => one.operation === operation),
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
      const all = [...(store.parts ?? [])].sort(([a], [b]) => a - b).map(([, part]) => part)
      const hashes = Buffer.from(all.map(({ ETag }) => ETag.replaceAll('"', '')).join(''), 'hex')
      const object = {
        ETag: `"${md5(hashes)}-${all.length}"`,
        size: all.reduce((sum, { size }) => sum + size, 0),
        LastModified: new Date(Date.now() + ahead),
      }
      store.objects.set(Key, object)
      store.parts = undefined
      return object
    },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const was = recordRequest(request, 0, seen)
    response.setHeader('date', new Date(Date.now() + ahead).toUTCString())
    response.on('close', () => {
      was.endedAt = performance.now()
      was.answered = response.writableFinished
    })
    const body = await buffer(request)
    was.length = body.length
    was.complete = true
    const { pathname, searchParams: query } = new URL(request.url ?? '/', endpoint)
    const answer = answers[was.operation]
    if (answer !== undefined && (await answer({ seen: was, request, response, body, query })) !== 'as usual') return
    usual(was, decodeURIComponent(pathname.replace(/^\/[^/]*\/?/, '')), body, response)
  }

  function usual(
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
      head(store.objects.get(Key), response)
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

function head(object: SmallObject | undefined, response: ServerResponse): void {
  if (object === undefined) response.writeHead(404).end()
  else {
    const { ETag: etag, size, LastModified, headers } = object
    const about = { etag, 'content-length': size, 'last-modified': LastModified.toUTCString(), ...headers }
    response.writeHead(200, about).end()
  }
}
