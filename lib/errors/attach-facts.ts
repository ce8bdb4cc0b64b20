/** Adds facts to the error that the caller gets, which is always the first failure. */
export function attachFacts(error: Error, facts: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(facts)) {
    // The error of a source may have statistics of its own.
    if (value === undefined || (name === 'stats' && Object(error).stats !== undefined)) continue
    // The error of a source may be any value, even a frozen object.
    Reflect.defineProperty(Object(error), name, { value, configurable: true, enumerable: true, writable: true })
  }
}
