import { isNativeError } from 'node:util/types'

/** Fields of an error that explain it and never hold a secret. */
const KEPT = ['code', 'errno', 'syscall', 'address', 'port', 'hostname', '$fault'] as const
const KEPT_METADATA = [
  'httpStatusCode',
  'requestId',
  'extendedRequestId',
  'cfId',
  'attempts',
  'totalRetryDelay',
] as const

/** What separates a header's name from its value, in a request, a URL, JSON or the output of `util.inspect`. */
const BETWEEN = '["\']?\\s*[:=>]\\s*[["\'\\s]*'
const NAMES = [
  'x-amz-security-token',
  'x-amz-s3session-token',
  'x-amz-server-side-encryption(?:-copy-source)?-customer-key(?:-md5)?',
  'signature',
  'session-?token',
  'secret-?access-?key',
  'sse-?customer-?key',
]
/** Headers and fields with secret values, in any text. */
const SECRETS = [
  new RegExp(`((?:proxy-)?authorization${BETWEEN})[^\\n]+`, 'gi'),
  new RegExp(`((?:${NAMES.join('|')})${BETWEEN})[^\\s,;&"'<\\]]+`, 'gi'),
]

/** The SDK's advice to inspect the response. The response is not copied, so the advice is removed. */
const ADVICE = /\s*Deserialization error: to see the raw response.*$/m

/** The text without the values of secret headers, and without any of `secrets`. */
export function redactHeaders(text: unknown, secrets: Iterable<string> = []): string {
  const safe = redactValues(String(text).replace(ADVICE, ''), secrets)
  return SECRETS.reduce((safe, secret) => safe.replace(secret, '$1[redacted]'), safe)
}

export function redactValues(text: string, secrets: Iterable<string>): string {
  return [...secrets].reduce((safe, secret) => safe.replaceAll(secret, '[redacted]'), text)
}

/** Also true for an error of another realm (a test runner's, for example), for which `instanceof` is false. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || isNativeError(value)
}

/**
 * A copy of what a client threw, of the same class, that holds no secrets. S3 echoes the canonical request where a signature
 * is wrong and the session token where that is wrong, and the SDK attaches the whole response to the exception. So only
 * fields that are known to be harmless are copied, at every depth of `cause` and `errors`.
 */
export function safeCause(
  cause: unknown,
  secrets: Iterable<string> = [],
  copies = new Map<unknown, unknown>(),
): unknown {
  if (typeof cause === 'string') return redactHeaders(cause, secrets)
  if (typeof cause !== 'object' || cause === null) return cause
  if (!isError(cause)) return describeClass(cause)
  // An error may be its own cause, directly or through others.
  if (copies.has(cause)) return copies.get(cause)
  const { name, message, stack, $metadata } = cause as Error & { $metadata?: Record<string, unknown> }
  const safe = (value: unknown): unknown => (typeof value === 'string' ? redactHeaders(value, secrets) : value)
  const copy = new Error(redactHeaders(message, secrets))
  copies.set(cause, copy)
  Object.setPrototypeOf(copy, Object.getPrototypeOf(cause))
  define(copy, 'name', safe(name), false)
  define(copy, 'stack', redactHeaders(stack, secrets), false)
  const fields = cause as unknown as Record<string, unknown>
  for (const field of KEPT) if (field in cause) define(copy, field, safe(fields[field]), true)
  if ($metadata !== undefined) {
    const known = KEPT_METADATA.filter((field) => $metadata[field] !== undefined)
    define(copy, '$metadata', Object.fromEntries(known.map((field) => [field, safe($metadata[field])])), true)
  }
  if (cause.cause !== undefined) define(copy, 'cause', safeCause(cause.cause, secrets, copies), false)
  if (Array.isArray(fields.errors)) {
    const errors = fields.errors.map((error) => safeCause(error, secrets, copies))
    define(copy, 'errors', errors, false)
  }
  return copy
}

/** Names the class of a value without showing the value: an object that was thrown instead of an error may hold a secret. */
export function describeClass(value: unknown): string {
  return `an instance of ${Object(value).constructor?.name ?? 'Object'}`
}

function define(copy: Error, field: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(copy, field, { value, configurable: true, enumerable, writable: true })
}
