import { inspect } from 'node:util'
import { describeClass, isError, redactHeaders, safeCause } from './redact.js'

/** The fields of the SDK's exceptions that are read here. Checked by shape, since two versions of the SDK may be installed. */
export interface ServiceException {
  name?: string
  message?: string
  code?: string
  errors?: { message?: unknown }[]
  /** Whether S3's answer is a client error or a server error. Absent if no complete answer arrived. */
  $fault?: 'client' | 'server'
  $metadata?: {
    httpStatusCode?: number
    attempts?: number
    requestId?: string
  }
}

/** The HTTP status of S3's answer to a failed request; undefined where no complete answer arrived. */
export function answeredStatus(error: unknown): number | undefined {
  const { $fault, $metadata } = ((error as Error | null)?.cause ?? {}) as ServiceException
  return $fault === undefined ? undefined : $metadata?.httpStatusCode
}

/** Whether S3 answered every attempt at the request, so that it will not carry the request out later. */
export function wasAnswered(error: unknown): boolean {
  // An error without a cause is one that this module raised itself, about an answer.
  const { cause, $metadata } = error as ServiceException & { cause?: unknown }
  if (cause === undefined) return true
  // Only the last one of several attempts is known to have been answered.
  return answeredStatus(error) !== undefined && !(Number($metadata?.attempts) > 1)
}

/** Request Timeout and Too Many Requests ask the client to try again. */
const RETRYABLE = [408, 429]
const NOT_IMPLEMENTED = 501

/** Whether S3 refused the request for good. A server error or a missing answer leaves open what S3 did. */
export function isRefused(error: unknown): boolean {
  // An error without a cause is one that this module raised itself: sending the request again does not help.
  if (Object(error).cause === undefined) return true
  const status = answeredStatus(error) ?? 500
  return status === NOT_IMPLEMENTED || (status < 500 && !RETRYABLE.includes(status))
}

/** Whether S3 answered that there is no such upload. Ceph answers NoSuchKey. */
export function isUploadNotFound(error: unknown): boolean {
  const { name, $metadata } = error as ServiceException
  return name === 'NoSuchUpload' || (name === 'NoSuchKey' && $metadata?.httpStatusCode === 404)
}

/** Why a request failed, in one line: `AccessDenied: Access Denied. (HTTP 403, request 18…, 3 attempts)`. */
export function describeCause(cause: unknown): string {
  if (typeof cause === 'object' && cause !== null && !isError(cause)) return describeClass(cause)
  if (!isError(cause)) return inspect(safeCause(cause))
  const { $metadata: meta = {}, errors, code } = cause as ServiceException
  // A connection that failed over both IPv4 and IPv6 gives an AggregateError, whose own message is empty.
  const joined = Array.isArray(errors) ? errors.map((error) => String(error?.message ?? error)).join('; ') : ''
  const message = cause.message || joined || code || 'no message'
  const facts = [
    meta.httpStatusCode === undefined ? '' : `HTTP ${meta.httpStatusCode}`,
    meta.requestId === undefined ? '' : `request ${meta.requestId}`,
    (meta.attempts ?? 1) > 1 ? `${meta.attempts} attempts` : '',
  ].filter((fact) => fact !== '')
  // Ceph sends a code without a message, for which the SDK puts UnknownError; rclone repeats the code as its message.
  const said = [cause.name, 'UnknownError'].includes(message) ? '' : `: ${redactHeaders(message).trimEnd()}`
  return `${cause.name}${said}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`
}

/** Appends a sentence to the error's message, and to its stack too, because most programs print the stack. */
export function addToMessage<E extends Error>(error: E, sentence: string): E {
  const { message, stack = '' } = error
  const longer = `${message}. ${sentence}`
  return Object.assign(error, { message: longer, stack: stack.replace(message, () => longer) })
}
