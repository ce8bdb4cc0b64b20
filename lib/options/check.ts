import { describeType, invalidOption } from '../errors/invalid-option.js'
import { MAX_PART_SIZE, MAX_PARTS, MIN_PART_SIZE, MiB, planPartSizes, raisePartSize } from '../parts/sizes.js'
import { checkParameters, mustBeLeftOut } from './check-parameters.js'
import { needsEveryByte } from './checksums.js'
import { KNOWN_PARAMETERS, similarName } from './known-parameters.js'
import { isCreateOnly } from './parameters.js'
import type { CheckedOptions, ConcurrencyBounds, Resume, S3ClientLike, S3WritableOptions } from './types.js'

/** The options of the stream. `ContentLength` is one of them, because each request has a length of its own. */
const STREAM_OPTIONS = new Set([
  'ContentLength',
  'client',
  'expectedSize',
  'maxSize',
  'partSize',
  'concurrency',
  'maxParts',
  'equalParts',
  'unsignedPayload',
  'stallTimeout',
  'maxRate',
  'leavePartsOnError',
  'beforeComplete',
  'signal',
  'highWaterMark',
  'resume',
])

/** The longest delay of a timer in Node, in ms. A longer one would fire immediately. */
const MAX_TIMER = 2 ** 31 - 1

/**
 * Checks the options and adds the defaults.
 *
 * @throws TypeError or RangeError, with Node's `code`, if an option is wrong.
 */
export function checkOptions(options: S3WritableOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'options', 'an object', options)
  }
  checkClient(options.client)
  checkName('Bucket', options.Bucket)
  checkName('Key', options.Key)
  const given = withoutNull(options)
  const s3: Record<string, unknown> = {}
  for (const name of Object.keys(given)) {
    if (STREAM_OPTIONS.has(name)) continue
    checkIsKnown(name, given[name])
    s3[name] = given[name]
  }
  checkParameters(given)
  const resume = checkResume(given)

  const partSize = checkInteger(given, 'partSize', MIN_PART_SIZE, MAX_PART_SIZE) ?? 8 * MiB
  const maxParts = checkInteger(given, 'maxParts', 1, MAX_PARTS) ?? MAX_PARTS
  const maxLength = MAX_PART_SIZE * maxParts
  const ContentLength = checkInteger(given, 'ContentLength', 0, maxLength)
  const expectedSize = checkInteger(given, 'expectedSize', 0, maxLength)
  const raisedPartSize = raisePartSize(ContentLength ?? expectedSize ?? 0, partSize, maxParts)
  const maxSize = checkInteger(given, 'maxSize', 0, Number.MAX_SAFE_INTEGER)
  const offset = typeof resume === 'object' ? resume.offset : undefined
  if (maxSize !== undefined) checkAgainstMaxSize(maxSize, { ContentLength, expectedSize, 'resume.offset': offset })
  const equalParts = checkType(given, 'equalParts', 'boolean') ?? false
  checkSignal(given.signal)
  return {
    client: options.client,
    Bucket: options.Bucket,
    Key: options.Key,
    s3,
    ContentLength,
    maxSize,
    // If the length is known, the part size was raised so that equal parts suffice.
    sizeOfPart: planPartSizes(raisedPartSize, maxParts, equalParts || ContentLength !== undefined),
    maxParts,
    equalParts,
    resume,
    concurrency: checkConcurrency(given),
    unsignedPayload: checkType(given, 'unsignedPayload', 'boolean'),
    stallTimeout: checkInteger(given, 'stallTimeout', 0, MAX_TIMER),
    maxRate: checkInteger(given, 'maxRate', 1, Number.MAX_SAFE_INTEGER),
    leavePartsOnError: checkType(given, 'leavePartsOnError', 'boolean') ?? false,
    beforeComplete: checkType(given, 'beforeComplete', 'function'),
    signal: given.signal as AbortSignal | undefined,
    highWaterMark: checkInteger(given, 'highWaterMark', 0, Number.MAX_SAFE_INTEGER),
  }
}

/** Checks the shape of a client, because `instanceof` fails if there are two copies of the SDK. */
export function checkClient(client: unknown): void {
  const { send, config } = (client ?? {}) as Partial<S3ClientLike>
  if (typeof send === 'function' && typeof config === 'object' && config !== null) return
  const expected = 'an S3 client with send() and config, such as new S3Client() of @aws-sdk/client-s3'
  throw invalidOption('ERR_INVALID_ARG_TYPE', 'client', expected, client, describeType(client))
}

/** Checks that an option is a string and not empty. */
export function checkName(name: string, value: unknown): void {
  if (typeof value !== 'string') throw invalidOption('ERR_INVALID_ARG_TYPE', name, 'a string', value)
  if (value === '') throw invalidOption('ERR_INVALID_ARG_VALUE', name, 'a string that is not empty', value)
}

const warned = new Set<string>()

/**
 * Refuses a name that is not known, if it is no parameter of S3 or probably a misspelling of one: the SDK would drop it
 * without a word, and the object might be stored unencrypted. Any other name in PascalCase may be a parameter of a newer
 * SDK, so it is sent, and a process warning names it once.
 */
