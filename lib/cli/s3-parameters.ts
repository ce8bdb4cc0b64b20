import { lookup } from 'mime-types'
import { Failure } from './failure.js'

/** The S3 parameters that have an option of their own, keyed by the property that commander gives the option. */
const OPTIONS = {
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

const ACCEPTED_AFTER_CREATE = [
  'Bucket',
  'Key',
  'ContentLength',
  'ContentMD5',
  'ExpectedBucketOwner',
  'IfMatch',
  'IfNoneMatch',
  'RequestPayer',
  'SSECustomerAlgorithm',
  'SSECustomerKey',
  'SSECustomerKeyMD5',
]
/** The value of a checksum, such as `ChecksumSHA256`. CreateMultipartUpload takes only its algorithm and its type. */
const CHECKSUM_VALUE = /^Checksum(?!Algorithm$|Type$)./

/**
 * Whether a resumed upload still accepts this S3 parameter. All others are fixed by CreateMultipartUpload.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
 */
export function isAcceptedAfterCreate(name: string): boolean {
  return ACCEPTED_AFTER_CREATE.includes(name) || CHECKSUM_VALUE.test(name)
}

/** Throws if an option sets a parameter that the upload to resume has fixed already. The library checks `--param`. */
export function refuseCreateOnlyOptions(options: object): void {
  const property = Object.keys(OPTIONS).find((key) => key in options && !isAcceptedAfterCreate(parameterOf(key)))
  if (property === undefined) return
  throw new Failure(
    2,
    `${flagOf(property)} cannot be combined with --resume: it was fixed when the upload was created.`,
  )
}

/** The option that sets an S3 parameter, or one name of the metadata, as in `Metadata.title`; undefined if there is none. */
export function flagOfParameter(name: string): string | undefined {
  const [parameter, ...rest] = name.split('.')
  const [property] = Object.entries(OPTIONS).find(([, known]) => known === parameter) ?? []
  return property && [flagOf(property), ...rest].join(' ')
}

function flagOf(property: string): string {
  return `--${property.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function parameterOf(property: string): string {
  return OPTIONS[property as keyof typeof OPTIONS]
}

/** The S3 parameters that the options and `--param` set. */
export function s3Parameters(options: object, param?: Record<string, unknown>): Record<string, unknown> {
  const given = options as Record<string, unknown>
  const fromOptions = Object.entries(OPTIONS).map(([property, name]) => [name, given[property]])
  return { ...Object.fromEntries(fromOptions), ...param }
}

/** The media type of a key's extension; undefined if the extension is unknown. */
export function guessContentType(key: string): string | undefined {
  return lookup(key) || undefined
}
