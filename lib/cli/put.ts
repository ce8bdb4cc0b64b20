import { finished, pipeline } from 'node:stream/promises'
import { lookup } from 'mime-types'
import { type S3Writable, type S3WritableError, type S3WritableOptions, s3Writable } from '../index.js'
import { isCreateOnly } from '../options/parameters.js'
import { type ClientOptions, clientArguments, makeClient } from './client.js'
import { explained, Failure, signalCode } from './failure.js'
import { printJson, say } from './output.js'
import { type Address, bytes, counted, duration } from './parse.js'
import { type Producer, run, standardInput } from './producer.js'
import { showProgress } from './progress.js'
import { inputFile, type Resumed, type ResumeOptions, resumed } from './resume.js'
import { flags, quoted } from './shell.js'

/** The options of the command, as commander names them. */
export interface PutOptions extends ClientOptions, ResumeOptions {
  partSize?: number
  concurrency?: number
  expectedSize?: number
  contentLength?: number
  ifNoneMatch?: string
  metadata?: Record<string, string>
  param?: Record<string, unknown>
  json?: boolean
  quiet?: boolean
  progress: boolean
}

/** S3's parameters that have an option of their own, by the name that commander gives it. */
const PARAMETERS = {
  metadata: 'Metadata',
  contentType: 'ContentType',
  contentEncoding: 'ContentEncoding',
  contentDisposition: 'ContentDisposition',
  contentLanguage: 'ContentLanguage',
  cacheControl: 'CacheControl',
  storageClass: 'StorageClass',
  acl: 'ACL',
  sse: 'ServerSideEncryption',
  sseKmsKeyId: 'SSEKMSKeyId',
  tagging: 'Tagging',
  checksumType: 'ChecksumType',
  checksumAlgorithm: 'ChecksumAlgorithm',
  ifNoneMatch: 'IfNoneMatch',
} as const

/** Uploads what comes in, or what a command puts out. Throws a Failure where the object is not there. */
export async function put(to: Address, [command, ...args]: string[], options: PutOptions): Promise<void> {
  if (command === undefined && process.stdin.isTTY) {
    throw new Failure(
      2,
      'Nothing is piped in, and no command is given: producer | s3-writable …, or s3-writable … -- producer.',
    )
  }
  if (options.resume) refuseTaken(options)
  const client = makeClient(options)
  const input = command === undefined ? inputFile() : undefined
  const found = await resumed(client, to, options, input)
  // Before the producer is started: an option that is wrong must not cost a run of it.
  let producer: Producer | undefined
  const beforeComplete = (): unknown => producer?.succeeded()
  const wanted = { client, beforeComplete, ...parameters(to, options, found), ...to }
  const upload = s3Writable(wanted as S3WritableOptions)
  const start = performance.now()
  producer = command === undefined ? standardInput(found.start) : run(command, args)
  const { output, end } = producer
  const hint = (): string => whatIsLeft(to, upload.UploadId ?? options.uploadId, options)
  endOnSignals(upload, producer, hint)
  const about = options.contentLength ?? options.expectedSize
  const shows = options.progress && !options.quiet && !options.json && process.stderr.isTTY
  const done = shows ? showProgress(upload, about) : (): void => {}
  try {
    await pipeline(output, upload)
  } catch (error) {
    // Where the producer failed, pipeline does not wait for the clean-up.
    await finished(upload).catch(() => {})
    const cause = await firstCause(error as Error, producer)
    await end()
    // A signal that came while S3 made the object came too late.
    const words = command === undefined ? [] : [command, ...args]
    if (upload.result === undefined) throw failed(error as Error, cause, hint, howToGoOn(to, error, options, words))
  } finally {
    done()
    client.destroy()
  }
  await tell(upload, to, options, performance.now() - start)
}

