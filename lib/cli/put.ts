import { availableParallelism } from 'node:os'
import { finished, pipeline } from 'node:stream/promises'
import {
  type Concurrency,
  type S3Writable,
  type S3WritableError,
  type S3WritableOptions,
  s3Writable,
} from '../index.js'
import { makeClient } from './client.js'
import { printErrorJson } from './error-json.js'
import { Failure, type FailureFacts, signalExitCode } from './failure.js'
import { formatBytes, formatTransfer, plural } from './format.js'
import { addHint, leftoverHint, resumeHint } from './hints.js'
import { checkStandardInput } from './input.js'
import { concurrencyWithin } from './memory.js'
import { toNamedFailure } from './option-errors.js'
import { printJson, printMessage } from './output.js'
import type { Address } from './parse.js'
import { type Producer, runCommand, standardInput } from './producer.js'
import { canShowProgress, showProgress } from './progress.js'
import type { UploadCommandOptions } from './put-options.js'
import { findInputFile, planResume, type ResumePlan } from './resume.js'
import { guessContentType, refuseCreateOnlyOptions, s3Parameters } from './s3-parameters.js'

/** A thread besides the one that reads, where there is a second core for it. */
const DEFAULT_THREADS = Math.min(1, availableParallelism() - 1)
/** The code, in JSON, of the failure of a producer. */
const PRODUCER_FAILED = 'ERR_PRODUCER'
const doNothing = async (): Promise<void> => {}
/** The producer of a dry run. */
const NO_PRODUCER = { terminate: doNothing, kill: doNothing }

/** Uploads standard input, or the output of a command. Rejects with a Failure if the object was not published. */
export async function uploadObject(to: Address, words: string[], options: UploadCommandOptions): Promise<void> {
  try {
    await upload(to, words, options)
  } catch (error) {
    throw withFacts(toNamedFailure(error, options.param), to)
  }
}

async function upload(to: Address, words: string[], options: UploadCommandOptions): Promise<void> {
  const [command, ...args] = words
  if (!options.dryRun && command === undefined) checkStandardInput()
  if (options.resume) refuseCreateOnlyOptions(options)
  // Before any request is sent: an option that is wrong must be the first to fail.
  const concurrency = concurrencyWithin(options)
  const client = await makeClient({ threads: DEFAULT_THREADS, ...options })
  const input = command === undefined ? findInputFile() : undefined
  const onResumeError = (error: unknown): never => {
    const hint = (producer: string[]): string => resumeHint(to, error, options, producer)
    throw addHint(toNamedFailure(error, options.param), hint(words), hint([]))
  }
  const plan = await planResume(client, to, options, input).catch(onResumeError)
  const given = streamOptions(to, options, concurrency, plan)
  if (options.dryRun) {
    const { dryRun } = await import('./dry-run.js')
    const end = (stream: S3Writable, hint: () => string): void => endOnSignals(stream, NO_PRODUCER, hint, to, options)
    const described = { to, options, streamOptions: given, command }
    return await dryRun({ client, ...described, onResumeError, endOnSignals: end }).finally(() => client.destroy())
  }
  let producer: Producer | undefined
  const beforeComplete = (): unknown => producer?.succeeded()
  // The stream checks the options, so it is made first: a wrong option must not start the producer.
  const stream = s3Writable({ client, beforeComplete, ...given, ...to } as S3WritableOptions)
  const start = performance.now()
  const hasProgress = options.progress && !options.quiet && !options.json && canShowProgress()
  try {
    producer =
      command === undefined
        ? standardInput(stream, plan.start)
        : runCommand(command, args, stream, hasProgress ? 'pipe' : 'inherit')
  } catch (error) {
    // Otherwise it would look for the upload to resume.
    stream.destroy()
    throw withFacts(error as Failure, { code: PRODUCER_FAILED })
  }
  const hint = (): string => leftoverHint(to, stream.UploadId ?? options.uploadId, options)
  endOnSignals(stream, producer, hint, to, options)
  const total = options.contentLength ?? options.expectedSize
  const hideProgress = hasProgress ? showProgress(stream, producer, total) : async (): Promise<void> => {}
  try {
    await pipeline(producer.output, stream)
  } catch (error) {
    // If the producer failed, pipeline rejects before the clean-up has ended.
    await finished(stream).catch(() => {})
    const reason = await findReason(error as Error, producer)
    await producer.terminate()
    // A signal that arrives while S3 completes the upload may be too late. Then the upload has succeeded.
    if (stream.result === undefined) {
      throw toUploadFailure(error as Error, reason, hint, (words) => resumeHint(to, error, options, words), words)
    }
  } finally {
    await hideProgress()
    client.destroy()
  }
  await printResult(stream, to, options, performance.now() - start)
}

