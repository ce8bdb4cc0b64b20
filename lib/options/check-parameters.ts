import { describeType, invalidOption } from '../errors/invalid-option.js'
import { fullObjectAlgorithm } from './checksums.js'

/** The options that were given: those that are null or undefined are left out. */
type GivenOptions = Readonly<Record<string, unknown>>

/** Options of the first list exclude those of the second. */
const EXCLUSIONS: [string[], string[]][] = [
  [['ContentLength'], ['expectedSize']],
  [['IfMatch'], ['IfNoneMatch']],
  [['ACL'], ['GrantFullControl', 'GrantRead', 'GrantReadACP', 'GrantWriteACP']],
  [
    ['SSECustomerAlgorithm', 'SSECustomerKey', 'SSECustomerKeyMD5'],
    ['ServerSideEncryption', 'SSEKMSKeyId', 'SSEKMSEncryptionContext', 'BucketKeyEnabled'],
  ],
]
/** The first option requires the second. */
const REQUIREMENTS: [string, string][] = [
  ['SSECustomerAlgorithm', 'SSECustomerKey'],
  ['SSECustomerKey', 'SSECustomerAlgorithm'],
  ['SSECustomerKeyMD5', 'SSECustomerKey'],
  ['ObjectLockMode', 'ObjectLockRetainUntilDate'],
  ['ObjectLockRetainUntilDate', 'ObjectLockMode'],
]

/** It may be binary, and the SDK encodes it for its header. */
const NOT_IN_HEADER = 'SSECustomerKey'
/** A valid name of an HTTP header: https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/
const NOT_PRINTABLE = /[^\t\x20-\x7e]/
/** How to encode other characters in a parameter for which percent-encoding is not the only way. */
const ENCODINGS: Record<string, string> = {
  Metadata: 'percent-encode it, or encode it as in RFC 2047 (=?UTF-8?B?…?=)',
  ContentDisposition: "encode the file name as in RFC 5987 (filename*=UTF-8''…)",
}

/**
 * Checks S3's parameters: those that exclude or require each other, and characters that an HTTP header cannot carry.
 */
export function checkParameters(given: GivenOptions): void {
  // Most streams have none but these two, which go with all others and are sent in the URL.
  const names = Object.keys(given).filter((name) => name !== 'Bucket' && name !== 'Key' && /^[A-Z]/.test(name))
  if (names.length === 0) return
  checkCombinations(given)
  checkChecksums(given)
  for (const name of names) {
    if (name === 'Metadata') checkMetadata(given[name])
    else if (name !== NOT_IN_HEADER) checkHeader(name, given[name], ENCODINGS[name])
  }
}

function checkCombinations(given: GivenOptions): void {
  for (const [names, excluded] of EXCLUSIONS) {
    const first = names.find((name) => name in given)
    if (first === undefined) continue
    const second = excluded.find((name) => name in given)
    if (second !== undefined) throw mustBeLeftOut(second, `"${first}" is given`, given[second])
  }
  for (const [name, required] of REQUIREMENTS) {
    if (name in given && !(required in given)) {
      throw invalidOption('ERR_INVALID_ARG_VALUE', required, `given together with "${name}"`, undefined)
    }
  }
}

/**
 * A checksum is computed over the full object or over the checksums of its parts, and not every algorithm supports
 * both.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
function checkChecksums(given: GivenOptions): void {
  const { ChecksumType: type, ChecksumAlgorithm: algorithm } = given
  const [first, second] = Object.keys(given).filter((name) => fullObjectAlgorithm(name) !== undefined)
  if (second !== undefined) throw mustBeLeftOut(second, `"${first}" is given`, given[second])
  const effective = first === undefined ? algorithm : fullObjectAlgorithm(first)
  if (algorithm !== undefined && effective !== algorithm) {
    throw invalidOption(
      'ERR_INVALID_ARG_VALUE',
      'ChecksumAlgorithm',
      `${effective}, because "${first}" is given`,
      algorithm,
    )
  }
  const unsupported = type === 'FULL_OBJECT' ? ['SHA1', 'SHA256'] : type === 'COMPOSITE' ? ['CRC64NVME'] : []
  if (!unsupported.includes(effective as string)) return
  if (algorithm === undefined) throw mustBeLeftOut(first as string, `"ChecksumType" is ${type}`, given[first as string])
  const expected = `an algorithm that supports the "ChecksumType" ${type}`
  throw invalidOption('ERR_INVALID_ARG_VALUE', 'ChecksumAlgorithm', expected, algorithm)
}

/** The error for an option that must not be given. It does not show the value, which may be a secret. */
export function mustBeLeftOut(name: string, why: string, value: unknown): Error {
  return invalidOption('ERR_INVALID_ARG_VALUE', name, `left out: ${why}`, value, describeType(value))
}

function checkMetadata(metadata: unknown): void {
  if (typeof metadata !== 'object') {
    const expected = 'an object whose values are strings'
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'Metadata', expected, metadata, describeType(metadata))
  }
  const names = new Set<string>()
  for (const [name, value] of Object.entries(metadata as object)) {
    if (names.size === names.add(name.toLowerCase()).size) {
      const expected = 'an object whose names differ in more than case, because HTTP header names are case-insensitive'
      throw invalidOption('ERR_INVALID_ARG_VALUE', 'Metadata', expected, name)
    }
    if (!TOKEN.test(name)) {
      const expected =
        "an object whose names consist of letters, digits and !#$%&'*+-.^_`|~, because they become HTTP header names"
      throw invalidOption('ERR_INVALID_ARG_VALUE', 'Metadata', expected, name)
    }
    const option = `Metadata.${name}`
    // The SDK would send the text `undefined`.
    if (typeof value !== 'string')
      throw invalidOption('ERR_INVALID_ARG_TYPE', option, 'a string', value, describeType(value))
    checkHeader(option, value, ENCODINGS.Metadata)
  }
}

/**
 * Node rejects some characters when the header is sent; others are sent, but S3 decodes them differently than they were
 * signed.
 */
function checkHeader(name: string, value: unknown, encoding = 'percent-encode it'): void {
  if (typeof value !== 'string') return
  const index = value.search(NOT_PRINTABLE)
  if (index === -1) return
  const expected = `printable ASCII, because it is sent in an HTTP header; for other characters, ${encoding}`
  const code = (value.codePointAt(index) as number).toString(16).toUpperCase().padStart(4, '0')
  const received = `${describeType(value)} with U+${code} at index ${index}`
  throw invalidOption('ERR_INVALID_ARG_VALUE', name, expected, value, received)
}
