/** An error, or a cause of one, as far as advice depends on it. */
export interface Cause {
  message: string
  name?: string
  code?: string
  operation?: string
}

const OTHER_REGION = "The bucket is in another region: pass the bucket's region with --region."
const UNKNOWN_ISSUER =
  "The server's certificate is not signed by an authority that is trusted here: pass the authority's certificate with " +
  '--ca-bundle FILE, or set AWS_CA_BUNDLE.'

/** What to do about an error, by the name of S3's exception, or by the code of the system's or the library's error. */
const BY_NAME: Record<string, string> = {
  NoSuchBucket: 'The bucket does not exist: check its name, --region and --endpoint-url.',
  PermanentRedirect: OTHER_REGION,
  TemporaryRedirect: OTHER_REGION,
  AuthorizationHeaderMalformed: OTHER_REGION,
  IllegalLocationConstraintException: OTHER_REGION,
  AccessDenied:
    'The credentials do not permit this request. An upload needs s3:PutObject, s3:AbortMultipartUpload and ' +
    's3:ListMultipartUploadParts; a list of uploads also needs s3:ListBucketMultipartUploads.',
  InvalidAccessKeyId: 'The access key does not exist: check AWS_ACCESS_KEY_ID and --profile.',
  SignatureDoesNotMatch: 'The secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY and --profile.',
  ExpiredToken: 'The credentials have expired: renew them, for example with aws sso login.',
  RequestTimeTooSkewed: "This machine's clock is wrong: set it.",
  CredentialsProviderError:
    'No credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and leave --profile out, or pass a ' +
    '--profile that has them, or whose credential_process succeeds.',
  PreconditionFailed: 'The object already exists, or is not the version that IfMatch names.',
  ECONNREFUSED: 'Connection refused: check --endpoint-url, and that the server is running.',
  ENOTFOUND:
    'The host name does not exist: check --region and --endpoint-url, and pass --path-style if the server has no ' +
    'host name for each bucket.',
  EAI_AGAIN: 'The DNS server did not answer: check the network connection.',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_ISSUER,
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "The server's certificate is self-signed: pass the certificate with --ca-bundle FILE, or set AWS_CA_BUNDLE.",
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  ERR_TLS_CERT_ALTNAME_INVALID:
    "The server's certificate is for another host name: use that name in --endpoint-url, and pass --path-style if the " +
    'certificate does not cover the host name with the bucket.',
  CERT_HAS_EXPIRED:
    "The server's certificate has expired: renew it on the server. If it has not, this machine's clock is wrong.",
  CERT_NOT_YET_VALID: "The server's certificate is not valid yet: this machine's clock may be wrong.",
  HPE_INVALID_CONSTANT: 'The answer is not HTTP: if the server speaks https, use https:// in --endpoint-url.',
  ERR_S3_TOO_MANY_PARTS: 'Raise --part-size, or pass --expected-size.',
  ERR_S3_MEMORY: 'Lower --part-size or --concurrency, or pass --expected-size.',
}

/** What to do about an error whose message says more than its name. The first one that matches counts. */
const BY_MESSAGE: [message: RegExp, advice: string][] = [
  // The sentence of bucket-region.ts.
  [/\bThe bucket is in ([\w-]+)\./, 'Pass --region $1.'],
  [/\bwrong version number\b/, 'The server speaks http: use http:// in --endpoint-url.'],
  // The messages of Go's servers, MinIO among them, and of nginx.
  [/\bHTTP request (was sent )?to (an )?HTTPS (server|port)\b/, 'Use https:// in --endpoint-url.'],
  // The message says to run aws sso login.
  [/\baws sso login\b/, ''],
  [
    /requires multi-factor authentication/,
    'This command does not ask for a code. To get credentials for the environment: ' +
      'aws configure export-credentials --format env, with the same --profile.',
  ],
]

/** Requests that are sent only after S3 accepted an earlier request of the same upload, with the same keys. */
const LATER_REQUESTS = ['UploadPart', 'CompleteMultipartUpload']
const WITHOUT_CHECKSUMS =
  "If the server does not support the SDK's checksums, set AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED."

/** Sentences on what to do about an error, given with its causes, outermost first; empty if nothing is known. */
export function adviceFor(chain: Cause[]): string[] {
  const some = (test: (cause: Cause) => boolean): boolean => chain.some(test)
  const isLater = some(({ operation = '' }) => LATER_REQUESTS.includes(operation))
  if (isLater && some(({ name }) => name === 'SignatureDoesNotMatch')) {
    return ['The secret key is right, because S3 accepted an earlier request of this upload', WITHOUT_CHECKSUMS]
  }
  if (some(({ message }) => /x-amz-(sdk-)?checksum/i.test(message))) return [WITHOUT_CHECKSUMS]
  const text = chain.map(({ message }) => message).join('\n')
  for (const [pattern, advice] of BY_MESSAGE) {
    const found = pattern.exec(text)
    if (found !== null) return advice === '' ? [] : [advice.replace('$1', found[1] ?? '')]
  }
  const known = chain.flatMap(({ name = '', code = '' }) => [name, code]).find((word) => Object.hasOwn(BY_NAME, word))
  if (known !== undefined) return [BY_NAME[known] as string]
  // A server that closes the connection at the first request may have expected TLS.
  const isReset = !isLater && some(({ code }) => code === 'ECONNRESET')
  return isReset ? ['The server closed the connection: check the port and http:// or https:// in --endpoint-url.'] : []
}
