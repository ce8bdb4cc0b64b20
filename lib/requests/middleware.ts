import { hashInTurns, MAX_HASH_INPUT } from '../checksums/hash.js'
import { type Attempt, type HttpAnswer, isSlowDown, type ReadOptions, readAnswer } from './answer.js'
import type { AttemptBody } from './body.js'
import { SharedBody } from './shared-body.js'
import { FIRST_SLICE, SlicedBody, type SliceSize } from './sliced-body.js'

/** How the body of a command is sent. */
export interface BodyHooks {
  /** Shared by all bodies of one upload, and with it their rate limit. */
  sliceSize: SliceSize
  /** Called when `bytes` more were given to the network; `sent` bytes of the current attempt have been given then. */
  onSent: (sent: number, bytes: number) => void
  /** Called when the operating system has all bytes of the current attempt. */
  onHandedOver: (() => void) | undefined
  /** Called when S3 asks for a lower rate. */
  onSlowDown: (() => void) | undefined
  /**
   * Called at the beginning of each attempt with the body that it sends. Not called for a body that is not sliced,
   * because it is small and there is no rate limit.
   */
  onSlicedBody: (body: AttemptBody) => void
  /** Whether to leave the body out of the signature. By default over https only. */
  unsignedPayload: boolean | undefined
  /** Whether the upload declared a checksum; if not, its bodies must not carry one. */
  hasChecksum: boolean
  /**
   * Called again and again while a body over 2 GiB is hashed for its signature. If it throws, hashing ends with its
   * error.
   */
  onHashing: () => void
  /** Called with the URL of the request, without its query. */
  onUrl: (url: string) => void
}

/** How every attempt at a command is sent, and how its answer is read. */
export interface AttemptHooks {
  /**
   * Called before each attempt, with the secrets in its headers and its protocol, such as `https:`. Returns the record of
   * the attempt; throws if no more attempts may begin.
   */
  onAttempt: (secrets: string[], protocol: string) => Attempt
  /** Sends the attempt by `send`. `bytes` is the length of its body. */
  trace: (attempt: Attempt, bytes: number, send: () => Promise<Result>) => Promise<Result>
  answer: ReadOptions
  /** Undefined for a command without a body. */
  body?: BodyHooks | undefined
}

/** The SDK's `HttpRequest`, by shape, since two versions of the SDK may be installed. */
interface HttpRequest {
  method: string
  protocol: string
  hostname: string
  port?: number
  path: string
  headers: Record<string, string>
  body?: unknown
}
interface Args {
  request: HttpRequest
}
const PAYLOAD_HASH = 'x-amz-content-sha256'
/** Headers whose values a store, or a proxy in front of it, might repeat in an error message. */
const SECRET_HEADERS = new Set([
  'authorization',
  'x-amz-security-token',
  'x-amz-s3session-token',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-copy-source-server-side-encryption-customer-key',
])
const CHECKSUM = /^x-amz-(sdk-)?checksum-/i
/** Behind the SDK's retries and its signature, so that the middleware runs once for each attempt. */
const INNERMOST = { step: 'deserialize', priority: 'low' }
/** Codes of errors after which no byte has left this machine. */
const NO_CONNECTION = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']
/**
 * Codes of a certificate that was refused. Node then closes the connection before it writes the request.
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const BAD_CERTIFICATE = [
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
]
/** The message for a server that answers the beginning of a TLS handshake in plain text. */
const NO_TLS = /^write EPROTO .*wrong version number/
/** What the SDK's request handler resolves with. */
export type Result = { response: HttpAnswer }
type Next = (args: Args) => Promise<Result>
type Middleware = (next: Next) => Next
interface Command {
  middlewareStack: { add(middleware: Middleware, where: object): void }
}

/**
 * Adds middleware to this one command; other commands of the client are not changed. It records every attempt and how
 * much of its answer arrived, and limits the size of the answer. For a command with a body, it also
 * - removes `Expect: 100-continue`, because the SDK opens a new connection for each request that has it;
 * - removes a checksum that the upload did not declare, because the SDK adds one by default;
 * - replaces the SHA-256 of the body by `UNSIGNED-PAYLOAD` where it need not be signed, and computes it in turns with
 *   the event loop where the body is too large for the SDK;
 * - sends the body in slices, behind the SDK's retries and its signature, for which the body must be one Buffer.
 *
 * https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/CLIENTS.md#middleware-stack
 */
