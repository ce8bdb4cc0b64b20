import type { CompleteMultipartUploadCommandOutput, PutObjectCommandOutput } from '@aws-sdk/client-s3'
import type { S3WritableStats } from '../errors/stats.js'

/** S3's answer to the request that makes the object: PutObject's, or CompleteMultipartUpload's. */
export type ObjectAnswer = Partial<PutObjectCommandOutput & CompleteMultipartUploadCommandOutput>

/**
 * What is known of the object after the upload: everything that S3 answered to PutObject or CompleteMultipartUpload, and the
 * fields below.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_ResponseSyntax
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html#API_CompleteMultipartUpload_ResponseSyntax
 */
export interface S3WritableResult extends Omit<ObjectAnswer, 'Bucket' | 'Key' | 'ETag' | 'Location'> {
  /** The bucket of the object. */
  Bucket: string
  /** The key of the object. */
  Key: string
  /** As S3 wrote it, quotes included. It is not the MD5 of the object if the object was stored in parts. */
  ETag: string
  /** The URL of the object: S3's own answer, or else the URL that the object was sent to. */
  Location: string
  /** The multipart upload that made the object; absent if a single PutObject made it. */
  UploadId?: string
  /** The size of the object in bytes. */
  size: number
  /** The number of parts of the object; 1 if a single PutObject made it. */
  parts: number
  /** With `resume`: the bytes that S3 already held and that were not sent again. */
  skipped?: number
  /** How the upload went. */
  stats: S3WritableStats
}

/** The object that S3 has made, before it is known how the upload went. */
export type PublishedObject = Omit<S3WritableResult, 'stats'>
