import { type UploadMessage, uploadChannel } from './channels.js'

/** Publishes the life of one upload. */
export class UploadTrace {
  /** Undefined if nobody listened when the upload began. */
  readonly #message: UploadMessage | undefined

  constructor(Bucket: string, Key: string) {
    this.#message = uploadChannel.hasSubscribers ? { Bucket, Key } : undefined
  }

  /** What `create` returns, which runs in the context that subscribers bind to the channel `start`. */
  begin<Upload>(create: () => Upload): Upload {
    if (this.#message === undefined) return create()
    const created: Upload[] = []
    uploadChannel.traceSync(() => void created.push(create()), this.#message)
    return created[0] as Upload
  }

  /** To be called once the upload has ended. */
  end(outcome: Omit<UploadMessage, 'Bucket' | 'Key'>): void {
    const message = this.#message
    if (message === undefined) return
    Object.assign(message, outcome)
    if (outcome.error !== undefined) uploadChannel.error.publish(message)
    uploadChannel.asyncStart.publish(message)
    uploadChannel.asyncEnd.publish(message)
  }
}
