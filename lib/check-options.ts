import { wholeChecksum } from './checksum.js'
import { invalidOption } from './errors.js'
import type { CheckedOptions, Resume, S3ClientLike, S3WritableOptions } from './options.js'
import { isForCreateOnly, isVerifiedHere } from './parameters.js'
import { MAX_PART_SIZE, MAX_PARTS, MIN_PART_SIZE, MiB, partSizeFor, partSizes } from './part-size.js'

const OWN = new Set([
  'ContentLength',
  'client',
  'expectedSize',
  'partSize',
  'concurrency',
  'maxParts',
  'equalParts',
  'unsignedPayload',
  'stallTimeout',
  'leavePartsOnError',
  'beforeComplete',
  'signal',
  'highWaterMark',
  'resume',
])

/** What S3 does not take together. The types say so too; this is for those who do not use them. */
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

/** What a timer of Node's holds; a longer one would fire at once. */
const MAX_TIMER = 2 ** 31 - 1

/** Checks everything a caller may have got wrong, before a byte is taken. Throws with Node's own codes. */
export function checkOptions(options: S3WritableOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'options', 'an object', options)
  }
  checkClient(options.client)
  checkName('Bucket', options.Bucket)
  checkName('Key', options.Key)
  const given: Record<string, unknown> = {}
  const s3: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    checkKnown(name, value)
    given[name] = value
    if (!OWN.has(name)) s3[name] = value
  }
  checkCombinations(given)
  checkChecksums(given)
  const resume = checkResume(given)

  const partSize = integer(given, 'partSize', MIN_PART_SIZE, MAX_PART_SIZE) ?? 8 * MiB
  const maxParts = integer(given, 'maxParts', 1, MAX_PARTS) ?? MAX_PARTS
  const largest = MAX_PART_SIZE * maxParts
  const ContentLength = integer(given, 'ContentLength', 0, largest)
  const fitting = partSizeFor(ContentLength ?? integer(given, 'expectedSize', 0, largest) ?? 0, partSize, maxParts)
  const equalParts = typed(given, 'equalParts', 'boolean') ?? false
  checkSignal(given.signal)
  return {
    client: options.client,
    Bucket: options.Bucket,
    Key: options.Key,
    s3,
    ContentLength,
    // A length that is known fits in equal parts, so nothing need grow.
    sizes: partSizes(fitting, maxParts, equalParts || ContentLength !== undefined),
    maxParts,
    equalParts,
    resume,
    concurrency: integer(given, 'concurrency', 1, Number.MAX_SAFE_INTEGER) ?? 4,
    unsignedPayload: typed(given, 'unsignedPayload', 'boolean'),
    stallTimeout: integer(given, 'stallTimeout', 0, MAX_TIMER),
    leavePartsOnError: typed(given, 'leavePartsOnError', 'boolean') ?? false,
    beforeComplete: typed(given, 'beforeComplete', 'function'),
    signal: options.signal,
    highWaterMark: integer(given, 'highWaterMark', 0, Number.MAX_SAFE_INTEGER),
  }
}

export function checkClient(client: unknown): void {
  const { send, config } = (client ?? {}) as Partial<S3ClientLike>
  if (typeof send === 'function' && typeof config === 'object' && config !== null) return
  const expected = 'an S3 client with send() and config, such as new S3Client() of @aws-sdk/client-s3'
  throw invalidOption('ERR_INVALID_ARG_TYPE', 'client', expected, client)
}

export function checkName(name: string, value: unknown): void {
  if (typeof value !== 'string') throw invalidOption('ERR_INVALID_ARG_TYPE', name, 'a string', value)
  if (value === '') throw invalidOption('ERR_INVALID_ARG_VALUE', name, 'a string that is not empty', value)
}

function checkKnown(name: string, value: unknown): void {
  if (name === 'Body') {
    throw invalidOption('ERR_INVALID_ARG_VALUE', name, 'left out: what is written to the stream is the body', value)
  }
  // PascalCase is S3's, whatever a newer SDK may add; anything else must be ours.
  if (/^[A-Z]/.test(name) || OWN.has(name)) return
  throw invalidOption(
    'ERR_INVALID_ARG_VALUE',
    name,
    `left out: there is no such option. There are ${[...OWN].join(', ')}, and S3's own`,
    value,
  )
}

