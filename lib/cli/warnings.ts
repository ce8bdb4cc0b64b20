const NODE_VERSION = /^Node\w*Warning: The AWS SDK for JavaScript/

/**
 * Drops the SDK's warning of a version of Node that a later SDK will not support, and no other: who runs a command did not
 * choose its SDK. It comes at each run, when the first client is made.
 */
export function withoutNodeVersionWarning(): void {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (!NODE_VERSION.test(String(warning))) Reflect.apply(emitWarning, process, [warning, ...rest])
  }
}
