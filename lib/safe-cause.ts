import { isNativeError } from 'node:util/types'

/** What of an error tells what went wrong, and holds no secret. */
const KEPT = ['code', 'errno', 'syscall', 'address', 'port', 'hostname', '$fault'] as const
const KEPT_METADATA = [
  'httpStatusCode',
  'requestId',
  'extendedRequestId',
  'cfId',
  'attempts',
  'totalRetryDelay',
] as const

/** The value of a header that is nobody's affair, in whatever text: of a request, of a canonical request, of a URL. */
const SECRETS = [
  /((?:proxy-)?authorization["']?\s*[:=]\s*)[^\n]+/gi,
  /(x-amz-(?:security-token|server-side-encryption(?:-copy-source)?-customer-key(?:-md5)?)["']?\s*[:=]\s*)[^\s,;&"'<]+/gi,
  /(x-amz-s3session-token["']?\s*[:=]\s*)[^\s,;&"'<]+/gi,
  /(signature["']?\s*[:=]\s*)[^\s,;&"'<]+/gi,
]

/** An error may be its own cause. */
const DEPTH = 10

/** The SDK's advice to look at the answer, which is not taken over. */
const ADVICE = /\s*Deserialization error: to see the raw response.*$/m

/** A text without the values of secret headers. */
export function withoutSecrets(text: string): string {
  return SECRETS.reduce((text, secret) => text.replace(secret, '$1[left out]'), text.replace(ADVICE, ''))
}

/** Also of another realm, such as a test runner's, where `instanceof` says no. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || isNativeError(value)
}

/**
 * A copy of what a client threw, with what may be shown. S3 echoes the canonical request where a signature is wrong, the
 * session token where that is, and the SDK puts the whole answer on the exception; so only what is known to be harmless is
 * taken over, at every depth. It is an instance of the same class.
 */
export function safeCause(cause: unknown, depth = 0): unknown {
  if (typeof cause === 'string') return withoutSecrets(cause)
  if (typeof cause !== 'object' || cause === null) return cause
  if (!isError(cause) || depth > DEPTH) return nameOf(cause)
  const { name, message, stack, $metadata } = cause as Error & { $metadata?: Record<string, unknown> }
  const copy = new Error(withoutSecrets(String(message)))
  Object.setPrototypeOf(copy, Object.getPrototypeOf(cause))
  define(copy, 'name', name)
  define(copy, 'stack', withoutSecrets(String(stack)))
  for (const field of KEPT) if (field in cause) show(copy, field, (cause as unknown as Record<string, unknown>)[field])
  if ($metadata !== undefined) show(copy, '$metadata', safeMetadata($metadata))
  if (cause.cause !== undefined) define(copy, 'cause', safeCause(cause.cause, depth + 1))
  const { errors } = cause as AggregateError
  if (Array.isArray(errors))
    define(
      copy,
      'errors',
      errors.map((error) => safeCause(error, depth + 1)),
    )
  return copy
}

/** Numbers and short texts of the SDK's about a request and its answer. */
function safeMetadata($metadata: Record<string, unknown>): Record<string, unknown> {
  const known = KEPT_METADATA.filter((field) => $metadata[field] !== undefined)
  return Object.fromEntries(known.map((field) => [field, $metadata[field]]))
}

/** An object is named and never shown: what was thrown instead of an error may hold a secret. */
export function nameOf(value: unknown): string {
  return `an instance of ${Object(value).constructor?.name ?? 'Object'}`
}

function define(copy: Error, field: string, value: unknown): void {
  Object.defineProperty(copy, field, { value, configurable: true, enumerable: false, writable: true })
}

function show(copy: Error, field: string, value: unknown): void {
  Object.defineProperty(copy, field, { value, configurable: true, enumerable: true, writable: true })
}
