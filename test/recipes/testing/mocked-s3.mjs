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
/** The body of each part. */
export const bodies = []

/** To be called before each test. */
export function mockS3() {
  s3.reset()
  bodies.length = 0
  // The stream uses the memory of a part again, so its bytes are copied.
  const store = async ({ PartNumber = 1, Body }) => {
    bodies[PartNumber - 1] = Buffer.from(Body)
    return { ETag: `"part ${PartNumber}"` }
  }
  // An object of at most one part.
  s3.on(PutObjectCommand).callsFake(store)
  // A larger object.
  s3.on(CreateMultipartUploadCommand).resolves({ UploadId: 'upload' })
  s3.on(UploadPartCommand).callsFake(store)
  s3.on(CompleteMultipartUploadCommand).resolves({ ETag: '"object"' })
  // The clean-up of a failed upload.
  s3.on(AbortMultipartUploadCommand).resolves({})
  s3.on(ListPartsCommand).resolves({ Parts: [] })
}
