import type { S3WritableError } from '../index.js'
import { type ClientOptions, clientArguments } from './client.js'
import type { Address } from './parse.js'
import type { UploadCommandOptions } from './put-options.js'
import { isAcceptedAfterCreate } from './s3-parameters.js'
import { formatOptions, shellQuote } from './shell.js'

/**
 * The sentence that names the command which resumes a failed upload. It is empty unless `--leave-parts` kept an upload
 * that can be resumed.
 */
export function resumeHint(to: Address, error: unknown, options: UploadCommandOptions, command: string[]): string {
  const { UploadId, code } = error as Partial<S3WritableError>
  if (!options.leaveParts || UploadId === undefined || code === 'ERR_S3_RESUME') return ''
  const line = [
    's3-writable --resume',
    ...addressArguments(to, options),
    ...formatOptions({ 'upload-id': UploadId }),
    '--leave-parts',
    ...uploadArguments(options),
    ...(command.length === 0 ? [] : ['--', ...command.map(shellQuote)]),
  ].join(' ')
  return ` The stored parts are kept. To resume, run this with the same input: ${line}`
}

/** The options that a resumed upload still accepts. The value of a customer's key is a secret, so it is not printed. */
function uploadArguments({
  ifNoneMatch,
  contentLength,
  concurrency,
  trustParts,
  param = {},
}: UploadCommandOptions): string[] {
  const accepted = Object.entries(param).filter(([name]) => isAcceptedAfterCreate(name))
  return [
    ...(trustParts ? ['--trust-parts'] : []),
    ...formatOptions({ 'if-none-match': ifNoneMatch, 'content-length': contentLength, concurrency }),
    ...accepted.flatMap(([name, value]) => formatOptions({ param: `${name}=${/Key/.test(name) ? '…' : value}` })),
  ]
}

/** The sentence that names the command which removes, or finds, what a failed clean-up may have left. */
export function leftoverHint(to: Address, UploadId: string | undefined, options: ClientOptions): string {
  const at = addressArguments(to, options).join(' ')
  if (UploadId === undefined) return `An unfinished upload may be left. To list it: s3-writable ls ${at}`
  const uploadId = formatOptions({ 'upload-id': UploadId }).join(' ')
  return `Parts may be left. To remove them: s3-writable abort ${at} ${uploadId}`
}

function addressArguments({ Bucket, Key }: Address, options: ClientOptions): string[] {
  return [shellQuote(`s3://${Bucket}/${Key}`), ...clientArguments(options)]
}
