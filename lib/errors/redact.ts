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

/** What may stand between the name of a header and its value, in a request, a URL, JSON or a listing of an object. */
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
/** Values that are nobody's affair, in whatever text they stand. */
const SECRETS = [
  new RegExp(`((?:proxy-)?authorization${BETWEEN})[^\\n]+`, 'gi'),
  new RegExp(`((?:${NAMES.join('|')})${BETWEEN})[^\\s,;&"'<\\]]+`, 'gi'),
]

/** The SDK's advice to look at the answer, which is not taken over. */
const ADVICE = /\s*Deserialization error: to see the raw response.*$/m

/** A text without the values of secret headers, and without these secrets wherever they stand. */
export function withoutSecrets(text: unknown, secrets: Iterable<string> = []): string {
  const safe = withoutThese(String(text).replace(ADVICE, ''), secrets)
  return SECRETS.reduce((safe, secret) => safe.replace(secret, '$1[left out]'), safe)
}

export function withoutThese(text: string, secrets: Iterable<string>): string {
  return [...secrets].reduce((safe, secret) => safe.replaceAll(secret, '[left out]'), text)
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
export function safeCause(
  cause: unknown,
  secrets: Iterable<string> = [],
  copies = new Map<unknown, unknown>(),
): unknown {
  if (typeof cause === 'string') return withoutSecrets(cause, secrets)
  if (typeof cause !== 'object' || cause === null) return cause
  if (!isError(cause)) return nameOf(cause)
  // An error may be its own cause.
  if (copies.has(cause)) return copies.get(cause)
  const { name, message, stack, $metadata } = cause as Error & { $metadata?: Record<string, unknown> }
  const safe = (value: unknown): unknown => (typeof value === 'string' ? withoutSecrets(value, secrets) : value)
  const copy = new Error(withoutSecrets(message, secrets))
  copies.set(cause, copy)
  Object.setPrototypeOf(copy, Object.getPrototypeOf(cause))
  define(copy, 'name', safe(name), false)
  define(copy, 'stack', withoutSecrets(stack, secrets), false)
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

/** An object is named and never shown: what was thrown instead of an error may hold a secret. */
export function nameOf(value: unknown): string {
  return `an instance of ${Object(value).constructor?.name ?? 'Object'}`
}

function define(copy: Error, field: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(copy, field, { value, configurable: true, enumerable, writable: true })
}
