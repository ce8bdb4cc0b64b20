import { constants } from 'node:os'

/** What `--json` prints of a failure, beside what its cause knows. */
export interface FailureFacts {
  /** What went wrong, if the cause has no `code`, or is not the reason. */
  code?: string
  Bucket?: string
  Key?: string
  /** What failed, if it is not the message of the cause: the failure's message begins with it, and advice follows. */
  what?: string
  /** The failure's message for a log, if the one for the user has arguments of the producer, which may be secret. */
  line?: string
}

/** An error that ends the process: its exit code, and a one-line message for the user. */
export class Failure extends Error {
  readonly exitCode: number
  facts: FailureFacts = {}
  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.exitCode = code
  }
}

/** Codes of the errors with which the library rejects a wrong option, before it sends a request. */
const WRONG_OPTION = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']

/** Turns any thrown value into a Failure: exit code 2 for a wrong option, 1 for everything else. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  const { code } = Object(error) as { code?: unknown }
  return new Failure(WRONG_OPTION.includes(code as string) ? 2 : 1, explain(error), error)
}

/** The exit code that shells report for a process ended by a signal: 128 + the signal's number. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/** What to do about an error, by the name of S3's exception, or by the code of the system's or the library's error. */
const ADVICE: Record<string, string> = {
  NoSuchBucket: 'The bucket does not exist: check its name, --region and --endpoint-url.',
  PermanentRedirect: "The bucket is in another region: pass the bucket's region with --region.",
  AuthorizationHeaderMalformed: "The bucket is in another region: pass the bucket's region with --region.",
  IllegalLocationConstraintException: "The bucket is in another region: pass the bucket's region with --region.",
  AccessDenied:
    'The credentials do not permit this request. An upload needs s3:PutObject, s3:AbortMultipartUpload and ' +
    's3:ListMultipartUploadParts; a list of uploads also needs s3:ListBucketMultipartUploads.',
  InvalidAccessKeyId: 'The access key does not exist: check AWS_ACCESS_KEY_ID and --profile.',
  SignatureDoesNotMatch: 'The secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY and --profile.',
  ExpiredToken: 'The credentials have expired: renew them, for example with aws sso login.',
  RequestTimeTooSkewed: "This machine's clock is wrong: set it.",
  CredentialsProviderError:
    'No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass a --profile that has them.',
  PreconditionFailed: 'The object already exists, or is not the version that IfMatch names.',
  ECONNREFUSED: 'Connection refused: check --endpoint-url, and that the server is running.',
  ENOTFOUND:
    'The host name does not exist: check --region and --endpoint-url, and pass --path-style if the server has no ' +
    'host name for each bucket.',
  EAI_AGAIN: 'The DNS server did not answer: check the network connection.',
  ERR_S3_TOO_MANY_PARTS: 'Raise --part-size, or pass --expected-size.',
  ERR_S3_MEMORY: 'Lower --part-size or --concurrency, or pass --expected-size.',
}

/** Requests that are sent only after S3 accepted an earlier request of the same upload, with the same keys. */
const LATER_REQUESTS = ['UploadPart', 'CompleteMultipartUpload']
const WITHOUT_CHECKSUMS =
  "If the server does not support the SDK's checksums, set AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED."

/** One line: what failed, and what to do about it if that is known. */
export function explain(error: unknown): string {
  const chain = causeChain(error)
  if (chain.length === 0) return String(error)
  const { message } = chain[0] as Cause
  if (/Region is missing/.test(message)) return 'The region is missing: pass --region, or set AWS_REGION.'
  return [message, ...adviceFor(chain)].join('. ')
}

function adviceFor(chain: Cause[]): string[] {
  const some = (test: (cause: Cause) => boolean): boolean => chain.some(test)
  const isLater = some(({ operation = '' }) => LATER_REQUESTS.includes(operation))
  if (isLater && some(({ name }) => name === 'SignatureDoesNotMatch')) {
    return ['The secret key is right, because S3 accepted an earlier request of this upload', WITHOUT_CHECKSUMS]
  }
  if (some(({ message }) => /x-amz-(sdk-)?checksum/i.test(message))) return [WITHOUT_CHECKSUMS]
  const known = chain.flatMap(({ name = '', code = '' }) => [name, code]).find((word) => word in ADVICE)
  return known === undefined ? [] : [ADVICE[known] as string]
}

interface Cause {
  message: string
  name?: string
  code?: string
  operation?: string
}

/**
 * The error and its causes, outermost first. They are recognized by their `message`, because `instanceof Error` is
 * false for an error from another realm.
 */
function causeChain(error: unknown, outer: Cause[] = []): Cause[] {
  const { message, cause } = Object(error) as { message?: unknown; cause?: unknown }
  // An error may be its own cause.
  if (typeof message !== 'string' || outer.includes(error as Cause)) return outer
  return causeChain(cause, [...outer, error as Cause])
}