function streamOptions(
  { Key }: Address,
  options: UploadCommandOptions,
  concurrency: Concurrency,
  { resume }: ResumePlan,
): object {
  const { partSize, expectedSize, contentLength: ContentLength } = options
  const { maxSize, maxParts, equalParts, stallTimeout, unsignedPayload, leaveParts: leavePartsOnError } = options
  const sizes = { partSize, expectedSize, ContentLength, maxSize, maxParts, equalParts }
  const rest = { concurrency, maxRate: options.limitRate, stallTimeout, unsignedPayload, leavePartsOnError, resume }
  const all: Record<string, unknown> = { ...sizes, ...rest, ...s3Parameters(options, options.param) }
  // A resumed upload already has its type, and the library refuses another.
  const defaultType = resume === undefined || resume === 'auto' ? guessContentType(Key) : undefined
  return { ...all, ContentType: all.ContentType ?? defaultType }
}

/** The producer's failure, if it may be why the length or a checksum of the stream is wrong; else the error itself. */
async function findReason(error: Error, { output, succeeded }: Producer): Promise<Error> {
  const { code } = error as Partial<S3WritableError>
  if (!output.readableEnded || (code !== 'ERR_S3_LENGTH' && code !== 'ERR_S3_INTEGRITY')) return error
  return await succeeded().then(
    () => error,
    (failure) => failure,
  )
}

function toUploadFailure(
  error: Error,
  reason: Error,
  leftover: () => string,
  resume: (words: string[]) => string,
  words: string[],
): Failure {
  const { cleanupError } = error as Partial<S3WritableError>
  const { message, facts } = toNamedFailure(reason)
  const exitCode = reason instanceof Failure ? reason.exitCode : 1
  const hint = (producer: string[]): string => (cleanupError === undefined ? resume(producer) : leftover())
  // The command that resumes also works without the producer: then it uploads standard input.
  const failure = addHint({ exitCode, message, cause: error, facts }, hint(words), hint([]))
  return reason instanceof Failure ? withFacts(failure, { code: PRODUCER_FAILED }) : failure
}

/** Adds facts for `--json`. Those that the failure already has stay as they are. */
function withFacts(failure: Failure, facts: FailureFacts): Failure {
  failure.facts = { ...facts, ...failure.facts }
  return failure
}

/** The first signal ends the producer, and aborts and cleans up the upload. The second one exits without waiting. */
function endOnSignals(
  upload: S3Writable,
  { terminate, kill }: Pick<Producer, 'terminate' | 'kill'>,
  hint: () => string,
  to: Address,
  { json }: UploadCommandOptions,
): void {
  let isFirst = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const code = signalExitCode(signal)
      const what = `Ended by ${signal}`
      const ended = (outcome: string): Failure =>
        withFacts(new Failure(code, `${what}. ${outcome}`), { ...to, code: 'ERR_SIGNAL' })
      if (!isFirst) {
        kill()
        printMessage(hint())
        // Not awaited: Node writes to files and pipes synchronously.
        if (json) void printErrorJson(withFacts(ended(hint()), { what }))
        process.exit(code)
      }
      isFirst = false
      upload.destroy(ended('Nothing was published.'))
      void terminate()
    })
  }
}

async function printResult(
  upload: S3Writable,
  { Bucket, Key }: Address,
  options: UploadCommandOptions,
  ms: number,
): Promise<void> {
  const { $metadata: _, ...result } = upload.result as NonNullable<S3Writable['result']>
  const object = `s3://${Bucket}/${Key}`
  if (options.json) await printJson(result).catch((failure) => throwPublished(failure, object))
  if (options.json || options.quiet) return
  const { size, parts, skipped = 0 } = result
  const resumed = skipped === 0 ? '' : `; ${formatBytes(skipped)} were already stored`
  printMessage(`${object}: ${formatTransfer(size, size - skipped, ms)}, ${plural(parts, 'part')}${resumed}`)
}

/** Says that the object exists, so that the exit code is not mistaken for a failed upload. */
function throwPublished({ exitCode, cause }: Failure, object: string): never {
  const why = (cause as Error).message
  throw new Failure(exitCode, `${object} was published, but standard output could not be written: ${why}`, cause)
}
