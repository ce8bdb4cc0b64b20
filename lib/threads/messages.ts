/** A request, as far as it can be handed to another thread. */
export interface RequestHead {
  method: string
  protocol: string
  hostname: string
  port?: number | undefined
  path: string
  query?: Record<string, unknown> | undefined
  fragment?: string | undefined
  username?: string | undefined
  password?: string | undefined
  headers: Record<string, string>
}

/** Bytes in memory that both threads share, and how they are cut into slices. */
export interface SharedBytes {
  /** A view of a SharedArrayBuffer. */
  bytes: Uint8Array
  /** The state of the upload's `SliceSize`, shared too. */
  sliceState: Int32Array
  /** The largest slice under a rate limit; undefined without one. */
  maxSlice: number | undefined
}

/** A body that fits one message, one in shared memory, or one that follows in chunks. */
export type MessageBody = { all: Uint8Array | string | undefined } | { shared: SharedBytes } | { chunks: true }

/** What the caller's thread says. `id` is the request that the message is about. */
export type ToThread =
  /** Send a request. */
  | { do: 'begin'; id: number; head: RequestHead; body: MessageBody; requestTimeout: number | undefined }
  /** End the request. */
  | { do: 'cancel'; id: number }
  /** The next chunk of the body; undefined at its end. */
  | { do: 'chunk'; id: number; chunk: Uint8Array | string | undefined }
  /** The slice that the thread asked for may be sent. */
  | { do: 'grant'; id: number }
  /** Send the next chunk of the answer. */
  | { do: 'read'; id: number }
  /** So many bytes of shared memory will not be used again. */
  | { do: 'forget'; bytes: number }
  /** A setting of the request handler has changed. */
  | { do: 'configure'; key: string; value: unknown }

/** What the thread says of a request. */
export type FromThread = { id: number } & (
  | { is: 'connected' }
  /** So many bytes more of a shared body were given to the network. */
  | { is: 'gave'; bytes: number }
  /** The operating system has all bytes of a shared body. */
  | { is: 'handed over' }
  /** A shared body waits until it may send so many bytes. */
  | { is: 'asking'; bytes: number }
  /** The body's next chunk is wanted. */
  | { is: 'pulling' }
  /** The head of the answer. With `isAll`, the answer has no body, and the request has ended. */
  | { is: 'answered'; statusCode: number; reason: string | undefined; headers: Record<string, string>; isAll: boolean }
  | { is: 'chunk'; chunk: Uint8Array }
  /** The answer has ended, and with it the request. */
  | { is: 'ended'; trailers: Record<string, string | undefined> }
  /** The request has failed, before or during its answer. */
  | { is: 'failed'; error: PlainError }
  | { is: 'warning'; text: string }
)

/** An error as a plain object, because a message keeps neither the code nor the name of an error. */
export interface PlainError {
  name: string
  message: string
  stack: string | undefined
  /** The other properties that a message can carry, such as `code`. */
  properties: Record<string, unknown>
  cause?: PlainError
  errors?: PlainError[]
}

/** How deep the causes of an error are followed. */
const MAX_DEPTH = 5

export function toPlainError(thrown: unknown, depth = 0): PlainError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), stack: undefined, properties: {} }
  const { name, message, stack, cause, errors, ...others } = thrown as Error & { errors?: unknown }
  const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)
  return {
    name,
    message,
    stack,
    properties: Object.fromEntries(Object.entries(others).filter(([, value]) => isPlain(value))),
    ...(cause === undefined || depth === MAX_DEPTH ? {} : { cause: toPlainError(cause, depth + 1) }),
    ...(Array.isArray(errors) && depth < MAX_DEPTH
      ? { errors: errors.map((error) => toPlainError(error, depth + 1)) }
      : {}),
  }
}

/** An error with the same name, message, stack and properties. */
export function toError({ name, message, stack, properties, cause, errors }: PlainError): Error {
  const error =
    errors === undefined
      ? new Error(message)
      : new AggregateError(
          errors.map((error) => toError(error)),
          message,
        )
  if (cause !== undefined)
    Object.defineProperty(error, 'cause', { value: toError(cause), configurable: true, writable: true })
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return Object.assign(error, properties)
}
