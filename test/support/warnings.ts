import type { Test } from 'tap'

/** The process warnings that `isMeant` accepts, from now until the test ends. Node emits them in a later tick. */
export function processWarnings(t: Test, isMeant: (warning: Error) => boolean): Error[] {
  const warnings: Error[] = []
  const listener = (warning: Error): unknown => isMeant(warning) && warnings.push(warning)
  process.on('warning', listener)
  t.teardown(() => process.off('warning', listener))
  return warnings
}
