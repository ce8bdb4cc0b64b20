import { SingleBar } from 'cli-progress'
import type { S3Writable, S3WritableProgress } from '../index.js'
import { bytes, counted, duration } from './parse.js'

/** A line on a terminal, drawn over and over; nothing where standard error is none. Returns what ends it. */
export function showProgress(upload: S3Writable, about: number | undefined): () => void {
  const start = performance.now()
  const format = (_: unknown, __: unknown, progress: S3WritableProgress): string => line(progress, about, start)
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true, fps: 5 })
  const none: S3WritableProgress = { loaded: 0, sent: 0, parts: 0 }
  bar.start(1, 0, none)
  upload.on('progress', (progress) => bar.update(0, progress))
  // Also where the process is ended at once: a terminal without a cursor is no use.
  process.once('exit', () => bar.stop())
  return () => bar.stop()
}

export function line(
  { sent, parts, skipped = 0 }: S3WritableProgress,
  about: number | undefined,
  start: number,
): string {
  const ms = performance.now() - start
  const rate = (sent - skipped) / (ms / 1000)
  const left = about === undefined || rate === 0 ? [] : [`${duration(Math.max(0, about - sent) / (rate / 1000))} left`]
  const sum = about === undefined ? bytes(sent) : `${bytes(sent)} of ${bytes(about)}`
  const there = skipped === 0 ? [] : [`${bytes(skipped)} were there`]
  return [sum, `${bytes(Math.round(rate))}/s`, `${counted(parts, 'part')} stored`, ...there, ...left].join(' · ')
}
