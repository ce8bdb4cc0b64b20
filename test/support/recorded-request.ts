import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { endpoint } from './store.js'

/** One request as the proxy saw it. */
export interface RecordedRequest {
  operation: string
  PartNumber: number | undefined
  /** 1 for the first time that this operation, part and key were asked for. */
  attempt: number
  headers: IncomingHttpHeaders
  url: string
  /** Bytes of body that arrived. */
  length: number
  /** Whether that was all of it. */
  complete: boolean
  /** Which connection it came on. */
  connection: number
  /** When its head came, and when it was answered or broken off, in `performance.now()`'s milliseconds. */
  startedAt: number
  endedAt: number | undefined
  /** Whether it was answered, to the last byte. */
  answered: boolean
}

export function recordRequest(request: IncomingMessage, connection: number, seen: RecordedRequest[]): RecordedRequest {
  const { pathname, searchParams } = new URL(request.url ?? '/', endpoint)
  const operation = operationOf(request.method ?? '', pathname, searchParams)
  const before = seen.filter((one) => one.operation === operation && one.url === request.url)
  const was = {
    operation,
    PartNumber: searchParams.has('partNumber') ? Number(searchParams.get('partNumber')) : undefined,
    attempt: before.length + 1,
    headers: request.headers,
    url: request.url ?? '',
    length: 0,
    complete: false,
    connection,
    startedAt: performance.now(),
    endedAt: undefined,
    answered: false,
  }
  seen.push(was)
  return was
}

function operationOf(method: string, pathname: string, query: URLSearchParams): string {
  const onKey = pathname.split('/').filter(Boolean).length > 1
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads'
  if (query.has('uploadId')) {
    const names: Record<string, string> = {
      PUT: 'UploadPart',
      POST: 'CompleteMultipartUpload',
      DELETE: 'AbortMultipartUpload',
      GET: 'ListParts',
    }
    return names[method] ?? method
  }
  const names: Record<string, string> = {
    PUT: 'PutObject',
    HEAD: 'HeadObject',
    GET: 'GetObject',
    DELETE: 'DeleteObject',
  }
  return onKey ? (names[method] ?? method) : `${method} bucket`
}
