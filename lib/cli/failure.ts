import { constants } from 'node:os'

/** What the process ends with, and why: one line for people. */
export class Failure extends Error {
  readonly code: number
  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** The codes that an option which is wrong is refused with, before anything is sent. */
const WRONG_OPTION = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']

/** What was thrown, as what the process ends with. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  const { code } = Object(error) as { code?: unknown }
  return new Failure(WRONG_OPTION.includes(code as string) ? 2 : 1, explained(error), error)
}

/** 128 + n, as a shell says it. */
export function signalCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** What to do about what S3, or the way to it, answered. By the name of the exception, or the code of the error. */
const ADVICE: Record<string, string> = {
  NoSuchBucket: 'There is no such bucket: look at its name, --region and --endpoint-url.',
  PermanentRedirect: 'The bucket is in another region: give its own with --region.',
  AuthorizationHeaderMalformed: 'The bucket is in another region: give its own with --region.',
  IllegalLocationConstraintException: 'The bucket is in another region: give its own with --region.',
  AccessDenied:
    'These credentials may not do this. It takes s3:PutObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts; to list, s3:ListBucketMultipartUploads.',
  InvalidAccessKeyId: 'S3 does not know this access key: look at AWS_ACCESS_KEY_ID and --profile.',
  SignatureDoesNotMatch:
    'The secret key is not the one of this access key: look at AWS_SECRET_ACCESS_KEY and --profile.',
  ExpiredToken: 'The credentials have expired: get new ones, such as by aws sso login.',
  RequestTimeTooSkewed: "This machine's clock is wrong: set it.",
  CredentialsProviderError:
    'There are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a --profile that has them.',
  PreconditionFailed: 'The object is there already, or is another one.',
  ECONNREFUSED: 'Nobody answers there: look at --endpoint-url.',
  ENOTFOUND:
    'There is no such host: look at --region and --endpoint-url, and give --path-style where buckets have no host names.',
  EAI_AGAIN: 'The name server does not answer: look at the network.',
  ERR_S3_TOO_MANY_PARTS: 'Raise --part-size, or give --expected-size.',
  ERR_S3_MEMORY: 'Lower --part-size or --concurrency, or give --expected-size.',
}

/** Requests that are only sent after S3 has accepted another one of the same upload. */
const LATER = ['UploadPart', 'CompleteMultipartUpload']
const WITHOUT_CHECKSUMS =
  "If the store does not know the SDK's checksums, set AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED."

/** One line: what failed, and what to do about it where that is known. */
export function explained(error: unknown): string {
  const all = causes(error)
  if (all.length === 0) return String(error)
  const { message } = all[0] as Cause
  if (/Region is missing/.test(message)) return 'There is no region: give --region, or set AWS_REGION.'
  return [message, ...adviceOn(all)].join('. ')
}

function adviceOn(all: Cause[]): string[] {
  const has = (so: (cause: Cause) => boolean): boolean => all.some(so)
  if (has(({ name }) => name === 'SignatureDoesNotMatch') && has(({ operation = '' }) => LATER.includes(operation))) {
    return ['The secret key is right, since S3 has accepted a request of this upload', WITHOUT_CHECKSUMS]
  }
  if (has(({ message }) => /x-amz-(sdk-)?checksum/i.test(message))) return [WITHOUT_CHECKSUMS]
  const known = all.flatMap(({ name = '', code = '' }) => [name, code]).find((word) => word in ADVICE)
  return known === undefined ? [] : [ADVICE[known] as string]
}

interface Cause {
  message: string
  name?: string
  code?: string
  operation?: string
}

/** The error and its causes, by their shape: an error of another realm is no instance of this one's Error. */
function causes(error: unknown, before: Cause[] = []): Cause[] {
  const { message, cause } = Object(error) as { message?: unknown; cause?: unknown }
  // An error may be its own cause.
  if (typeof message !== 'string' || before.includes(error as Cause)) return before
  return causes(cause, [...before, error as Cause])
}
