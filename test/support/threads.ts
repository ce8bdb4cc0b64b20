import type { S3ClientConfig } from '@aws-sdk/client-s3'

const { TEST_THREADS, TEST_WORKER } = process.env
/** The compiled one, and only where it is used: coverage counts the source. */
const threads = TEST_THREADS === undefined ? undefined : await import('s3-writable/threads')

/**
 * The configuration of a client. With `TEST_THREADS=N` it sends its requests from N threads, unless the test has a request
 * handler of its own. `TEST_WORKER` is the program of the threads then.
 */
export function withThreads(config: S3ClientConfig): S3ClientConfig {
  const { requestHandler } = config
  if (threads === undefined || (requestHandler !== undefined && 'handle' in requestHandler)) return config
  const worker = TEST_WORKER === undefined ? undefined : new URL(TEST_WORKER)
  return {
    ...config,
    requestHandler: new threads.ThreadedHandler({ threads: Number(TEST_THREADS), worker, ...requestHandler }),
  }
}
