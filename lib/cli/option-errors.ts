import { Failure, toFailure } from './failure.js'
import { flagOfParameter } from './s3-parameters.js'

/** The stream's options, with their names on the command line. */
const FLAGS: Record<string, string> = {
  ContentLength: '--content-length',
  UploadId: '--upload-id',
  'resume.UploadId': '--upload-id',
  'resume.offset': 'The size of the stored parts',
  concurrency: '--concurrency',
  threads: '--threads',
  'concurrency.max': '--max-memory divided by the size of a part',
  equalParts: '--equal-parts',
  expectedSize: '--expected-size',
  maxParts: '--max-parts',
  maxRate: '--limit-rate',
  maxSize: '--max-size',
  partSize: '--part-size',
  resume: '--resume',
  stallTimeout: '--stall-timeout',
}
const SIZES = ['--part-size', '--expected-size', '--content-length', '--max-size', FLAGS['resume.offset']]
const UNITS = { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10 }
/** Options that the messages of these errors, which have no words of S3's, name without quotes. */
const BARE_NAMES = /\b(?:ContentLength|expectedSize|maxParts|maxSize|partSize)\b/g
const CODES_WITH_NAMES = ['ERR_S3_LENGTH', 'ERR_S3_TOO_MANY_PARTS', 'ERR_S3_RESUME']

/**
 * The failure for any thrown value, in which the library's options have their names on the command line: the user must
 * find what was typed.
 */
export function toNamedFailure(error: unknown, param: Record<string, unknown> = {}): Failure {
  const failure = toFailure(error)
  const { message } = Object(error) as Partial<Error>
  if (failure === error || message === undefined) return failure
  const what = failure.exitCode === 2 ? nameWrongOption(message, param) : nameInReason(Object(error), message)
  const named = new Failure(
    failure.exitCode,
    failure.message.replace(message, () => what),
    error,
  )
  named.facts = { ...failure.facts, what }
  return named
}

/** The message for an option that the library refuses, such as `The "partSize" option must be …`. */
function nameWrongOption(message: string, param: Record<string, unknown>): string {
  const [, unknown, similar] = /^Unknown option "(\w+)".* Did you mean "(\w+)"/.exec(message) ?? []
  if (unknown !== undefined && similar !== undefined) {
    return `--param: there is no parameter ${unknown}. Did you mean ${FLAGS[similar] ?? similar}?`
  }
  const nameOf = (name: string): string | undefined =>
    FLAGS[name] ?? (name in param ? `--param ${name}` : flagOfParameter(name))
  const named = message
    .replace(/(?:The )?"([^"]+)"(?: option)?/g, (quoted, name) => nameOf(name) ?? quoted)
    .replace(/\. Received type string$/, '')
    .replace(/Received type \w+ \((.*)\)$/, 'Received $1')
  const flag = named.replace(/ must be .*/s, '')
  if (SIZES.includes(flag)) {
    const range = named
      .replace(/a whole number from (\d+) to (\d+)/, (_, min, max) => `from ${exactSize(min)} to ${exactSize(max)}`)
      .replace(/which is (\d+)/, (_, size) => `which is ${exactSize(size)}`)
    return range.replace(
      /Received (\d+)$/,
      (_, size) => `Received ${exactSize(size)}.${missingUnit(flag, Number(size))}`,
    )
  }
  return flag === FLAGS.stallTimeout ? named.replace(/\d+(?=\. |$)/g, '$& ms') : named
}

/** A part of 5 to 1023 bytes was probably meant in MiB. */
function missingUnit(flag: string, size: number): string {
  return flag === FLAGS.partSize && size >= 5 && size < 1024 ? ` Did you mean ${size}MiB?` : ''
}

/** `5MiB`, or `8 bytes` if no larger unit gives a whole number. */
export function exactSize(sizeOrText: number | string): string {
  const size = Number(sizeOrText)
  const [unit, factor] = Object.entries(UNITS).find(([, factor]) => size > 0 && size % factor === 0) ?? ['', 1]
  return unit === '' ? `${size} bytes` : `${size / factor}${unit}`
}

/** The message of an error about the stream. Its address may contain any word, and stays as it is. */
function nameInReason(
  { code, Bucket, Key }: { code?: string; Bucket?: string; Key?: string },
  message: string,
): string {
  const start = `s3://${Bucket}/${Key}: `
  if (!CODES_WITH_NAMES.includes(String(code)) || !message.startsWith(start)) return message
  return start + message.slice(start.length).replace(BARE_NAMES, (name) => FLAGS[name] as string)
}