/** What the upload was begun with cannot be changed. */
function refuseTaken(options: PutOptions): void {
  const found = Object.entries(PARAMETERS).find(([option, name]) => isCreateOnly(name) && option in options)
  if (found === undefined) return
  const flag = found[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new Failure(2, `--${flag} does not go with --resume: what the upload was begun with cannot be changed.`)
}

function parameters({ Key }: Address, options: PutOptions, { resume }: Resumed): object {
  const given = options as unknown as Record<string, unknown>
  const { partSize, concurrency, expectedSize, contentLength: ContentLength, param } = options
  const { leaveParts: leavePartsOnError } = options
  const named = Object.entries(PARAMETERS).map(([option, name]) => [name, given[option]])
  const own = { partSize, concurrency, expectedSize, ContentLength, leavePartsOnError, resume }
  const all = { ...own, ...Object.fromEntries(named), ...param }
  const ContentType = all.ContentType ?? (resume === undefined ? lookup(Key) || undefined : undefined)
  return { ...all, ContentType }
}

/** A stream that is too short, or that does not hash as it should, may be so because its producer failed. */
async function firstCause(error: Error, { output, succeeded }: Producer): Promise<Error> {
  const { code } = error as Partial<S3WritableError>
  if (!output.readableEnded || (code !== 'ERR_S3_LENGTH' && code !== 'ERR_S3_INTEGRITY')) return error
  return await succeeded().then(
    () => error,
    (failure) => failure,
  )
}

function failed(error: Error, cause: Error, hint: () => string, again: string): Failure {
  const code = cause instanceof Failure ? cause.code : 1
  const { cleanupError } = error as Partial<S3WritableError>
  return new Failure(code, `${explained(cause)}${cleanupError === undefined ? again : ` ${hint()}`}`, error)
}

/** With what --leave-parts has kept; nothing where that is nothing. */
export function howToGoOn(to: Address, error: unknown, options: PutOptions, command: string[]): string {
  const { UploadId, code } = error as Partial<S3WritableError>
  if (!options.leaveParts || UploadId === undefined || code === 'ERR_S3_RESUME') return ''
  const words = ['s3-writable --resume', ...where(to, options), ...flags({ 'upload-id': UploadId }), '--leave-parts']
  const again = command.length === 0 ? [] : ['--', ...command.map(quoted)]
  const line = [...words, ...saidAgain(options), ...again].join(' ')
  return ` What is stored is kept. To go on, with the same input: ${line}`
}

/** The options that an upload which is there already still needs. A customer's key is not printed. */
function saidAgain({ ifNoneMatch, contentLength, concurrency, trustParts, param = {} }: PutOptions): string[] {
  const params = Object.entries(param).filter(([name]) => !isCreateOnly(name))
  return [
    ...(trustParts ? ['--trust-parts'] : []),
    ...flags({ 'if-none-match': ifNoneMatch, 'content-length': contentLength, concurrency }),
    ...params.flatMap(([name, value]) => flags({ param: `${name}=${/Key/.test(name) ? '…' : value}` })),
  ]
}

function whatIsLeft(to: Address, UploadId: string | undefined, options: ClientOptions): string {
  const at = where(to, options).join(' ')
  if (UploadId === undefined) return `An upload may be left. To look: s3-writable ls ${at}`
  return `Parts may be left. To remove them: s3-writable abort ${at} ${flags({ 'upload-id': UploadId }).join(' ')}`
}

function where({ Bucket, Key }: Address, options: ClientOptions): string[] {
  return [quoted(`s3://${Bucket}/${Key}`), ...clientArguments(options)]
}

/** The first signal ends the producer and the upload, and cleans up; the second one ends at once. */
function endOnSignals(upload: S3Writable, { end, kill }: Producer, hint: () => string): void {
  let first = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const code = signalCode(signal)
      if (!first) {
        kill()
        say(hint())
        process.exit(code)
      }
      first = false
      upload.destroy(new Failure(code, `Ended by ${signal}. Nothing was published.`))
      void end()
    })
  }
}

async function tell(upload: S3Writable, { Bucket, Key }: Address, options: PutOptions, ms: number): Promise<void> {
  const { $metadata: _, ...result } = upload.result as NonNullable<S3Writable['result']>
  if (options.json) await printJson(result).catch((failure) => tellAnyway(failure, `s3://${Bucket}/${Key}`))
  if (options.json || options.quiet) return
  const { size, parts, skipped = 0 } = result
  const rate = bytes(Math.round((size - skipped) / (ms / 1000)))
  const there = skipped === 0 ? '' : `; ${bytes(skipped)} of it were there already`
  say(`s3://${Bucket}/${Key}: ${bytes(size)} in ${duration(ms)}, ${rate}/s, ${counted(parts, 'part')}${there}`)
}

/** An exit code that is not 0 must not be taken for an upload that failed. */
function tellAnyway({ code, cause }: Failure, object: string): never {
  const why = (cause as Error).message
  throw new Failure(code, `${object} is there, but standard output could not be written: ${why}`, cause)
}
