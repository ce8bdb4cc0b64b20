/**
 * A callback of Node's streams.
 * @inline
 */
export type Callback = (error?: Error | null) => void

/** Calls back in a tick of its own, so that an exception of the callback does not become a rejection. */
export function callbackWhenSettled(promise: Promise<unknown>, callback: Callback): void {
  promise.then(
    () => process.nextTick(callback),
    (error) => process.nextTick(callback, error),
  )
}
