import { safeCause } from '../errors/redact.js'
import { publish, type RequestMessage, requestChannel, retryChannel, stallChannel } from './channels.js'

/** What a request is about. */
export type RequestFacts = Pick<RequestMessage, 'Bucket' | 'Key' | 'UploadId' | 'PartNumber' | 'operation'>

/** What is recorded of an attempt at a request and can be published. */
export interface TracedAttempt {
  /** The HTTP status of the answer; undefined if none arrived. */
  status?: number
  /** The error code in the body of the answer, such as `NoSuchUpload`; undefined if the body holds no S3 error. */
  Code?: string
  /** Why there is no answer, without secrets. Only known if a channel has a subscriber. */
  error?: unknown
  /** Whether the full answer arrived, to its last byte. */
  answered: boolean
  /** To be called when the rest of the answer has arrived, or with the error that broke it off. */
  onEnd?: (error: Error | null) => void
}

/** Publishes what happens to one request: each attempt, that it is repeated, and that it stalls. */
export class RequestTrace {
  readonly #facts: RequestFacts
  #attempts = 0
  /** The attempt before the current one. */
  #previous: Pick<TracedAttempt, 'status' | 'Code' | 'error'> = {}

  constructor(facts: RequestFacts) {
    this.#facts = facts
  }

  /**
   * Sends an attempt by `send`, and publishes it. `attempt` is the record that `send` fills in. Of an error only a copy
   * without secrets is published.
   */
  async attempt<Output>(
    attempt: TracedAttempt,
    bytes: number,
    secrets: Iterable<string>,
    send: () => Promise<Output>,
  ): Promise<Output> {
    this.#attempts++
    const { status, Code, error } = this.#previous
    this.#previous = attempt
    if (!requestChannel.hasSubscribers && !retryChannel.hasSubscribers) return await send()
    const message: RequestMessage = { ...this.#facts, attempt: this.#attempts, bytes }
    if (this.#attempts > 1) publish(retryChannel, () => ({ ...message, previous: { status, Code, error } }))
    return await new Promise<Output>((resolve, reject) => {
      const trace = async (): Promise<void> => {
        const ended = new Promise<Error | null>((end) => {
          attempt.onEnd = end
        })
        try {
          resolve(await send())
          // The client reads the body of a successful answer afterwards. S3 may take minutes to send that of Complete.
          const broken = attempt.answered ? null : await ended
          if (broken !== null) throw broken
        } catch (cause) {
          reject(cause)
          attempt.error = safeCause(cause, secrets)
          throw attempt.error
        } finally {
          Object.assign(message, { status: attempt.status, Code: attempt.Code })
        }
      }
      requestChannel.tracePromise(trace, message).catch(() => {})
    })
  }

  /** To be called when an attempt has stood still for `stallTimeout` ms. */
  stalled(stallTimeout: number): void {
    publish(stallChannel, () => ({ ...this.#facts, attempt: this.#attempts, stallTimeout }))
  }
}
