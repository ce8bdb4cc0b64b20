import { describeType, invalidOption } from '../errors/invalid-option.js'
import { fullObjectAlgorithm } from './parameters.js'

type Given = Readonly<Record<string, unknown>>

/** What S3 does not take together. */
const EXCLUDE: [string[], string[]][] = [
  [['ContentLength'], ['expectedSize']],
  [['IfMatch'], ['IfNoneMatch']],
  [['ACL'], ['GrantFullControl', 'GrantRead', 'GrantReadACP', 'GrantWriteACP']],
  [
    ['SSECustomerAlgorithm', 'SSECustomerKey', 'SSECustomerKeyMD5'],
    ['ServerSideEncryption', 'SSEKMSKeyId', 'SSEKMSEncryptionContext', 'BucketKeyEnabled'],
  ],
]
const REQUIRE: [string, string][] = [
  ['SSECustomerAlgorithm', 'SSECustomerKey'],
  ['SSECustomerKey', 'SSECustomerAlgorithm'],
  ['SSECustomerKeyMD5', 'SSECustomerKey'],
  ['ObjectLockMode', 'ObjectLockRetainUntilDate'],
  ['ObjectLockRetainUntilDate', 'ObjectLockMode'],
]

/** The key goes into the path, and the SDK encodes the customer's key, which may be binary, for its header. */
const IN_NO_HEADER = ['Bucket', 'Key', 'SSECustomerKey']
/** The name of a header: https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/
const NOT_PRINTABLE = /[^\t\x20-\x7e]/
/** How else to say it, where that is not by percent-encoding alone. */
const ENCODED: Record<string, string> = {
  Metadata: 'percent-encode it, or write it as RFC 2047 says (=?UTF-8?B?…?=)',
  ContentDisposition: "write the name of a file as RFC 5987 says (filename*=UTF-8''…)",
}

/** Checks S3's own parameters: those that exclude or need each other, and what a header cannot carry. */
export function checkParameters(given: Given): void {
  checkCombinations(given)
  checkChecksums(given)
  for (const [name, value] of Object.entries(given)) {
    if (name === 'Metadata') checkMetadata(value)
    else if (/^[A-Z]/.test(name) && !IN_NO_HEADER.includes(name)) checkHeader(name, value, ENCODED[name])
  }
}

function checkCombinations(given: Given): void {
  for (const [these, those] of EXCLUDE) {
    const one = these.find((name) => name in given)
    const other = those.find((name) => name in given)
    if (one !== undefined && other !== undefined) throw mustBeLeftOut(other, `"${one}" is given`, given[other])
  }
  for (const [name, needed] of REQUIRE) {
    if (name in given && !(needed in given)) {
      throw invalidOption('ERR_INVALID_ARG_VALUE', needed, `given where "${name}" is`, undefined)
    }
  }
}

/** A checksum goes over the whole object or over its parts, and not every algorithm does both.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function checkChecksums(given: Given): void {
  const { ChecksumType: type, ChecksumAlgorithm: algorithm } = given
  const [first, second] = Object.keys(given).filter((name) => fullObjectAlgorithm(name) !== undefined)
  if (second !== undefined) throw mustBeLeftOut(second, `"${first}" is given`, given[second])
  const whole = first === undefined ? algorithm : fullObjectAlgorithm(first)
  if (algorithm !== undefined && whole !== algorithm) {
    throw invalidOption('ERR_INVALID_ARG_VALUE', 'ChecksumAlgorithm', `${whole}, as "${first}" is given`, algorithm)
  }
  const wrong = type === 'FULL_OBJECT' ? ['SHA1', 'SHA256'] : type === 'COMPOSITE' ? ['CRC64NVME'] : []
  if (!wrong.includes(whole as string)) return
  if (algorithm === undefined) throw mustBeLeftOut(first as string, `"ChecksumType" is ${type}`, given[first as string])
  const expected = `one that can be ${type}, as "ChecksumType" says`
  throw invalidOption('ERR_INVALID_ARG_VALUE', 'ChecksumAlgorithm', expected, algorithm)
}

/** An option that must not be there. Its value does not matter, and may be a secret. */
export function mustBeLeftOut(name: string, why: string, value: unknown): Error {
  return invalidOption('ERR_INVALID_ARG_VALUE', name, `left out: ${why}`, value, describeType(value))
}

function checkMetadata(metadata: unknown): void {
  if (typeof metadata !== 'object') {
    const expected = 'an object of names and strings'
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'Metadata', expected, metadata, describeType(metadata))
  }
  const names = new Set<string>()
  for (const [name, value] of Object.entries(metadata as object)) {
    if (names.size === names.add(name.toLowerCase()).size) {
      const expected = 'an object whose names differ by more than upper and lower case, which HTTP does not tell apart'
      throw invalidOption('ERR_INVALID_ARG_VALUE', 'Metadata', expected, name)
    }
    if (!TOKEN.test(name)) {
      const expected = "an object whose names are of letters, digits and !#$%&'*+-.^_`|~, as those of HTTP headers are"
      throw invalidOption('ERR_INVALID_ARG_VALUE', 'Metadata', expected, name)
    }
    const told = `Metadata.${name}`
    // The SDK would send the text `undefined`.
    if (typeof value !== 'string')
      throw invalidOption('ERR_INVALID_ARG_TYPE', told, 'a string', value, describeType(value))
    checkHeader(told, value, ENCODED.Metadata)
  }
}

/** Node refuses other characters when the header is sent, or S3 reads them differently from how they were signed. */
function checkHeader(name: string, value: unknown, encoded = 'percent-encode it'): void {
  if (typeof value !== 'string') return
  const at = value.search(NOT_PRINTABLE)
  if (at === -1) return
  const expected = `printable ASCII, as it goes into an HTTP header; for other characters, ${encoded}`
  const code = (value.codePointAt(at) as number).toString(16).toUpperCase().padStart(4, '0')
  const came = `${describeType(value)} with U+${code} at index ${at}`
  throw invalidOption('ERR_INVALID_ARG_VALUE', name, expected, value, came)
}
