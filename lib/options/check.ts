import { describeType, invalidOption } from '../errors/invalid-option.js'
import { MAX_PART_SIZE, MAX_PARTS, MIN_PART_SIZE, MiB, planPartSizes, raisePartSize } from '../parts/sizes.js'
import { checkParameters, mustBeLeftOut } from './check-parameters.js'
import { isCreateOnly, needsEveryByte } from './parameters.js'
import type { CheckedOptions, Resume, S3ClientLike, S3WritableOptions } from './types.js'

const OWN = new Set([
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
  'leavePartsOnError',
  'beforeComplete',
  'signal',
  'highWaterMark',
  'resume',
])

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
  const given = withoutNull(options)
  const s3: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    checkKnown(name, value)
    if (!OWN.has(name)) s3[name] = value
  }
  checkParameters(given)
  const resume = checkResume(given)

  const partSize = integer(given, 'partSize', MIN_PART_SIZE, MAX_PART_SIZE) ?? 8 * MiB
  const maxParts = integer(given, 'maxParts', 1, MAX_PARTS) ?? MAX_PARTS
  const largest = MAX_PART_SIZE * maxParts
  const ContentLength = integer(given, 'ContentLength', 0, largest)
  const expectedSize = integer(given, 'expectedSize', 0, largest)
  const fitting = raisePartSize(ContentLength ?? expectedSize ?? 0, partSize, maxParts)
  const maxSize = integer(given, 'maxSize', 0, Number.MAX_SAFE_INTEGER)
  const offset = typeof resume === 'object' ? resume.offset : undefined
  checkWithin(maxSize, { ContentLength, expectedSize, 'resume.offset': offset })
  const equalParts = typed(given, 'equalParts', 'boolean') ?? false
  checkSignal(given.signal)
  return {
    client: options.client,
    Bucket: options.Bucket,
    Key: options.Key,
    s3,
    ContentLength,
    maxSize,
    // A length that is known fits in equal parts, so nothing need grow.
    sizeOfPart: planPartSizes(fitting, maxParts, equalParts || ContentLength !== undefined),
    maxParts,
    equalParts,
    resume,
    concurrency: integer(given, 'concurrency', 1, Number.MAX_SAFE_INTEGER) ?? 4,
    unsignedPayload: typed(given, 'unsignedPayload', 'boolean'),
    stallTimeout: integer(given, 'stallTimeout', 0, MAX_TIMER),
    leavePartsOnError: typed(given, 'leavePartsOnError', 'boolean') ?? false,
    beforeComplete: typed(given, 'beforeComplete', 'function'),
    signal: given.signal as AbortSignal | undefined,
    highWaterMark: integer(given, 'highWaterMark', 0, Number.MAX_SAFE_INTEGER),
  }
}

export function checkClient(client: unknown): void {
  const { send, config } = (client ?? {}) as Partial<S3ClientLike>
  if (typeof send === 'function' && typeof config === 'object' && config !== null) return
  const expected = 'an S3 client with send() and config, such as new S3Client() of @aws-sdk/client-s3'
  throw invalidOption('ERR_INVALID_ARG_TYPE', 'client', expected, client, describeType(client))
}

export function checkName(name: string, value: unknown): void {
  if (typeof value !== 'string') throw invalidOption('ERR_INVALID_ARG_TYPE', name, 'a string', value)
  if (value === '') throw invalidOption('ERR_INVALID_ARG_VALUE', name, 'a string that is not empty', value)
}

function checkKnown(name: string, value: unknown): void {
  if (name === 'Body') throw mustBeLeftOut(name, 'what is written to the stream is the body', value)
  // PascalCase is S3's, whatever a newer SDK may add; anything else must be ours.
  if (/^[A-Z]/.test(name) || OWN.has(name)) return
  const meant = [...OWN].find((own) => own.toLowerCase() === name.toLowerCase())
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`
  const known = `There are ${[...OWN].join(', ')}, and S3's own, in its spelling, such as ContentType`
  throw Object.assign(new TypeError(`Unknown option "${name}".${hint} ${known}`), { code: 'ERR_INVALID_ARG_VALUE' })
}

/** What is larger than the stream may become can never succeed. */
function checkWithin(maxSize = Number.POSITIVE_INFINITY, sizes: Record<string, number | undefined>): void {
  for (const [name, size = 0] of Object.entries(sizes)) {
    if (size > maxSize) throw invalidOption('ERR_OUT_OF_RANGE', name, `at most "maxSize", which is ${maxSize}`, size)
  }
}

/** What Create took cannot be changed, and a hash of the whole cannot be made of the rest. */
function checkResume(given: Record<string, unknown>): Resume | undefined {
  const { resume } = given
  if (resume === undefined || resume === false) return undefined
  const point = withoutNull(resume)
  if (resume !== true && typeof point.UploadId !== 'string') {
    const expected = 'true, false, an object with an UploadId, or what resumePoint() resolved with'
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'resume', expected, resume)
  }
  if (resume !== true) checkName('resume.UploadId', point.UploadId)
  for (const name of Object.keys(given).filter(isCreateOnly)) {
    const why = '"resume" is given, and what CreateMultipartUpload took cannot be changed'
    throw mustBeLeftOut(name, why, given[name])
  }
  if (resume === true) return true
  if (point.offset === undefined) return point as Resume
  const least = integer(point, 'offset', 0, Number.MAX_SAFE_INTEGER, 'resume.offset') === 0 ? 0 : 1
  if (integer(point, 'parts', least, MAX_PARTS, 'resume.parts') === undefined) {
    throw invalidOption('ERR_INVALID_ARG_TYPE', 'resume.parts', 'given where "resume.offset" is', undefined)
  }
  for (const name of Object.keys(given).filter(needsEveryByte)) {
    throw mustBeLeftOut(name, '"resume" has an offset, and the bytes before it are not read', given[name])
  }
  return point as Resume
}

/** What is null or undefined is as if it were left out. */
function withoutNull(object: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(Object(object)).filter(([, value]) => value !== undefined && value !== null))
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
