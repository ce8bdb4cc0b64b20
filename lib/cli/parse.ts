import { InvalidArgumentError } from 'commander'
import { Failure } from './failure.js'

const UNITS = { B: 1, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40 }
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 }

/** An object, or where objects are. */
export interface Address {
  Bucket: string
  /** Empty for a whole bucket. */
  Key: string
}

/** `s3://bucket/key`. */
export function address(given: string): Address {
  const [, Bucket, Key = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(given) ?? []
  if (Bucket === undefined) throw new InvalidArgumentError('Expected s3://bucket/key.')
  return { Bucket, Key }
}

export function objectAddress(given: string): Address {
  const found = address(given)
  if (found.Key === '') throw new InvalidArgumentError('Expected s3://bucket/key, and there is no key.')
  return found
}

/** `16MiB`, or a number of bytes. */
export function size(given: string): number {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMGT]iB|B)?$/i.exec(given) ?? []
  const bytes = Number(number) * UNITS[unit.toUpperCase() as keyof typeof UNITS]
  if (Number.isInteger(bytes)) return bytes
  throw new InvalidArgumentError(
    'Expected a size such as 16MiB, 5GiB or 1048576: whole bytes, in B, KiB, MiB, GiB or TiB.',
  )
}

/** `90m`, in milliseconds. */
export function age(given: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(given) ?? []
  if (unit === undefined) throw new InvalidArgumentError('Expected an age such as 0s, 90m, 12h or 7d.')
  return Number(number) * SECONDS[unit as keyof typeof SECONDS] * 1000
}

export function url(given: string): string {
  if (/^https?:\/\//.test(given) && URL.canParse(given)) return given
  throw new InvalidArgumentError('Expected a URL such as https://s3.example.com.')
}

export function whole(given: string): number {
  if (/^\d+$/.test(given)) return Number(given)
  throw new InvalidArgumentError('Expected a whole number.')
}

/** `name=value`, as often as it is given. It goes into HTTP headers, and a signature over other characters fails. */
export function metadata(given: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(given) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected name=value.')
  if (/[^\t\x20-\x7e]/.test(given)) {
    throw new InvalidArgumentError(`Expected ASCII in ${name}: S3 takes no other metadata. Encode it, as in a URL say.`)
  }
  return { ...before, [name]: value }
}

/** Any parameter of S3's, `ObjectLockLegalHoldStatus=ON`: what is no text in the SDK is made what it is there. */
export function param(given: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value = ''] = /^([A-Z][A-Za-z\d]*)=(.*)$/s.exec(given) ?? []
  if (name !== undefined) return { ...before, [name]: typed(name, value) }
  // An InvalidArgumentError would print the argument, which may be a customer's key.
  throw new Failure(2, "--param: Expected Name=value in S3's own spelling, such as StorageClass=GLACIER.")
}

function typed(name: string, value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true'
  if (!/Date$|^Expires$/.test(name)) return value
  const date = new Date(value)
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('Expected a date such as 2027-01-31T00:00:00Z.')
  return date
}

/** `12.3 MiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(count, 1)) / 10))
  return `${power === 0 ? count : (count / 2 ** (10 * power)).toFixed(1)} ${units[power]}`
}

/** `1 part`, `2 parts`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `3d 4h`: the two largest units. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0s'
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ')
}
