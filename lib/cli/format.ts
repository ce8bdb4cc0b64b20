/** `12.3 MiB`. */
export function formatBytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(count, 1)) / 10))
  return `${power === 0 ? count : (count / 2 ** (10 * power)).toFixed(1)} ${units[power]}`
}

/** `1 part`, `2 parts`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** `3d 4h`: the two largest units. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const largest = units.findIndex(([count]) => count > 0)
  if (largest === -1) return '0s'
  const printed = units.slice(largest, largest + 2).filter(([count]) => count > 0)
  return printed.map(([count, unit]) => `${count}${unit}`).join(' ')
}