function checkCombinations(given: Record<string, unknown>): void {
  for (const [these, those] of EXCLUDE) {
    const one = these.find((name) => name in given)
    const other = those.find((name) => name in given)
    if (one !== undefined && other !== undefined) {
      throw invalidOption('ERR_INVALID_ARG_VALUE', other, `left out where "${one}" is given`, given[other])
    }
  }
  for (const [name, needed] of REQUIRE) {
    if (name in given && !(needed in given)) {
      throw invalidOption('ERR_INVALID_ARG_VALUE', needed, `given where "${name}" is`, undefined)
    }
  }
}

/** A checksum goes over the whole object or over its parts, and not every algorithm does both.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function checkChecksums(given: Record<string, unknown>): void {
  const { ChecksumType: type, ChecksumAlgorithm: algorithm } = given
  const wrong = type === 'FULL_OBJECT' ? ['SHA1', 'SHA256'] : type === 'COMPOSITE' ? ['CRC64NVME'] : []
  if (typeof algorithm === 'string' && wrong.includes(algorithm)) {
    const expected = `one that can be ${type}, as "ChecksumType" says`
    throw invalidOption('ERR_INVALID_ARG_VALUE', 'ChecksumAlgorithm', expected, algorithm)
  }
  const [first, second] = Object.keys(given).filter((name) => wholeChecksum(name) !== undefined)
  if (second !== undefined) {
    throw invalidOption('ERR_INVALID_ARG_VALUE', second, `left out where "${first}" is given`, given[second])
  }
  const whole = first === undefined ? algorithm : wholeChecksum(first)
  if (algorithm !== undefined && whole !== algorithm) {
    throw invalidOption('ERR_INVALID_ARG_VALUE', 'ChecksumAlgorithm', `${whole}, as "${first}" is given`, algorithm)
  }
}

/** What Create took cannot be changed, and a hash of the whole cannot be made of the rest. */
function checkResume(given: Record<string, unknown>): Resume | undefined {
  const { resume } = given
  if (resume === undefined) return undefined
  const { UploadId, ...point } = Object(resume) as Record<string, unknown>
  if (resume !== true && typeof UploadId !== 'string') {
    const expected = 'true, an object with an UploadId, or what resumePoint() resolved with'
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'resume', expected, resume)
  }
  if (resume !== true) checkName('resume.UploadId', UploadId)
  for (const name of Object.keys(given).filter(isForCreateOnly)) {
    const expected = 'left out where "resume" is given: CreateMultipartUpload took it, and it cannot be changed'
    throw invalidOption('ERR_INVALID_ARG_VALUE', name, expected, given[name])
  }
  if (point.offset === undefined) return resume as Resume
  const least = integer(point, 'offset', 0, Number.MAX_SAFE_INTEGER, 'resume.offset') === 0 ? 0 : 1
  if (integer(point, 'parts', least, MAX_PARTS, 'resume.parts') === undefined) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'resume.parts', 'given where "resume.offset" is', undefined)
  }
  for (const name of Object.keys(given).filter(isVerifiedHere)) {
    const expected = 'left out where "resume" has an offset: the bytes before it are not read'
    throw invalidOption('ERR_INVALID_ARG_VALUE', name, expected, given[name])
  }
  return resume as Resume
}

function checkSignal(signal: unknown): void {
  if (signal === undefined) return
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal) return
  throw invalidOption('ERR_INVALID_ARG_TYPE', 'signal', 'an AbortSignal', signal)
}

function integer(
  given: Record<string, unknown>,
  name: string,
  least: number,
  most: number,
  told = name,
): number | undefined {
  const value = given[name]
  if (value === undefined) return undefined
  const expected =
    most === Number.MAX_SAFE_INTEGER ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`
  if (typeof value !== 'number') throw invalidOption('ERR_INVALID_ARG_TYPE', told, expected, value)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw invalidOption('ERR_OUT_OF_RANGE', told, expected, value)
}

interface Typed {
  boolean: boolean
  function: () => unknown
}
function typed<T extends keyof Typed>(given: Record<string, unknown>, name: string, type: T): Typed[T] | undefined {
  const value = given[name]
  if (value === undefined || typeof value === type) return value as Typed[T] | undefined
  throw invalidOption('ERR_INVALID_ARG_TYPE', name, `a ${type}`, value)
}
