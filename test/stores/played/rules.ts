import type { IncomingHttpHeaders } from 'node:http'

/** A request to a played store. Its body has not been read, but for that of Complete. */
export interface PlayedRequest {
  /** The S3 operation, such as `UploadPart`. */
  operation: string
  headers: IncomingHttpHeaders
  query: URLSearchParams
  /** The parts that Complete lists. `size` is what was sent of each. */
  parts: { PartNumber: number; size: number }[]
}

/** An error in S3's format. */
export interface Refusal {
  status: number
  Code: string
  Message: string
}

/** How a store differs from the MinIO behind it. */
export interface Rules {
  /** Answers with an error instead of carrying the request out. */
  refuses?: (request: PlayedRequest) => Refusal | undefined
  /** The headers of requests that the store ignores. */
  ignores?: (header: string, operation: string) => boolean
  /** The query parameters that MinIO does not get. */
  dropsFromQuery?: string[]
  /** The headers and XML elements that the store's answers do not have, in small letters. */
  hides?: RegExp
  /** The ETag that the store gives, from MinIO's. Both are without quotation marks. */
  ETag?: (ETag: string) => string
  /** How long the store takes for Complete, in milliseconds, beyond MinIO's time. */
  completeTakes?: number
  /** Requests are signed with the keys and the token of a session, which CreateSession gives. */
  sessions?: boolean
  /** How every bucket encrypts its objects, in the words of PutBucketEncryption. */
  bucketEncryption?: { SSEAlgorithm: string; KMSMasterKeyID: string }
}

/** The headers of requests that are about checksums. */
export const CHECKSUM_HEADER = /^x-amz-(sdk-)?checksum-/
/** What is about checksums in answers, as `hides` names it. */
export const CHECKSUM_IN_ANSWER = /^(x-amz-checksum-|checksum)/

/** Refuses the request if it has one of these headers. */
export function refusedHeader(
  { headers }: PlayedRequest,
  pattern: RegExp,
  refusal: (name: string, value: string) => Refusal,
): Refusal | undefined {
  const name = Object.keys(headers).find((header) => pattern.test(header))
  return name === undefined ? undefined : refusal(name, String(headers[name]))
}

/** The answer of stores that do not know a header. */
export function notImplemented(name: string, value: string): Refusal {
  return { status: 501, Code: 'NotImplemented', Message: `Header '${name}' with value '${value}' not implemented` }
}
