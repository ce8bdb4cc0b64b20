import { wholeChecksum } from './checksum.js'
import type { CheckedOptions } from './options.js'

export type Params = Readonly<Record<string, unknown>>
export type Operation = 'put' | 'create' | 'part' | 'complete' | 'abort' | 'list' | 'head'

const ALWAYS = ['Bucket', 'Key', 'ExpectedBucketOwner', 'RequestPayer']
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
  create: (name) => ![...CONDITIONS, 'ContentMD5'].includes(name) && wholeChecksum(name) === undefined,
  part: (name) => ALWAYS.includes(name) || CUSTOMER_KEY.includes(name),
  complete: (name) => TAKES.part(name) || CONDITIONS.includes(name) || verifiedByS3(wholeChecksum(name)),
  abort: (name) => ALWAYS.includes(name),
  list: (name) => TAKES.part(name),
  head: (name) => TAKES.part(name),
}

export function paramsFor(operation: Operation, s3: Params): Params {
  return Object.fromEntries(Object.entries(s3).filter(([name]) => TAKES[operation](name)))
}

/** The checksums that an upload declares; a part may only carry what Create declared. */
export type Declared = {
  ChecksumAlgorithm?: string
  ChecksumType?: string
}

/** What the caller asked for; else CRC-32 or nothing, as the client is set. Nothing is declared unasked. */
export async function declaredChecksums({ s3, client }: CheckedOptions): Promise<Declared> {
  const given = Object.keys(s3)
    .map(wholeChecksum)
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
