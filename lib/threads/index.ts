/**
 * A request handler for the clients of the AWS SDK, whose connections live in worker threads.
 * @module s3-writable/threads
 */
export type { ThreadedHandlerOptions } from './options.js'
export { ThreadedHandler } from './threaded-handler.js'
