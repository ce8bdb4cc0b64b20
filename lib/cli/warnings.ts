const NODE_VERSION = /^Node\w*Warning: The AWS SDK for JavaScript/

/**
 * Drops only the SDK's warning that a later SDK will not support this version of Node. The SDK emits it on every run,
 * when the first client is made, and the user of a command did not choose its SDK.
 */
export function withoutNodeVersionWarning(): void {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (!NODE_VERSION.test(String(warning))) Reflect.apply(emitWarning, process, [warning, ...rest])
  }
}
