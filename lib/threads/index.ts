export type { ThreadedHandlerOptions } from './options.js'
export { ThreadedHandler } from './threaded-handler.js'
