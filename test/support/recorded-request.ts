import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { operationOf } from './operation.js'
import { endpoint } from './store.js'

/** A request that the fault proxy or the small store has received. */
export interface RecordedRequest {
  /** The S3 operation, such as `UploadPart`. */
  operation: string
  PartNumber: number | undefined
  /** 1 for the first request of this operation and URL, 2 for the second, and so on. */
  attempt: number
  headers: IncomingHttpHeaders
  url: string
  /** How many bytes of the body have arrived. */
  length: number
  /** Whether the whole body has arrived. */
  complete: boolean
  /** The number of the connection that carried the request, from 1; 0 if the server does not count. */
  connection: number
  /** When the headers arrived, on the clock of `performance.now()`. */
  startedAt: number
  /** When the answer was sent or the connection broke, on the same clock. */
  endedAt: number | undefined
  /** Whether the whole answer was sent. */
  answered: boolean
}

/** Appends a record of the request to `seen` and returns it. The caller keeps its fields up to date. */
export function recordRequest(request: IncomingMessage, connection: number, seen: RecordedRequest[]): RecordedRequest {
  const { pathname, searchParams } = new URL(request.url ?? '/', endpoint)
  const operation = operationOf(request.method ?? '', pathname, searchParams)
  const earlier = seen.filter((other) => other.operation === operation && other.url === request.url)
  const recorded = {
    operation,
    PartNumber: searchParams.has('partNumber') ? Number(searchParams.get('partNumber')) : undefined,
    attempt: earlier.length + 1,
    headers: request.headers,
    url: request.url ?? '',
    length: 0,
    complete: false,
    connection,
    startedAt: performance.now(),
    endedAt: undefined,
    answered: false,
  }
  seen.push(recorded)
  return recorded
}
