import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Test } from 'tap'

/** One message of a diagnostics channel, as it was when it was published. */
export interface Published {
  /** Such as `retry`, or `request asyncEnd` for an event of a tracing channel. */
  channel: string
  message: Record<string, unknown>
}

const TRACED = ['upload', 'request'].flatMap((name) =>
  ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((event) => [
    `tracing:s3-writable:${name}:${event}`,
    name,
    event,
  ]),
)
const PLAIN = ['retry', 'stall', 'skip', 'clean-up'].map((name) => [`s3-writable:${name}`, name])

/** Records all messages of all channels until the test ends. */
export function recordMessages(t: Pick<Test, 'teardown'>): Published[] {
  const published: Published[] = []
  for (const [channel = '', ...names] of [...TRACED, ...PLAIN]) {
    const record = (message: unknown): void => {
      published.push({ channel: names.join(' '), message: { ...(message as object) } })
    }
    subscribe(channel, record)
    t.teardown(() => unsubscribe(channel, record))
  }
  return published
}
