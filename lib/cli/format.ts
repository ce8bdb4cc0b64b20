/** `12.3 MiB`. */
export function formatBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  // The unit is chosen for the rounded number, so that it is never 1024.0.
  const fitting = units.findIndex((_, power) => Math.round((10 * count) / 2 ** (10 * power)) < 10_240)
  const power = fitting === -1 ? units.length - 1 : fitting
  return `${power === 0 ? count : (count / 2 ** (10 * power)).toFixed(1)} ${units[power]}`
}

/** `1 part`, `2 parts`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** `12.3 s`; from one minute on the two largest units, such as `3d 4h`. */
export function formatDuration(ms: number): string {
  const tenths = Math.round(Math.max(0, ms) / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const largest = units.findIndex(([count]) => count > 0)
  const printed = units.slice(largest, largest + 2).filter(([count]) => count > 0)
  return printed.map(([count, unit]) => `${count}${unit}`).join(' ')
}

/** From this many bytes on, a rate means something: below it, the time is that of the requests. */
const LEAST_FOR_RATE = 2 ** 20

/**
 * `12.3 MiB in 4.5 s, 2.7 MiB/s`; without a rate if less than 1 MiB was sent.
 * @param sent how many of the bytes were sent in this time
 */
export function formatTransfer(size: number, sent: number, ms: number): string {
  const rate = sent < LEAST_FOR_RATE ? '' : `, ${formatBytes(Math.round(sent / (ms / 1000)))}/s`
  return `${formatBytes(size)} in ${formatDuration(ms)}${rate}`
}
