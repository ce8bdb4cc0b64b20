import { debuglog, inspect } from 'node:util'
import { describeCause } from '../errors/causes.js'

/** The fields of messages that hold an error. */
const ERRORS = ['error', 'cleanupError']
const debug = debuglog('s3-writable')

/** Whether `NODE_DEBUG=s3-writable` asks to print what happens. https://nodejs.org/api/util.html#utildebuglogsection-callback */
export const isDebugging = debug.enabled

/** Prints a message to standard error, in one line. */
export function printMessage(name: string, message: object): void {
  const facts = Object.entries(inShort(message)).map(([key, value]) => `${key}=${inspect(value, IN_ONE_LINE)}`)
  debug('%s %s', name, facts.join(' '))
}

/** Quotes and escapes texts, because a key may hold control characters. */
const IN_ONE_LINE = { breakLength: Number.POSITIVE_INFINITY, compact: true }

/** The message without what is undefined, with one line for each error, and with what matters of the result. */
function inShort(message: object): object {
  const fields: [string, unknown][] = []
  for (const [key, value] of Object.entries(message)) {
    if (value === undefined) continue
    if (ERRORS.includes(key)) fields.push([key, describeCause(value)])
    else if (key === 'previous') fields.push([key, inShort(value)])
    else if (key === 'result') fields.push([key, inShort(shortResult(value))])
    else fields.push([key, value])
  }
  return Object.fromEntries(fields)
}

function shortResult({ ETag, VersionId, size, parts, stats }: Record<string, unknown>): object {
  return { ETag, VersionId, size, parts, stats }
}
