import { SingleBar } from 'cli-progress'
import type { S3Writable, S3WritableProgress } from '../index.js'
import { formatBytes, formatDuration, plural } from './format.js'

/**
 * Shows a line on standard error that is redrawn in place. Returns a function that removes the line.
 * @param total the expected size in bytes; undefined if it is unknown
 */
export function showProgress(upload: S3Writable, total: number | undefined): () => void {
  const start = performance.now()
  const format = (_: unknown, __: unknown, progress: S3WritableProgress): string =>
    formatProgress(progress, total, start)
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true, fps: 5 })
  const initial: S3WritableProgress = { loaded: 0, sent: 0, parts: 0 }
  bar.start(1, 0, initial)
  upload.on('progress', (progress) => bar.update(0, progress))
  // `process.exit` after a second signal must not leave the terminal without a cursor.
  process.once('exit', () => bar.stop())
  return () => bar.stop()
}

/** `start` is the time of the first byte, as `performance.now()` gives it. */
export function formatProgress(
  { sent, parts, skipped = 0 }: S3WritableProgress,
  total: number | undefined,
  start: number,
): string {
  const ms = performance.now() - start
  const rate = (sent - skipped) / (ms / 1000)
  const msLeft = total === undefined || rate === 0 ? undefined : Math.max(0, total - sent) / (rate / 1000)
  return [
    total === undefined ? formatBytes(sent) : `${formatBytes(sent)} of ${formatBytes(total)}`,
    `${formatBytes(Math.round(rate))}/s`,
    `${plural(parts, 'part')} stored`,
    ...(skipped === 0 ? [] : [`${formatBytes(skipped)} already stored`]),
    ...(msLeft === undefined ? [] : [`${formatDuration(msLeft)} left`]),
  ].join(' · ')
}
