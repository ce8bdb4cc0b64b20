import { type Channel, channel, tracingChannel } from 'node:diagnostics_channel'
import { isDebugging, printMessage } from './debug.js'

/** The object that a message is about. */
export interface ObjectMessage {
  /** The bucket of the object. */
  Bucket: string
  /** The key of the object. */
  Key: string
  /** The multipart upload. Undefined for an object of one part, and until S3 has named the upload. */
  UploadId?: string | undefined
}

/** The message of the tracing channel `s3-writable:upload`: the same object from `start`, when the stream is made, to `asyncEnd`. */
export interface UploadMessage extends ObjectMessage {
  /** The stream's `result`. Undefined before `asyncStart`, and if the upload failed. */
  result?: object | undefined
  /** What the stream failed with. Of an error that is not an `S3WritableError`, a copy without secrets. */
  error?: unknown
}

/** The message of the tracing channel `s3-writable:request`: one attempt, the same object from `start` to `asyncEnd`. */
export interface RequestMessage extends ObjectMessage {
  /** S3's name of the operation, such as `UploadPart`. */
  operation: string
  /** The part that the request is about. */
  PartNumber?: number | undefined
  /** The number of this attempt at the request, from 1. */
  attempt: number
  /** The length of the request's body, in bytes. */
  bytes: number
  /** The HTTP status of the answer; undefined until it has come. */
  status?: number | undefined
  /** The code of S3's error, such as `SlowDown`, if the answer is one. */
  Code?: string | undefined
  /** Why no full answer came, or why it does not come from S3. A copy without secrets. */
  error?: unknown
}

/** The message of `s3-writable:retry`: an attempt begins that is not the first. */
export interface RetryMessage extends RequestMessage {
  /** How the attempt before this one failed. */
  previous: Pick<RequestMessage, 'status' | 'Code' | 'error'>
}

/** The message of `s3-writable:stall`: a request has stood still for `stallTimeout`, and was cancelled. */
export interface StallMessage extends Omit<RequestMessage, 'attempt' | 'bytes' | 'status' | 'Code' | 'error'> {
  /** The number of the attempt that was cancelled, from 1; 0 if the client had not sent one. */
  attempt: number
  /** How long the request stood still, in ms. */
  stallTimeout: number
}

/** The message of `s3-writable:skip`: a part is not sent, because an earlier stream has stored it. */
export interface SkipMessage extends ObjectMessage {
  /** The number of the part, from 1. */
  PartNumber: number
  /** The size of the part, in bytes. */
  bytes: number
}

/** The message of `s3-writable:clean-up`: a failed upload has been cleaned up. */
export interface CleanUpMessage extends ObjectMessage {
  /**
   * - `removed`: the upload and its parts
   * - `left`: the upload, because the caller asked for it
   * - `failed`: something may be left, and `cleanupError` says why
   * - `nothing`: this stream had no upload that could be removed
   * - `published`: S3 had already made the object
   */
  outcome: 'removed' | 'left' | 'failed' | 'nothing' | 'published'
  /** The number of parts that S3 had acknowledged. */
  parts: number
  /** The sizes of these parts together, in bytes. */
  bytes: number
  /** Why something may be left. */
  cleanupError?: Error | undefined
}

export const uploadChannel = tracingChannel<unknown, UploadMessage>('s3-writable:upload')
export const requestChannel = tracingChannel<unknown, RequestMessage>('s3-writable:request')
export const retryChannel = channel('s3-writable:retry')
export const stallChannel = channel('s3-writable:stall')
export const skipChannel = channel('s3-writable:skip')
export const cleanUpChannel = channel('s3-writable:clean-up')

if (isDebugging) {
  const startedAt = new WeakMap<object, number>()
  for (const [name, { start, asyncEnd }] of Object.entries({ upload: uploadChannel, request: requestChannel })) {
    start.subscribe((message) => startedAt.set(message as object, performance.now()))
    asyncEnd.subscribe((message) => {
      const ms = Math.round(performance.now() - (startedAt.get(message as object) as number))
      printMessage(name, { ...(message as object), ms })
    })
  }
  const channels = { retry: retryChannel, stall: stallChannel, skip: skipChannel, 'clean-up': cleanUpChannel }
  for (const [name, channel] of Object.entries(channels))
    channel.subscribe((message) => printMessage(name, message as object))
}

/** Publishes the message that `create` returns, which is called only if there is a subscriber. */
export function publish<Message extends object>(channel: Channel, create: () => Message): void {
  if (channel.hasSubscribers) channel.publish(create())
}
