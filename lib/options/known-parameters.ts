import type { CreateMultipartUploadCommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3'
import { closestMatch } from 'leven'

type Parameters = Omit<PutObjectCommandInput & CreateMultipartUploadCommandInput, 'Body'>
type TypeName<T> = [T] extends [string]
  ? 'string'
  : [T] extends [number]
    ? 'number'
    : [T] extends [boolean]
      ? 'boolean'
      : [T] extends [Date]
        ? 'date'
        : 'object'

/**
 * The parameters of PutObject and CreateMultipartUpload, with the type of their values. The compiler checks that the list
 * is complete for the SDK that this package is built with. A newer SDK may have more.
 */
export const KNOWN_PARAMETERS = {
  ACL: 'string',
  Bucket: 'string',
  BucketKeyEnabled: 'boolean',
  CacheControl: 'string',
  ChecksumAlgorithm: 'string',
  ChecksumCRC32: 'string',
  ChecksumCRC32C: 'string',
  ChecksumCRC64NVME: 'string',
  ChecksumMD5: 'string',
  ChecksumSHA1: 'string',
  ChecksumSHA256: 'string',
  ChecksumSHA512: 'string',
  ChecksumType: 'string',
  ChecksumXXHASH128: 'string',
  ChecksumXXHASH3: 'string',
  ChecksumXXHASH64: 'string',
  ContentDisposition: 'string',
  ContentEncoding: 'string',
  ContentLanguage: 'string',
  ContentLength: 'number',
  ContentMD5: 'string',
  ContentType: 'string',
  ExpectedBucketOwner: 'string',
  Expires: 'date',
  GrantFullControl: 'string',
  GrantRead: 'string',
  GrantReadACP: 'string',
  GrantWriteACP: 'string',
  IfMatch: 'string',
  IfNoneMatch: 'string',
  Key: 'string',
  Metadata: 'object',
  ObjectLockEventHold: 'string',
  ObjectLockEventHoldDurationDays: 'number',
  ObjectLockEventHoldDurationYears: 'number',
  ObjectLockLegalHoldStatus: 'string',
  ObjectLockMode: 'string',
  ObjectLockRetainUntilDate: 'date',
  RequestPayer: 'string',
  SSECustomerAlgorithm: 'string',
  SSECustomerKey: 'string',
  SSECustomerKeyMD5: 'string',
  SSEKMSEncryptionContext: 'string',
  SSEKMSKeyId: 'string',
  ServerSideEncryption: 'string',
  StorageClass: 'string',
  Tagging: 'string',
  WebsiteRedirectLocation: 'string',
  WriteOffsetBytes: 'number',
} as const satisfies { [Name in keyof Required<Parameters>]: TypeName<NonNullable<Parameters[Name]>> }

/** Up to how many letters a name may differ from a known one and still be taken for a misspelling. */
const MAX_TYPOS = 2

/**
 * The known name that `name` is probably a misspelling of; undefined if it is not similar to any. Names with other digits
 * are not similar: `ChecksumSHA512` is another parameter than `ChecksumSHA256`.
 */
export function similarName(name: string, known: Iterable<string>): string | undefined {
  const candidates = [...known].filter((candidate) => digits(candidate) === digits(name))
  const lowerCase = candidates.map((candidate) => candidate.toLowerCase())
  const maxDistance = Math.min(MAX_TYPOS, Math.floor(name.length / 3))
  const match = closestMatch(name.toLowerCase(), lowerCase, { maxDistance })
  return match === undefined ? undefined : candidates[lowerCase.indexOf(match)]
}

function digits(name: string): string {
  return name.replace(/\D/g, '')
}
