import type { Params } from '../options/types.js'

/** The body of one attempt at a request, as far as the watch for a stall sees it. */
export interface AttemptBody {
  /** Whether the request has a connection. False, too, if that cannot be seen. */
  readonly hasSocket: boolean
  /** Whether all bytes were given to the request. S3 stores nothing of a body that arrives incomplete. */
  readonly isFullySent: boolean
  /**
   * Whether the rate limit holds the body back. Without a connection, a body waits for another one to free its
   * connection, and the limit may hold that one back.
   */
  readonly isHeldBack: boolean
  /** To be called when the request of this body is cancelled because it stalled. */
  requestStalled(): void
  /**
   * Ends the attempt and frees the part's memory, which the SDK's errors would otherwise keep alive through the
   * request. Ends the request if S3 refused it before its body was complete.
   */
  release(): void
}

/** The body of a PutObject or an UploadPart. */
export interface BodyToSend {
  body: Buffer
  /** The CRC-32 of `body`. */
  crc: number
  /** The checksum that an UploadPart was sent with, as parameters of the request; undefined before it is sent. */
  checksum?: Params
  /** Cancels the request. */
  signal: AbortSignal
  /**
   * Called when `bytes` more were given to the network; `sent` bytes of the current attempt have been given then.
   */
  onSent: (sent: number, bytes: number) => void
  /** Called when the operating system has all bytes of the current attempt. */
  onHandedOver?: () => void
  /** Called when S3 asks for a lower rate. */
  onSlowDown?: () => void
}