export function addMiddleware<C extends object>(command: C, hooks: AttemptHooks): C {
  const { middlewareStack } = command as unknown as Command
  const { body } = hooks
  if (body !== undefined)
    middlewareStack.add(prepareBody(body), { step: 'build', priority: 'low', name: 's3WritablePrepare' })
  middlewareStack.add(recordAttempt(hooks), { ...INNERMOST, name: 's3WritableAttempt' })
  return command
}

/** Runs once for a command, before it is signed. */
function prepareBody({ unsignedPayload, hasChecksum, onHashing, onUrl }: BodyHooks): Middleware {
  return (next) => async (args) => {
    const { headers, protocol, hostname, port, path, body } = args.request
    delete headers.Expect
    if (!hasChecksum) for (const name of Object.keys(headers)) if (CHECKSUM.test(name)) delete headers[name]
    if (unsignedPayload ?? protocol === 'https:') headers[PAYLOAD_HASH] = 'UNSIGNED-PAYLOAD'
    else if (body instanceof Uint8Array && body.length > MAX_HASH_INPUT)
      headers[PAYLOAD_HASH] = (await hashInTurns('sha256', body, onHashing)).digest('hex')
    onUrl(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`)
    return await next(args)
  }
}

/** Runs once for each attempt. */
function recordAttempt({ onAttempt, trace, answer, body }: AttemptHooks): Middleware {
  return (next) => async (args) => {
    const { headers, protocol } = args.request
    const attempt = onAttempt(secretsIn(headers), protocol)
    return await trace(attempt, Number(headers['content-length'] ?? 0), () => send(next, args, attempt, answer, body))
  }
}

async function send(next: Next, args: Args, attempt: Attempt, answer: ReadOptions, body?: BodyHooks): Promise<Result> {
  const request = body === undefined ? args.request : withSlicedBody(args.request, body)
  let result: Result
  try {
    result = await next({ ...args, request })
  } catch (error) {
    attempt.wasNotSent =
      hasNoConnection(error as NodeJS.ErrnoException) ||
      (request.body as AttemptBody | undefined)?.isFullySent === false
    throw error
  }
  try {
    await readAnswer(result.response, attempt, answer)
  } finally {
    if (isSlowDown(attempt)) body?.onSlowDown?.()
  }
  return result
}

function hasNoConnection({ code = '', message }: NodeJS.ErrnoException): boolean {
  return NO_CONNECTION.includes(code) || BAD_CERTIFICATE.includes(code) || NO_TLS.test(message)
}

/** The values of secret headers, and besides the signature in `Authorization` by itself. */
function secretsIn(headers: HttpRequest['headers']): string[] {
  const secrets: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    const lowerCase = name.toLowerCase()
    if (SECRET_HEADERS.has(lowerCase)) secrets.push(value)
    if (lowerCase === 'authorization') secrets.push(value.replace(/^.*Signature=/, ''))
  }
  return secrets.filter((secret) => secret !== '')
}

function withSlicedBody(request: HttpRequest, hooks: BodyHooks): HttpRequest {
  const { body } = request
  const { sliceSize, onSent, onHandedOver, onSlicedBody } = hooks
  if (!(body instanceof Uint8Array)) return request
  // The size of the memory counts, not that of the body: a short last part may be a view of a large buffer, which only
  // `SlicedBody` frees.
  if (body.buffer.byteLength <= FIRST_SLICE && (sliceSize.rateLimit === undefined || body.length === 0)) {
    onSent(body.length, body.length)
    return request
  }
  // Only a request handler that takes a `SharedBody` provides such memory.
  const Body = body.buffer instanceof SharedArrayBuffer ? SharedBody : SlicedBody
  const slicedBody = new Body(body, sliceSize, onSent, onHandedOver)
  onSlicedBody(slicedBody)
  return { ...request, body: slicedBody }
}
