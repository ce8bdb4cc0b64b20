import type { CheckedOptions } from './types.js'

/** Parameters of an S3 operation, in S3's spelling. */
export type Params = Readonly<Record<string, unknown>>
/** An S3 operation: PutObject, CreateMultipartUpload, UploadPart, …, ListParts, HeadObject, ListMultipartUploads. */
export type Operation = 'put' | 'create' | 'part' | 'complete' | 'abort' | 'list' | 'head' | 'uploads'

const BUCKET = ['Bucket', 'ExpectedBucketOwner', 'RequestPayer']
const ALWAYS = ['Key', ...BUCKET]
/** S3 does not store a customer's key, so every request that reads or writes bytes must carry it. */
const CUSTOMER_KEY = ['SSECustomerAlgorithm', 'SSECustomerKey', 'SSECustomerKeyMD5']
const CONDITIONS = ['IfMatch', 'IfNoneMatch']
/**
 * Algorithms whose hash of the full object S3 cannot verify if it is stored in parts. checksums/object-digest.ts does.
 */
const NOT_VERIFIED_BY_S3 = ['CRC32', 'MD5', 'SHA1', 'SHA256', 'SHA512']

function isVerifiedByS3(algorithm: string | undefined): boolean {
  return algorithm !== undefined && !NOT_VERIFIED_BY_S3.includes(algorithm)
}

/**
 * Whether an operation accepts the caller's parameter of this name. PutObject and CreateMultipartUpload also accept the
 * names that are unknown here, because a newer SDK may add parameters.
 */
const ACCEPTS: Record<Operation, (name: string) => boolean> = {
  put: (name) => name !== 'ChecksumType',
  create: (name) => ![...CONDITIONS, 'ContentMD5'].includes(name) && fullObjectAlgorithm(name) === undefined,
  part: (name) => ALWAYS.includes(name) || CUSTOMER_KEY.includes(name),
  complete: (name) => ACCEPTS.part(name) || CONDITIONS.includes(name) || isVerifiedByS3(fullObjectAlgorithm(name)),
  abort: (name) => ALWAYS.includes(name),
  list: (name) => ACCEPTS.part(name),
  head: (name) => ACCEPTS.part(name),
  uploads: (name) => BUCKET.includes(name),
}

/** The caller's parameters that the operation accepts. */
export function paramsFor(operation: Operation, s3: Params): Params {
  return Object.fromEntries(Object.entries(s3).filter(([name]) => ACCEPTS[operation](name)))
}

/** Whether only CreateMultipartUpload accepts the parameter, so that it cannot be given for an existing upload. */
export function isCreateOnly(name: string): boolean {
  return /^[A-Z]/.test(name) && !ACCEPTS.complete(name) && !isHash(name) && name !== 'ContentLength'
}

/** Whether the parameter is a hash of the full object that can be verified only by reading every byte. */
export function needsEveryByte(name: string): boolean {
  return isHash(name) && name !== 'ChecksumCRC32' && !isVerifiedByS3(fullObjectAlgorithm(name))
}

/** The algorithm of the caller's checksum of the full object, if it is one that S3 verifies itself. */
export function algorithmVerifiedByS3(s3: Params): string | undefined {
  return Object.keys(s3).map(fullObjectAlgorithm).find(isVerifiedByS3)
}

/** The caller's checksums of the full object, by parameter name. */
export function callerChecksums(s3: Params): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(s3)
      .filter(([name]) => fullObjectAlgorithm(name) !== undefined)
      .map(([name, value]) => [name, [String(value)]]),
  )
}

function isHash(name: string): boolean {
  return name === 'ContentMD5' || fullObjectAlgorithm(name) !== undefined
}

/** The checksums that CreateMultipartUpload declares. A part may carry no other. */
export type DeclaredChecksums = {
  ChecksumAlgorithm?: string
  ChecksumType?: string
}

/**
 * The checksums that the caller asks for. Otherwise CRC-32, if the client's `requestChecksumCalculation` is
 * `WHEN_SUPPORTED`, or none.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
 */
export async function declaredChecksums({ s3, client }: CheckedOptions): Promise<DeclaredChecksums> {
  const givenAlgorithm = Object.keys(s3)
    .map(fullObjectAlgorithm)
    .find((algorithm) => algorithm !== undefined)
  const type = s3.ChecksumType ?? (isVerifiedByS3(givenAlgorithm) ? 'FULL_OBJECT' : undefined)
  const requested = s3.ChecksumAlgorithm ?? givenAlgorithm ?? (type === undefined ? undefined : 'CRC32')
  const algorithm = requested ?? ((await checksumCalculation(client.config)) === 'WHEN_SUPPORTED' ? 'CRC32' : undefined)
  return {
    ...(algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm as string }),
    ...(type === undefined ? {} : { ChecksumType: type as string }),
  }
}

async function checksumCalculation(config: { requestChecksumCalculation?: unknown }): Promise<unknown> {
  const setting = config.requestChecksumCalculation
  return typeof setting === 'function' ? await setting() : setting
}

/**
 * The algorithm of a checksum of the full object, such as `SHA256` for `ChecksumSHA256`; undefined for another
 * parameter.
 */
export function fullObjectAlgorithm(name: string): string | undefined {
  return /^Checksum(?!Algorithm$|Type$)(.+)/.exec(name)?.[1]
}
