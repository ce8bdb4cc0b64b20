/** The body of a PutObject or an UploadPart. */
export interface BodyToSend {
  body: Buffer
  /** The CRC-32 of `body`. */
  crc: number
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
