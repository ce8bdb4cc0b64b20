import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { type S3Client, UploadPartCommand } from '@aws-sdk/client-s3'
import {
  type ResumePoint,
  resumePoint,
  type S3ClientLike,
  type S3Writable,
  type S3WritableError,
  type S3WritableOptions,
  s3Writable,
} from '../index.js'
import { formatBytes, plural } from './format.js'
import { addHint, leftoverHint } from './hints.js'
import { toNamedFailure } from './option-errors.js'
import { printJson, printMessage } from './output.js'
import type { Address } from './parse.js'
import type { UploadCommandOptions } from './put-options.js'
import { isAcceptedAfterCreate } from './s3-parameters.js'

/** What a dry run checks. */
export interface DryRun {
  client: S3Client
  to: Address
  options: UploadCommandOptions
  /** The options of the stream that the upload would have. */
  streamOptions: Partial<S3WritableOptions>
  /** The command that would be run; undefined for standard input. */
  command: string | undefined
  /** Throws the error of a search for the upload to resume, with the advice that an upload gives. */
  onResumeError: (error: unknown) => never
  /** Lets a signal end the stream and its clean-up. */
  endOnSignals: (stream: S3Writable, hint: () => string) => void
}

const MIN_PART_SIZE = 5 * 2 ** 20

/**
 * Checks that the upload could be begun, without its input: neither is standard input read, nor the producer started.
 *
 * 1. The stream checks the options.
 * 2. To resume, the upload to resume is found and its parts are listed.
 * 3. Otherwise an upload is begun, with the parameters of the real one, and removed, as after a failure. This shows that
 *    the credentials, the bucket, the encryption and the permissions suffice.
 */
export async function dryRun(run: DryRun): Promise<void> {
  const { client, to, streamOptions } = run
  // 1. Destroyed at once, it sends nothing.
  s3Writable({ ...streamOptions, client, ...to } as S3WritableOptions).destroy()
  // 2.
  const point = await findPoint(run).catch(run.onResumeError)
  // 3.
  if (point === undefined) await beginAndRemove(run)
  await printOutcome(run, point)
}

/** How far the upload to resume is; undefined if a new one would be begun. */
async function findPoint({ client, to, options, streamOptions }: DryRun): Promise<ResumePoint | undefined> {
  const { resume } = streamOptions
  if (resume === undefined) return undefined
  // With --trust-parts it is known already.
  if (typeof resume === 'object' && 'offset' in resume) return resume as ResumePoint
  const UploadId = resume === 'auto' ? await findUpload({ client, to, streamOptions }) : options.uploadId
  if (resume === 'auto' && UploadId === undefined) return undefined
  const accepted = Object.entries(options.param ?? {}).filter(([name]) => isAcceptedAfterCreate(name))
  return await resumePoint({ ...Object.fromEntries(accepted), client, ...to, UploadId })
}

/** The upload that a stream with `resume: 'auto'` finds. */
async function findUpload({
  client,
  to,
  streamOptions,
}: Pick<DryRun, 'client' | 'to' | 'streamOptions'>): Promise<string | undefined> {
  // With leavePartsOnError, the end of this stream removes nothing.
  const stream = s3Writable({ ...streamOptions, client, leavePartsOnError: true, ...to } as S3WritableOptions)
  return await new Promise((resolve, reject) => {
    stream.on('error', reject)
    // Called back after the search. If that fails, an `error` event follows.
    stream.write('', (error) => {
      if (error) return
      resolve(stream.UploadId)
      stream.destroy()
    })
  })
}

/** Begins an upload, and removes it as a stream that fails does. */
async function beginAndRemove({ client, to, options, streamOptions, endOnSignals }: DryRun): Promise<void> {
  const withoutLimits = { ContentLength: undefined, expectedSize: undefined, maxSize: undefined, maxParts: undefined }
  const own = { client: withoutParts(client), partSize: MIN_PART_SIZE, leavePartsOnError: false, resume: undefined }
  const stream = s3Writable({ ...streamOptions, ...withoutLimits, ...own, ...to } as S3WritableOptions)
  endOnSignals(stream, () => leftoverHint(to, stream.UploadId, options))
  // A stream begins an upload when its first part is full and another byte comes.
  stream.write(Buffer.alloc(MIN_PART_SIZE + 1), () => {})
  const end: Partial<S3WritableError> & Error = new Error('The dry run has ended')
  const error = await once(stream, 'upload').then(
    () => end,
    (failure) => failure,
  )
  stream.on('error', () => {}).destroy(end)
  await finished(stream).catch(() => {})
  const { cleanupError } = error as Partial<S3WritableError>
  if (cleanupError !== undefined) {
    const { UploadId } = cleanupError as Partial<S3WritableError>
    const cause = error === end ? cleanupError : error
    const { exitCode, message, facts } = toNamedFailure(cause)
    throw addHint({ exitCode, message, facts, cause }, leftoverHint(to, UploadId, options))
  }
  if (error !== end) throw error
}

/** A client that never sends a part: its request waits until it is cancelled. */
function withoutParts(client: S3Client): S3ClientLike {
  return {
    config: client.config,
    send: async (command, options) => {
      if (command instanceof UploadPartCommand) return await untilAborted(options.abortSignal)
      return await client.send(command, options)
    },
  }
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted()
  await once(signal, 'abort')
  throw signal.reason
}

async function printOutcome({ to, options, command }: DryRun, point: ResumePoint | undefined): Promise<void> {
  if (options.json) await printJson({ dryRun: true, ...to, ...point })
  if (options.json || options.quiet) return
  const input = command === undefined ? 'standard input' : `the output of ${command}`
  printMessage(
    `s3://${to.Bucket}/${to.Key}: ${checked(options, point)}; nothing was sent. Without --dry-run, ${input} would be uploaded.`,
  )
}

function checked({ resumeAuto }: UploadCommandOptions, point: ResumePoint | undefined): string {
  if (point !== undefined) {
    const { UploadId, offset, parts } = point
    return `upload ${UploadId} can be resumed, with ${formatBytes(offset)} stored in ${plural(parts, 'part')} without a gap`
  }
  return `${resumeAuto ? 'there is no upload to resume; a new one' : 'an upload'} can be begun and removed`
}
