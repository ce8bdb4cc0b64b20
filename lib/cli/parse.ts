import { InvalidArgumentError } from 'commander'
import { Failure } from './failure.js'
import { toSdkType } from './parameter-types.js'

const UNITS = { B: 1, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30, TIB: 2 ** 40 }
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** An `s3://` address: of an object, or of all keys with a prefix. */
export interface Address {
  Bucket: string
  /** Empty for the whole bucket. */
  Key: string
}

/** The arguments before `--`: those after it belong to the producer. */
export function ownArguments(argv: string[]): string[] {
  return argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
}

/** Parses `s3://bucket`, `s3://bucket/prefix` or `s3://bucket/key`. */
export function parseAddress(text: string): Address {
  const [, Bucket, Key = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(text) ?? []
  if (Bucket === undefined) {
    const suggestion = /^[\w.-]+\//.test(text) ? ` Did you mean s3://${text}?` : ''
    throw new InvalidArgumentError(`Expected s3://bucket/key.${suggestion}`)
  }
  return { Bucket, Key }
}

/** Parses `s3://bucket/key`. */
export function parseObjectAddress(text: string): Address {
  const address = parseAddress(text)
  if (address.Key === '') throw new InvalidArgumentError('Expected s3://bucket/key, but the key is missing.')
  return address
}

/** Parses `16MiB`, or a plain number of bytes. */
export function parseSize(text: string): number {
  const [, number, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMGT]iB|B)?$/i.exec(text) ?? []
  const bytes = Number(number) * UNITS[unit.toUpperCase() as keyof typeof UNITS]
  if (Number.isInteger(bytes)) return bytes
  // Tools disagree whether 16M and 16MB are powers of 1000 or of 1024, so neither is accepted.
  const [, count, prefix = ''] = /^(\d+(?:\.\d+)?)([KMGT])B?$/i.exec(text) ?? []
  const suggestion = count === undefined ? '' : ` Did you mean ${count}${prefix.toUpperCase()}iB?`
  throw new InvalidArgumentError(
    `Expected a size such as 16MiB, 5GiB or 1048576: a whole number of bytes, in B, KiB, MiB, GiB or TiB.${suggestion}`,
  )
}

/** Parses `20MiB` or `20MiB/s`, a number of bytes a second. */
export function parseRate(text: string): number {
  const rate = parseSize(text.replace(/\/s$/i, ''))
  if (rate > 0) return rate
  throw new InvalidArgumentError(
    'Expected a rate of at least 1 byte a second, such as 20MiB. For no limit, leave the option out.',
  )
}

/** Parses `90m` and returns milliseconds. */
export function parseAge(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text) ?? []
  if (unit === undefined) {
    const [, count, word = ''] = /^(\d+(?:\.\d+)?)\s*(s|min|h|d|w)[a-z]*$/i.exec(text) ?? []
    const suggestion = count === undefined ? '' : ` Did you mean ${count}${word.charAt(0).toLowerCase()}?`
    throw new InvalidArgumentError(`Expected an age such as 0s, 90m, 12h, 7d or 2w.${suggestion}`)
  }
  return Number(number) * SECONDS[unit as keyof typeof SECONDS] * 1000
}

/** Parses `30s`, or `0` for none, and returns milliseconds. */
export function parseTimeout(text: string): number {
  if (text === '0') return 0
  if (/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError(`Did you mean ${text}s? Write 30s, 2m, or 0 for none.`)
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smh])$/.exec(text) ?? []
  const ms = Math.round(Number(number) * SECONDS[unit as keyof typeof SECONDS] * 1000)
  // A tiny time must not become 0, which means none.
  if (ms > 0 || Number(number) === 0) return ms
  throw new InvalidArgumentError('Expected a time such as 30s or 2m, of 1 ms or more, or 0 for none.')
}

export function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text)
}

export function parseUrl(text: string): string {
  if (isUrl(text)) return text
  throw new InvalidArgumentError('Expected a URL such as https://s3.example.com.')
}

export function parseWholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number.')
}

/** Parses the number of `--concurrency`, or `auto`. */
export function parseConcurrency(text: string): number | 'auto' {
  if (text === 'auto') return text
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number, or auto.')
}

/**
 * Parses `name=value` and adds it to the values of the option's earlier occurrences. Metadata is sent in HTTP headers,
 * and S3 rejects the signature of a header with characters outside ASCII.
 */
export function parseMetadata(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const [, name, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected name=value.')
  if (/[^\t\x20-\x7e]/.test(text)) {
    throw new InvalidArgumentError(
      `Expected ASCII in ${name}: S3 accepts no other metadata. Encode the value, for example with percent-encoding.`,
    )
  }
  return { ...earlier, [name]: value }
}

/** Parses an S3 parameter, such as `ObjectLockLegalHoldStatus=ON`, and converts its value to the SDK's type. */
export function parseParam(text: string, earlier: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value = ''] = /^([A-Z][A-Za-z\d]*)=(.*)$/s.exec(text) ?? []
  if (name !== undefined) return { ...earlier, [name]: toSdkType(name, value) }
  // commander prints the argument of an InvalidArgumentError, and it may be a customer's key.
  throw new Failure(2, "--param: Expected Name=value in S3's own spelling, such as StorageClass=GLACIER.")
}