function checkIsKnown(name: string, value: unknown): void {
  if (name === 'Body') throw mustBeLeftOut(name, 'what is written to the stream is the body', value)
  if (Object.hasOwn(KNOWN_PARAMETERS, name)) return
  const similar = similarName(name, [...STREAM_OPTIONS, ...Object.keys(KNOWN_PARAMETERS)])
  if (similar === undefined && /^[A-Z]/.test(name)) {
    if (warned.size < warned.add(name).size) process.emitWarning(unknownParameter(name))
    return
  }
  const hint = similar === undefined ? '' : ` Did you mean "${similar}"?`
  const known = `The options are ${[...STREAM_OPTIONS].join(', ')}, and S3's parameters, such as ContentType`
  throw Object.assign(new TypeError(`Unknown option "${name}".${hint} ${known}`), { code: 'ERR_INVALID_ARG_VALUE' })
}

function unknownParameter(name: string): string {
  const sent = 'It is passed to PutObject and CreateMultipartUpload, where an SDK that does not know it drops it'
  return `s3-writable does not know the S3 parameter "${name}". ${sent}`
}

/** A stream that must be larger than `maxSize` can never succeed. */
function checkAgainstMaxSize(maxSize: number, sizes: Record<string, number | undefined>): void {
  for (const [name, size = 0] of Object.entries(sizes)) {
    if (size > maxSize) throw invalidOption('ERR_OUT_OF_RANGE', name, `at most "maxSize", which is ${maxSize}`, size)
  }
}

/**
 * Checks `resume`, and the options that exclude it: parameters of CreateMultipartUpload, which cannot be changed for an
 * existing upload, and, with an offset, hashes of the full object, because the bytes before the offset are not read.
 */
function checkResume(given: Record<string, unknown>): Resume | undefined {
  const { resume } = given
  if (resume === undefined || resume === false) return undefined
  const point = withoutNull(resume)
  if (resume === 'auto') return resume
  if (resume !== true && typeof point.UploadId !== 'string') {
    const expected = "true, false, 'auto', an object with an UploadId, or a result of resumePoint()"
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'resume', expected, resume)
  }
  if (resume !== true) checkName('resume.UploadId', point.UploadId)
  for (const name of Object.keys(given).filter(isCreateOnly)) {
    const why = '"resume" is given, and a parameter of CreateMultipartUpload cannot be changed'
    throw mustBeLeftOut(name, why, given[name])
  }
  if (resume === true) return true
  if (point.offset === undefined) return point as Resume
  const minParts = checkInteger(point, 'offset', 0, Number.MAX_SAFE_INTEGER, 'resume.offset') === 0 ? 0 : 1
  if (checkInteger(point, 'parts', minParts, MAX_PARTS, 'resume.parts') === undefined) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'resume.parts', 'given together with "resume.offset"', undefined)
  }
  for (const name of Object.keys(given).filter(needsEveryByte)) {
    throw mustBeLeftOut(name, '"resume" has an offset, and the bytes before it are not read', given[name])
  }
  return point as Resume
}

/** The default of `concurrency`, and of its `min`. */
const DEFAULT_CONCURRENCY = 4
/** The default of `max` in `concurrency`. */
const DEFAULT_MAX_CONCURRENCY = 16

function checkConcurrency(given: Record<string, unknown>): ConcurrencyBounds {
  const { concurrency = DEFAULT_CONCURRENCY } = given
  const largest = Number.MAX_SAFE_INTEGER
  if (typeof concurrency === 'number') {
    checkInteger(given, 'concurrency', 1, largest)
    return { min: concurrency, max: concurrency }
  }
  const bounds = concurrency === 'auto' ? {} : withoutNull(concurrency)
  if (concurrency !== 'auto' && (typeof concurrency !== 'object' || Array.isArray(concurrency))) {
    const expected = "a whole number, 'auto', or an object with the whole numbers min and max"
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'concurrency', expected, concurrency)
  }
  const unknown = Object.keys(bounds).find((name) => name !== 'min' && name !== 'max')
  if (unknown !== undefined)
    throw mustBeLeftOut(`concurrency.${unknown}`, 'the bounds are min and max', bounds[unknown])
  const min = checkInteger(bounds, 'min', 1, largest, 'concurrency.min')
  const max = checkInteger(bounds, 'max', min ?? 1, largest, 'concurrency.max')
  return {
    min: min ?? Math.min(DEFAULT_CONCURRENCY, max ?? largest),
    max: max ?? Math.max(DEFAULT_MAX_CONCURRENCY, min ?? 1),
  }
}

/** A copy without the properties that are null or undefined, because they count as left out. */
function withoutNull(object: unknown): Record<string, unknown> {
  const given = { ...Object(object) }
  for (const name of Object.keys(given)) if (given[name] === undefined || given[name] === null) delete given[name]
  return given
}

function checkSignal(signal: unknown): void {
  if (signal === undefined) return
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal) return
  throw invalidOption('ERR_INVALID_ARG_TYPE', 'signal', 'an AbortSignal', signal)
}

function checkInteger(
  given: Record<string, unknown>,
  name: string,
  min: number,
  max: number,
  displayName = name,
): number | undefined {
  const value = given[name]
  if (value === undefined) return undefined
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  const expected =
    max === Number.MAX_SAFE_INTEGER ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`
  throw invalidOption(
    typeof value === 'number' ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE',
    displayName,
    expected,
    value,
  )
}

interface Types {
  boolean: boolean
  function: () => unknown
}
function checkType<T extends keyof Types>(given: Record<string, unknown>, name: string, type: T): Types[T] | undefined {
  const value = given[name]
  if (value === undefined || typeof value === type) return value as Types[T] | undefined
  throw invalidOption('ERR_INVALID_ARG_TYPE', name, `a ${type}`, value)
}
