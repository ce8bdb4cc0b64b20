import type { S3WritableError } from '../index.js'
import { type ClientOptions, clientArguments } from './client.js'
import { addSentence, Failure } from './failure.js'
import type { Address } from './parse.js'
import type { UploadCommandOptions } from './put-options.js'
import { isAcceptedAfterCreate } from './s3-parameters.js'
import { formatOptions, shellQuote } from './shell.js'

/**
 * The sentence that says how to continue after a failed upload. It is empty unless `--leave-parts` kept an upload that can
 * be resumed, or the upload to resume must be chosen or removed first.
 */
export function resumeHint(to: Address, error: unknown, options: UploadCommandOptions, command: string[]): string {
  const { UploadId, code, message = '' } = error as Partial<S3WritableError>
  const line = (id: string): string => resumeCommand(to, id, options, command)
  if (code === 'ERR_S3_RESUME') {
    if (/Name one by its UploadId/.test(message)) {
      return `To remove one: ${abortCommand(to, 'ID', options)}; to continue one: ${line('ID')}`
    }
    if (!options.resumeAuto || UploadId === undefined) return ''
    return `To remove it, so that the next run begins a new one: ${abortCommand(to, UploadId, options)}`
  }
  if (!options.leaveParts || UploadId === undefined) return ''
  const again = options.resumeAuto ? 'the same command again, or this' : 'this'
  return `The stored parts are kept. To resume, run ${again} with the same input: ${line(UploadId)}`
}

function resumeCommand(to: Address, UploadId: string, options: UploadCommandOptions, command: string[]): string {
  return [
    's3-writable --resume',
    ...addressArguments(to, options),
    ...formatOptions({ 'upload-id': UploadId }),
    ...(options.leaveParts ? ['--leave-parts'] : []),
    ...uploadArguments(options),
    ...(command.length === 0 ? [] : ['--', ...command.map(shellQuote)]),
  ].join(' ')
}

/** The options that a resumed upload still accepts. The value of a customer's key is a secret, so it is not printed. */
function uploadArguments(options: UploadCommandOptions): string[] {
  const { param = {}, stallTimeout } = options
  const accepted = Object.entries(param).filter(([name]) => isAcceptedAfterCreate(name))
  return [
    ...(options.trustParts ? ['--trust-parts'] : []),
    ...formatOptions({
      'if-none-match': options.ifNoneMatch,
      'content-length': options.contentLength,
      'expected-size': options.expectedSize,
      'max-size': options.maxSize,
      // For the case that no part is stored: otherwise the stored parts determine the size.
      'part-size': options.partSize,
      'max-parts': options.maxParts,
      concurrency: options.concurrency,
      'max-memory': options.maxMemory,
      threads: options.threads,
      'limit-rate': options.limitRate,
      'stall-timeout': stallTimeout && `${stallTimeout / 1000}s`,
    }),
    ...(options.equalParts ? ['--equal-parts'] : []),
    ...(options.unsignedPayload ? ['--unsigned-payload'] : []),
    ...accepted.flatMap(([name, value]) => formatOptions({ param: `${name}=${/Key/.test(name) ? '…' : value}` })),
    ...(options.json ? ['--json'] : []),
    ...(options.quiet ? ['--quiet'] : []),
    ...(options.progress ? [] : ['--no-progress']),
  ]
}

/** The sentence that names the command which removes, or finds, what a failed clean-up may have left. */
export function leftoverHint(
  to: Address,
  UploadId: string | undefined,
  options: ClientOptions & { resumeAuto?: boolean; dryRun?: boolean },
): string {
  const [rest, it] = options.dryRun ? ['An empty upload', 'it'] : ['Parts', 'them']
  const next = options.resumeAuto ? '; the next run with --resume=auto continues an upload that is left' : ''
  if (UploadId === undefined) {
    const at = addressArguments(to, options).join(' ')
    return `An unfinished upload may be left${next}. To list it: s3-writable ls ${at}`
  }
  return `${rest} may be left${next}. To remove ${it}: ${abortCommand(to, UploadId, options)}`
}

function abortCommand(to: Address, UploadId: string, options: ClientOptions): string {
  const words = [...addressArguments(to, options), ...formatOptions({ 'upload-id': UploadId })]
  return `s3-writable abort ${words.join(' ')}`
}

function addressArguments({ Bucket, Key }: Address, options: ClientOptions): string[] {
  return [shellQuote(`s3://${Bucket}/${Key}`), ...clientArguments(options)]
}

/** A failure without its stack. */
type FailureFields = Pick<Failure, 'exitCode' | 'message' | 'cause' | 'facts'>

/**
 * The failure with a hint at the end of its message.
 * @param forLog the hint without arguments of the producer, for `--json`
 */
export function addHint({ exitCode, message, cause, facts }: FailureFields, hint: string, forLog = hint): Failure {
  const failure = new Failure(exitCode, addSentence(message, hint), cause)
  failure.facts = { what: message, ...facts, line: addSentence(message, forLog) }
  return failure
}
