/** What a check says when a fact does not hold. It is one line, because it becomes a line of the report. */
export function equal(actual: unknown, expected: unknown, name: string): void {
  if (!Object.is(actual, expected)) {
    throw new Error(`${name} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`)
  }
}

export function ok(value: unknown, message: string): asserts value {
  if (!value) throw new Error(message)
}

/** The error that the promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Failure> {
  const outcome = await settled(promise)
  if (outcome.error === undefined) throw new Error('it did not fail')
  return outcome.error
}

/** What a failed upload rejects with: an error of the stream, of the SDK or of the source. */
export interface Failure extends Error {
  code?: string
  UploadId?: string
  cleanupError?: unknown
  $metadata?: { httpStatusCode?: number }
}

/** How a promise ended. */
export async function settled(promise: Promise<unknown>): Promise<{ error?: Failure }> {
  return await promise.then(
    () => ({}),
    (error: unknown) => ({ error: error instanceof Error ? error : new Error(String(error)) }),
  )
}

/** An error, or none, in one line. */
export function inOneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { name, message, code, $metadata, cleanupError }: Failure = error
  const status = $metadata?.httpStatusCode === undefined ? '' : ` [${$metadata.httpStatusCode}]`
  const cleanUp = cleanupError === undefined ? '' : ` (clean-up: ${inOneLine(cleanupError)})`
  const what = [code, name === 'Error' ? undefined : name].filter(Boolean).join(' ')
  return `${what}${what && ': '}${String(message).replaceAll(/\s+/g, ' ').slice(0, 400)}${status}${cleanUp}`
}
