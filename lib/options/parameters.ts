import type { CheckedOptions } from './types.js'

export type Params = Readonly<Record<string, unknown>>
export type Operation = 'put' | 'create' | 'part' | 'complete' | 'abort' | 'list' | 'head' | 'uploads'

const BUCKET = ['Bucket', 'ExpectedBucketOwner', 'RequestPayer']
const ALWAYS = ['Key', ...BUCKET]
/** S3 does not keep a customer's key: whoever reads or adds bytes brings it along. */
const CUSTOMER_KEY = ['SSECustomerAlgorithm', 'SSECustomerKey', 'SSECustomerKeyMD5']
const CONDITIONS = ['IfMatch', 'IfNoneMatch']
/** Hashes of the whole that S3 cannot verify on an object stored in parts: whole-digest.ts does. */
const VERIFIED_HERE = ['CRC32', 'MD5', 'SHA1', 'SHA256', 'SHA512']

function verifiedByS3(algorithm: string | undefined): boolean {
  return algorithm !== undefined && !VERIFIED_HERE.includes(algorithm)
}

/** Which of the caller's parameters each operation takes. PutObject and Create take whatever they are not known to refuse. */
const TAKES: Record<Operation, (name: string) => boolean> = {
  put: (name) => name !== 'ChecksumType',
  create: (name) => ![...CONDITIONS, 'ContentMD5'].includes(name) && fullObjectAlgorithm(name) === undefined,
  part: (name) => ALWAYS.includes(name) || CUSTOMER_KEY.includes(name),
  complete: (name) => TAKES.part(name) || CONDITIONS.includes(name) || verifiedByS3(fullObjectAlgorithm(name)),
  abort: (name) => ALWAYS.includes(name),
  list: (name) => TAKES.part(name),
  head: (name) => TAKES.part(name),
  uploads: (name) => BUCKET.includes(name),
}

export function paramsFor(operation: Operation, s3: Params): Params {
  return Object.fromEntries(Object.entries(s3).filter(([name]) => TAKES[operation](name)))
}

/** Whether only Create takes it, so that it is too late for it once there is an upload. */
export function isCreateOnly(name: string): boolean {
  return /^[A-Z]/.test(name) && !TAKES.complete(name) && !isHash(name) && name !== 'ContentLength'
}

/** Whether it is a hash that takes every byte of the object to verify. */
export function needsEveryByte(name: string): boolean {
  return isHash(name) && name !== 'ChecksumCRC32' && !verifiedByS3(fullObjectAlgorithm(name))
}

/** The algorithm of a checksum of the whole that S3 is to verify; undefined where none is given. */
export function algorithmVerifiedByS3(s3: Params): string | undefined {
  return Object.keys(s3).map(fullObjectAlgorithm).find(verifiedByS3)
}

/** The checksums of the whole that the caller gave, by their parameters' names. */
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

/** The checksums that an upload declares; a part may only carry what Create declared. */
export type DeclaredChecksums = {
  ChecksumAlgorithm?: string
  ChecksumType?: string
}

/** What the caller asked for; else CRC-32 or nothing, as the client is set. Nothing is declared unasked. */
export async function declaredChecksums({ s3, client }: CheckedOptions): Promise<DeclaredChecksums> {
  const given = Object.keys(s3)
    .map(fullObjectAlgorithm)
    .find((algorithm) => algorithm !== undefined)
  const type = s3.ChecksumType ?? (verifiedByS3(given) ? 'FULL_OBJECT' : undefined)
  const asked = s3.ChecksumAlgorithm ?? given ?? (type === undefined ? undefined : 'CRC32')
  const algorithm = asked ?? ((await calculation(client.config)) === 'WHEN_SUPPORTED' ? 'CRC32' : undefined)
  return {
    ...(algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm as string }),
    ...(type === undefined ? {} : { ChecksumType: type as string }),
  }
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html */
async function calculation(config: { requestChecksumCalculation?: unknown }): Promise<unknown> {
  const setting = config.requestChecksumCalculation
  return typeof setting === 'function' ? await setting() : setting
}

/** The algorithm of a checksum of the full object, such as `SHA256` for `ChecksumSHA256`; undefined for another parameter. */
export function fullObjectAlgorithm(name: string): string | undefined {
  return /^Checksum(?!Algorithm$|Type$)(.+)/.exec(name)?.[1]
}
