/**
 * With `NODE_DEBUG=s3-writable`, prints what happens to standard error, one line for each message.
 * https://nodejs.org/api/util.html#utildebuglogsection-callback
 */
import { debuglog, inspect } from 'node:util'
import { describeCause } from '../errors/causes.js'
import { isError } from '../errors/redact.js'
import { cleanUpChannel, requestChannel, retryChannel, skipChannel, stallChannel, uploadChannel } from './channels.js'

const debug = debuglog('s3-writable')

if (debug.enabled) {
  const startedAt = new WeakMap<object, number>()
  for (const [name, { start, asyncEnd }] of Object.entries({ upload: uploadChannel, request: requestChannel })) {
    start.subscribe((message) => startedAt.set(message as object, performance.now()))
    asyncEnd.subscribe((message) => {
      const ms = Math.round(performance.now() - (startedAt.get(message as object) as number))
      print(name, { ...(message as object), ms })
    })
  }
  const channels = { retry: retryChannel, stall: stallChannel, skip: skipChannel, 'clean-up': cleanUpChannel }
  for (const [name, channel] of Object.entries(channels)) channel.subscribe((message) => print(name, message as object))
}

function print(name: string, message: object): void {
  const facts = Object.entries(message).filter(([, value]) => value !== undefined)
  debug('%s %s', name, facts.map(([key, value]) => `${key}=${inOneLine(value)}`).join(' '))
}

/** Quoted and escaped where it is a text, because a key may hold control characters. */
function inOneLine(value: unknown): string {
  const shown = isError(value) ? describeCause(value) : value
  return inspect(shown, { breakLength: Number.POSITIVE_INFINITY, compact: true })
}
