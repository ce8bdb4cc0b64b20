import { fullObjectAlgorithm, isFullObjectHash, isVerifiedByS3 } from './checksums.js'
import type { Params } from './types.js'

/** The S3 operations that are sent. */
export type Operation =
  | 'PutObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts'
  | 'HeadObject'
  | 'ListMultipartUploads'

const BUCKET = ['Bucket', 'ExpectedBucketOwner', 'RequestPayer']
const ALWAYS = ['Key', ...BUCKET]
/** S3 does not store a customer's key, so every request that reads or writes bytes must carry it. */
const CUSTOMER_KEY = ['SSECustomerAlgorithm', 'SSECustomerKey', 'SSECustomerKeyMD5']
const CONDITIONS = ['IfMatch', 'IfNoneMatch']
/**
 * Whether an operation accepts the caller's parameter of this name. PutObject and CreateMultipartUpload also accept the
 * names that are unknown here, because a newer SDK may add parameters.
 */
const ACCEPTS: Record<Operation, (name: string) => boolean> = {
  PutObject: (name) => name !== 'ChecksumType',
  CreateMultipartUpload: (name) =>
    ![...CONDITIONS, 'ContentMD5'].includes(name) && fullObjectAlgorithm(name) === undefined,
  UploadPart: (name) => ALWAYS.includes(name) || CUSTOMER_KEY.includes(name),
  CompleteMultipartUpload: (name) =>
    ACCEPTS.UploadPart(name) || CONDITIONS.includes(name) || isVerifiedByS3(fullObjectAlgorithm(name)),
  AbortMultipartUpload: (name) => ALWAYS.includes(name),
  ListParts: (name) => ACCEPTS.UploadPart(name),
  HeadObject: (name) => ACCEPTS.UploadPart(name),
  ListMultipartUploads: (name) => BUCKET.includes(name),
}

/** The caller's parameters that the operation accepts. */
export function paramsFor(operation: Operation, s3: Params): Params {
  const params: Record<string, unknown> = {}
  for (const name of Object.keys(s3)) if (ACCEPTS[operation](name)) params[name] = s3[name]
  return params
}

/** Whether only CreateMultipartUpload accepts the parameter, so that it cannot be given for an existing upload. */
export function isCreateOnly(name: string): boolean {
  return (
    /^[A-Z]/.test(name) && !ACCEPTS.CompleteMultipartUpload(name) && !isFullObjectHash(name) && name !== 'ContentLength'
  )
}
