/** How an upload went. It is part of the result; if the stream fails, its error has the same as `stats`. */
export interface S3WritableStats {
  /** The time from the creation of the stream until S3 confirmed the object, or until the clean-up ended, in ms. */
  ms: number
  /**
   * The number of requests that were sent. Each attempt counts, the first one too. Requests that looked for an upload to
   * resume do not count.
   */
  requests: number
  /** The bytes of parts that were passed to the network again, because an attempt had failed. */
  resentBytes: number
  /** The most parts that were in flight at the same time; 1 if a single PutObject was sent. */
  concurrency: number
  /** The `maxSockets` of the client's agent, if it kept `concurrency: 'auto'` from sending more parts at the same time. */
  maxSockets?: number
}
