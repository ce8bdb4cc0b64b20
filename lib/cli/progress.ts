import type { S3Writable, S3WritableProgress } from '../index.js'
import { formatBytes, formatDuration, plural } from './format.js'
import { type Producer, readToEnd } from './producer.js'
import { showStatusLine } from './status-line.js'

/** Whether standard error is a terminal that can redraw a line. */
export function canShowProgress(): boolean {
  return process.stderr.isTTY && process.env.TERM !== 'dumb'
}

/**
 * Shows the progress in a line on standard error, and copies the producer's standard error above it. Returns a function
 * that resolves when all of the producer's standard error has been written and the line is removed.
 * @param total the expected size in bytes; undefined if it is unknown
 */
export function showProgress(
  upload: S3Writable,
  { output, stderr }: Producer,
  total: number | undefined,
): () => Promise<void> {
  const start = performance.now()
  let latest: S3WritableProgress = { loaded: 0, sent: 0, parts: 0 }
  upload.on('progress', (progress) => {
    latest = progress
  })
  // A producer asks for its password, if at all, before its first byte, and often on the terminal itself, where the
  // line would overwrite the question.
  const fields = (): string[] => (output.readableDidRead ? formatProgress(latest, total, start) : [])
  const line = showStatusLine(process.stderr, fields)
  stderr?.on('data', line.copy)
  return async () => {
    if (stderr !== undefined) await readToEnd(stderr)
    line.remove()
  }
}

/** The fields of the progress line. `start` is the time of the first byte, as `performance.now()` gives it. */
export function formatProgress(
  { sent, parts, skipped = 0 }: S3WritableProgress,
  total: number | undefined,
  start: number,
): string[] {
  const ms = performance.now() - start
  const rate = (sent - skipped) / (ms / 1000)
  const msLeft = total === undefined || rate === 0 ? undefined : Math.max(0, total - sent) / (rate / 1000)
  return [
    total === undefined ? formatBytes(sent) : `${formatBytes(sent)} of ${formatBytes(total)}`,
    `${formatBytes(Math.round(rate))}/s`,
    ...(msLeft === undefined ? [] : [`${formatDuration(msLeft)} left`]),
    `${plural(parts, 'part')} stored`,
    ...(skipped === 0 ? [] : [`${formatBytes(skipped)} already stored`]),
  ]
}
