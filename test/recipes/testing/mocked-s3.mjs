import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { mockClient } from 'aws-sdk-client-mock'

export const client = new S3Client({ region: 'us-east-1', maxAttempts: 1 })
export const s3 = mockClient(client)

/** To be called before each test. */
export function mockS3() {
  s3.reset()
  // An object of at most one part.
  s3.on(PutObjectCommand).resolves({ ETag: '"object"' })
  // A larger object.
  s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'upload' })
  s3.on(UploadPartCommand).resolves({ ETag: '"part"' })
  s3.on(CompleteMultipartUploadCommand).resolves({ ETag: '"object"' })
  // The clean-up of a failed upload.
  s3.on(AbortMultipartUploadCommand).resolves({})
  s3.on(ListPartsCommand).resolves({ Parts: [] })
}
