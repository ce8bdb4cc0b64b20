import { hashAtOnce } from './hash.js'

/** The parameters of a request or an answer that make an ETag something other than an MD5. */
export interface EncryptionParams {
  ServerSideEncryption?: string | undefined
  SSECustomerAlgorithm?: string | undefined
}

/** Whether this is a directory bucket or an access point of one, by its name or its ARN. */
export function isDirectoryBucket(Bucket: string): boolean {
  return /--xa?-s3$|^arn:[^:]*:s3express:/.test(Bucket)
}

/**
 * Whether an ETag is not an MD5: under SSE-KMS, under a customer's key (SSE-C), and in a directory bucket.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function hasOpaqueETag(
  { ServerSideEncryption, SSECustomerAlgorithm }: EncryptionParams,
  Bucket: string,
): boolean {
  return (
    ServerSideEncryption?.startsWith('aws:') === true || SSECustomerAlgorithm !== undefined || isDirectoryBucket(Bucket)
  )
}

/** The ETag as an MD5 in hexadecimal digits; undefined if it has another form. */
export function md5OfETag(ETag: string): string | undefined {
  const plain = comparable(ETag)
  return /^[0-9a-f]{32}$/.test(plain) ? plain : undefined
}

/** The ETag without quotes, and with hexadecimal digits in small letters: Alibaba Cloud OSS gives capitals. */
export function comparable(ETag: string): string {
  const plain = unquoted(ETag)
  return /^[0-9A-F]{32}(-\d+)?$/.test(plain) ? plain.toLowerCase() : plain
}

/** The ETag without quotes, which Ceph omits. */
function unquoted(ETag: string): string {
  return ETag.replaceAll('"', '')
}

/**
 * Matches an ETag that AWS may have given to an object in parts. An object of a single PutObject has none of this form.
 * AWS gives no capitals, and the ETags in capitals of OSS do not follow AWS's rule.
 */
const MULTIPART = /^[0-9a-f]{32}-\d+$/

/** Whether the ETag has the form that AWS gives to an object in parts. */
export function isMultipartETag(ETag: string): boolean {
  return MULTIPART.test(unquoted(ETag))
}

/** The MD5 of the bytes in hexadecimal digits, computed synchronously. */
export function md5(bytes: Uint8Array): string {
  return hashAtOnce('md5', bytes).digest('hex')
}

/**
 * The ETag that AWS gives to an object in parts: the MD5 of the parts' MD5s, and the number of parts. Undefined if the
 * MD5 of a part is not known.
 */
export function multipartETag(md5s: readonly (string | undefined)[]): string | undefined {
  if (md5s.includes(undefined)) return undefined
  return `${md5(Buffer.from(md5s.join(''), 'hex'))}-${md5s.length}`
}
