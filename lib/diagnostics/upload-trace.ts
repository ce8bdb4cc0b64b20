import { AsyncResource } from 'node:async_hooks'
import { withoutSecrets } from '../errors/s3-writable-error.js'
import { type UploadMessage, uploadChannel } from './channels.js'

/** How an upload has ended. */
export interface UploadOutcome {
  UploadId?: string | undefined
  result?: (object & { SSECustomerKeyMD5?: string | undefined }) | undefined
  error?: unknown
}

/** Publishes the life of one upload. */
export class UploadTrace {
  /** Undefined if nobody listened when the upload began. */
  readonly #message: UploadMessage | undefined
  /** The context in which the upload was begun, with what subscribers have bound to it. */
  #context: AsyncResource | undefined

  constructor(Bucket: string, Key: string) {
    this.#message = uploadChannel.hasSubscribers ? { Bucket, Key } : undefined
  }

  /** What `create` returns, which runs in the context that subscribers bind to the channel `start`. */
  begin<Upload>(create: () => Upload): Upload {
    if (this.#message === undefined) return create()
    const created: Upload[] = []
    uploadChannel.traceSync(() => {
      this.#context = new AsyncResource('S3Writable')
      created.push(create())
    }, this.#message)
    return created[0] as Upload
  }

  /** What `run` returns, which runs in the context of `begin`. */
  inContext<Output>(run: () => Output): Output {
    return this.#context === undefined ? run() : this.#context.runInAsyncScope(run)
  }

  /** To be called once the upload has ended. Of an error that is not ours, and may hold a secret, a copy is published. */
  end({ UploadId, result, error }: UploadOutcome): void {
    const message = this.#message
    if (message === undefined) return
    const { SSECustomerKeyMD5: _, ...published } = result ?? {}
    Object.assign(message, { UploadId, result: result && published })
    if (error !== undefined) {
      message.error = withoutSecrets(error)
      uploadChannel.error.publish(message)
    }
    uploadChannel.asyncStart.publish(message)
    uploadChannel.asyncEnd.publish(message)
  }
}
