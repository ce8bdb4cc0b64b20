import type { S3WritableError } from '../index.js'
import type { Failure } from './failure.js'
import { printJson } from './output.js'

const EXIT_USAGE = 2

/** What is known about an error. JSON leaves out the fields that are undefined. */
type KnownFields = Partial<S3WritableError>

/**
 * The object that `--json` prints on standard output when the command fails; README.md describes its fields. It holds no
 * secrets: the library's errors have none, and the producer's arguments are left out.
 */
export function errorJson({ exitCode, message, cause, facts }: Failure): { error: object } {
  const known = Object(cause) as KnownFields
  const { Bucket = known.Bucket, Key = known.Key, line = message, what = known.message ?? line } = facts
  const hasAdvice = line.startsWith(what) && line.length > what.length
  const cleanupError = known.cleanupError as KnownFields | undefined
  return {
    error: {
      ...fieldsOf(known),
      code: facts.code ?? known.code ?? (exitCode === EXIT_USAGE ? 'ERR_USAGE' : undefined),
      // If the facts give the reason, such as a producer that failed, the cause does not have a name of its own.
      name: facts.code === undefined ? known.name : undefined,
      message: hasAdvice ? what : line,
      Bucket,
      Key,
      UploadId: known.UploadId ?? cleanupError?.UploadId,
      exitCode,
      advice: hasAdvice ? line.slice(what.length).replace(/^[.\s]+/, '') : undefined,
      objectMayExist: known.objectMayExist,
      cleanupError: cleanupError && fieldsOf(cleanupError),
    },
  }
}

function fieldsOf(error: KnownFields): object {
  const { code, name, message, operation, Bucket, Key, UploadId, PartNumber, $metadata } = error
  const { httpStatusCode, requestId } = $metadata ?? {}
  return { code, name, message, operation, Bucket, Key, UploadId, PartNumber, httpStatusCode, requestId }
}

/** Prints the failure as JSON. If standard output is closed or full, the failure and its exit code matter more. */
export async function printErrorJson(failure: Failure): Promise<void> {
  await printJson(errorJson(failure)).catch(() => {})
}
