import { inspect } from 'node:util'
import { describeClass } from './redact.js'

type ArgumentErrorCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE'

/**
 * The error for a wrong option, in Node's own words: what was expected, and what was received. Pass `describeType(value)`
 * as `received` where the value may be a secret.
 * https://nodejs.org/api/errors.html#err_invalid_arg_type
 */
export function invalidOption(
  code: ArgumentErrorCode,
  name: string,
  expected: string,
  value: unknown,
  received = describe(value),
): Error {
  const message = `The "${name}" option must be ${expected}. Received ${received}`
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}

function describe(value: unknown): string {
  const type = describeType(value)
  return type.startsWith('type ') ? `${type} (${inspect(value, { maxStringLength: 25 })})` : type
}

/** The type of a value, without the value: an object that was passed instead of a client may hold a secret. */
export function describeType(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'object') return describeClass(value)
  return `type ${typeof value}`
}
